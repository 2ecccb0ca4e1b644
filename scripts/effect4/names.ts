/** The modules and members of Effect 3 that have only another name in Effect 4. */

/** Modules with another path. Any other module keeps its path if Effect 4 has it. */
export const modules: Readonly<Record<string, string>> = {
  "effect/Either": "effect/Result",
  "effect/FastCheck": "effect/testing/FastCheck",
  "effect/FiberRef": "effect/References",
  "effect/ParseResult": "effect/SchemaIssue",
  "effect/TestClock": "effect/testing/TestClock",
  "@effect/platform-node/NodeContext": "@effect/platform-node/NodeServices",
  "@effect/platform/Error": "effect/PlatformError",
  "@effect/platform/FileSystem": "effect/FileSystem",
  "@effect/platform/Ndjson": "effect/encoding/Ndjson",
  "@effect/platform/Path": "effect/Path",
  "@effect/platform/KeyValueStore": "effect/persistence/KeyValueStore",
  "@effect/platform/Socket": "effect/socket/Socket",
  "@effect/platform/HttpApp": "effect/http/HttpEffect",
  ...Object.fromEntries(
    [
      ...["Cookies", "Etag", "FetchHttpClient", "Headers", "HttpBody", "HttpClient", "HttpClientError"],
      ...["HttpClientRequest", "HttpClientResponse", "HttpIncomingMessage", "HttpMethod", "HttpMiddleware"],
      ...["HttpPlatform", "HttpRouter", "HttpServer", "HttpServerError", "HttpServerRequest", "HttpServerResponse"],
      ...["HttpTraceContext", "Multipart", "Url", "UrlParams"]
    ].map((name) => [`@effect/platform/${name}`, `effect/http/${name}`])
  ),
  ...Object.fromEntries(
    ["HttpApi", "HttpApiBuilder", "HttpApiEndpoint", "HttpApiGroup", "HttpApiClient", "HttpApiError"].map((name) => [
      `@effect/platform/${name}`,
      `effect/http-api/${name}`
    ])
  ),
  ...Object.fromEntries(
    ["Rpc", "RpcClient", "RpcGroup", "RpcSerialization", "RpcServer"].map((name) => [
      `@effect/rpc/${name}`,
      `effect/rpc/${name}`
    ])
  )
}

/** Modules that Effect 4 does not have. Rules replace the members that are used. */
export const gone: ReadonlySet<string> = new Set([
  "effect/ConfigError",
  "effect/DefaultServices",
  "effect/ExecutionStrategy",
  "effect/FiberId",
  "effect/FiberRefs",
  "effect/TestContext"
])

/** Packages whose index exports their modules as namespaces. */
export const barrels: ReadonlySet<string> = new Set([
  "effect",
  "@effect/platform",
  "@effect/platform-node",
  "@effect/rpc"
])

