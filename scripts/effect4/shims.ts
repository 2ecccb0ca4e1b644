/**
 * Replaces members of Effect 3 that tests use and Effect 4 does not have by helpers of `effect4/test/support/effect4`
 * with the same arguments.
 */
import type { Rewriter } from "./rewriter.js"

/**
 * The file and the name of each helper, by module and member. "*" stands for all members; the module names the helper.
 */
const shims: Readonly<Record<string, Readonly<Record<string, readonly [file: string, name: string]>>>> = {
  "effect/Cause": {
    defects: ["causes", "defects"],
    dieOption: ["causes", "dieOption"],
    failures: ["causes", "failures"],
    isEmpty: ["causes", "isEmptyType"],
    isDieType: ["causes", "isDieType"],
    isEmptyType: ["causes", "isEmptyType"],
    isFailType: ["causes", "isFailType"],
    isInterruptType: ["causes", "isInterruptType"],
    pretty: ["causes", "pretty"]
  },
  "effect/Effect": {
    async: ["effects", "callback"],
    getFiberRefs: ["runs", "getFiberRefs"],
    disconnect: ["effects", "disconnect"],
    forkAll: ["effects", "forkAll"],
    intoDeferred: ["effects", "intoDeferred"],
    iterate: ["effects", "iterate"],
    merge: ["effects", "merge"],
    tap: ["effects", "tap"],
    orDieWith: ["effects", "orDieWith"],
    withMaxOpsBeforeYield: ["effects", "withMaxOpsBeforeYield"]
  },
  "effect/Fiber": {
    interrupt: ["fibers", "interrupt"],
    interruptFork: ["fibers", "interruptFork"],
    roots: ["fibers", "roots"]
  },
  "effect/FiberRef": { make: ["fibers", "makeReference"], set: ["fibers", "setReference"] },
  "@effect/platform/KeyValueStore": { make: ["stores", "makeStore"], makeStringOnly: ["stores", "makeTextStore"] },
  "effect/Schedule": { intersect: ["schedules", "intersect"], tapInput: ["schedules", "tapInput"] },
  "effect/Stream": {
    async: ["streams", "asyncStream"],
    flattenChunks: ["streams", "flattenChunks"],
    mapConcat: ["streams", "mapConcat"],
    repeatValue: ["streams", "repeatValue"],
    runFold: ["streams", "runFold"],
    runFoldEffect: ["streams", "runFoldEffect"],
    runForEachChunk: ["streams", "runForEachChunk"],
    toPull: ["streams", "toPull"],
    unfold: ["streams", "unfold"]
  },
  "effect/Logger": {
    make: ["loggers", "makeLogger"],
    defaultLogger: ["loggers", "defaultLogger"],
    remove: ["loggers", "remove"],
    replace: ["loggers", "replace"],
    stringLogger: ["loggers", "stringLogger"],
    structuredLogger: ["loggers", "structuredLogger"],
    withMinimumLogLevel: ["loggers", "withMinimumLogLevel"]
  },
  "effect/LogLevel": { All: ["loggers", "allLevels"], Debug: ["loggers", "debugLevel"] },
  "effect/Inspectable": { toJSON: ["loggers", "toJSON"], withRedactableContext: ["loggers", "withRedactableContext"] },
  "effect/TestClock": { adjust: ["testClock", "adjust"], setTime: ["testClock", "setTime"] },
  "effect/Runtime": { runFork: ["runs", "runFork"] },
  "effect/Layer": { map: ["references", "mapLayer"] },
  "@effect/platform/FileSystem": { Size: ["references", "Size"] },
  "@effect/platform/HttpClient": {
    withSpanNameGenerator: ["references", "withSpanNameGenerator"],
    withTracerDisabledWhen: ["references", "withTracerDisabledWhen"],
    withTracerPropagation: ["references", "withTracerPropagation"]
  },
  "@effect/platform/HttpIncomingMessage": { withMaxBodySize: ["references", "withMaxBodySize"] },
  "@effect/platform/Multipart": {
    withFieldMimeTypes: ["references", "withFieldMimeTypes"],
    withMaxFieldSize: ["references", "withMaxFieldSize"],
    withMaxFileSize: ["references", "withMaxFileSize"],
    withMaxParts: ["references", "withMaxParts"]
  },
  "@effect/platform-node/NodeKeyValueStore": { layerFileSystem: ["references", "layerFileSystem"] },
  "effect/ParseResult": { isParseError: ["schemas", "isParseError"] }
}

const onlyInTests = (path: string): boolean => path.startsWith("test/")

/** The helper that replaces a member in a test. */
export const shimOf = (module: string, member: string, file: Rewriter): string | undefined => {
  if (!onlyInTests(file.path)) return undefined
  if (module === "effect/FastCheck") return `${file.helper("fastCheck", "FastCheck")}.${member}`
  if (module === "effect/Chunk") return `${file.helper("chunks", "Chunk")}.${member}`
  const found = shims[module]?.[member]
  return found === undefined ? undefined : file.helper(...found)
}