/** Members with another name, by the module of Effect 3. */
export const members: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "effect/Effect": {
    async: "callback",
    catchAll: "catch",
    catchAllCause: "catchCause",
    catchAllDefect: "catchDefect",
    catchSome: "catchIf",
    either: "result",
    fork: "forkChild",
    forkDaemon: "forkDetach",
    locally: "provideService",
    locallyWith: "updateService",
    mapInputContext: "updateContext",
    runtime: "context",
    tapErrorCause: "tapCause",
    withFiberRuntime: "withFiber",
    zipRight: "andThen"
  },
  "effect/Fiber": { RuntimeFiber: "Fiber" },
  "effect/Scope": { CloseableScope: "Closeable", extend: "provide" },
  "effect/Cause": {
    NoSuchElementException: "NoSuchElementError",
    TimeoutException: "TimeoutError",
    failureOption: "findErrorOption",
    isDie: "hasDies",
    isFailure: "hasFails",
    isInterrupted: "hasInterrupts",
    isInterruptedOnly: "hasInterruptsOnly",
    parallel: "combine",
    sequential: "combine"
  },
  "effect/Exit": { isInterrupted: "hasInterrupts" },
  "effect/Deferred": { unsafeDone: "doneUnsafe" },
  "effect/Either": {
    Either: "Result",
    flip: "flip",
    getLeft: "getFailure",
    getRight: "getSuccess",
    isLeft: "isFailure",
    isRight: "isSuccess",
    left: "fail",
    mapLeft: "mapError",
    right: "succeed"
  },
  "effect/Option": { fromNullable: "fromNullishOr", getRight: "getSuccess", getLeft: "getFailure" },
  "effect/Duration": { DurationInput: "Input", decode: "fromInputUnsafe", decodeUnknown: "fromInput" },
  "effect/DateTime": { lessThan: "isLessThan", unsafeMake: "makeUnsafe", unsafeNow: "nowUnsafe" },
  "effect/Context": { unsafeGet: "getUnsafe" },
  "effect/Layer": {
    scoped: "effect",
    scopedContext: "effectContext",
    scopedDiscard: "effectDiscard",
    unwrapEffect: "unwrap",
    unwrapScoped: "unwrap"
  },
  "effect/Array": { isNonEmptyArray: "isArrayNonEmpty", isNonEmptyReadonlyArray: "isReadonlyArrayNonEmpty" },
  "effect/Stream": { repeatEffect: "fromEffectRepeat", unwrapScoped: "unwrap" },
  "effect/Queue": { unsafeOffer: "offerUnsafe" },
  "effect/Redacted": { unsafeWipe: "wipeUnsafe" },
  "effect/Config": {
    boolean: "Boolean",
    duration: "Duration",
    integer: "Int",
    number: "Number",
    redacted: "Redacted",
    string: "String",
    url: "URL"
  },
  "effect/Schema": {
    Date: "DateFromString",
    decode: "decodeEffect",
    decodeUnknown: "decodeUnknownEffect",
    decodeUnknownEither: "decodeUnknownResult",
    encode: "encodeEffect",
    encodeUnknown: "encodeUnknownEffect",
    parseJson: "fromJsonString"
  },
  "effect/FiberRef": {
    currentTracerEnabled: "TracerEnabled",
    currentTracerSpanAnnotations: "TracerSpanAnnotations",
    currentTracerSpanLinks: "TracerSpanLinks",
    currentTracerTimingEnabled: "TracerTimingEnabled"
  },
  "effect/Logger": { jsonLogger: "formatJson", logfmtLogger: "formatLogFmt" },
  "@effect/platform/HttpApiBuilder": { api: "layer" },
  "@effect/platform/Ndjson": { unpackSchema: "decodeSchema" },
  "@effect/platform/Cookies": { unsafeMakeCookie: "makeCookieUnsafe" },
  "@effect/platform-node/NodeHttpClient": { layer: "layerNodeHttp" },
  "@effect/platform/Headers": { currentRedactedNames: "CurrentRedactedNames", unsafeFromRecord: "fromRecordUnsafe" },
  "@effect/platform/HttpBody": { unsafeJson: "jsonUnsafe" },
  "@effect/platform/HttpClient": {
    currentTracerDisabledWhen: "TracerDisabledWhen",
    currentTracerPropagation: "TracerPropagationEnabled"
  },
  "@effect/platform/HttpClientRequest": { bodyUnsafeJson: "bodyJsonUnsafe" }
}

/** Properties of Effect's values with another name, by the module that declares the type of the object. */
export const properties: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Fiber: { currentContext: "context", getFiberRef: "getRef", unsafePoll: "pollUnsafe" },
  Context: { unsafeMap: "mapUnsafe" },
  Clock: { unsafeCurrentTimeMillis: "currentTimeMillisUnsafe", unsafeCurrentTimeNanos: "currentTimeNanosUnsafe" },
  DateTime: { epochMillis: "epochMilliseconds" },
  Effect: { unsafeClose: "closeUnsafe", unsafeOpen: "openUnsafe" },
  Either: { left: "failure", onLeft: "onFailure", onRight: "onSuccess", right: "success" }
}

/** Tags of Effect's values, by the module that declares their type. */
export const tags: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Either: { Left: "Failure", Right: "Success" },
  Error: { SystemError: "PlatformError" },
  ParseResult: { ParseError: "SchemaError" }
}

/** Words in comments and pages, where the compiler cannot determine their meaning. */
export const words: ReadonlyArray<readonly [pattern: RegExp, text: string]> = [
  [/\bParseError\b/g, "SchemaError"],
  [/\bSystemError\b/g, "PlatformError"],
  [/\bHttpApiBuilder\.toWebHandler\b/g, "HttpRouter.toWebHandler"],
  [/\bHttpClient of @effect\/platform\b/g, "HttpClient of Effect"],
  [/@effect\/platform's\b/g, "Effect's"],
  [/@effect\/platform(?!-)\b/g, "effect/http"]
]
