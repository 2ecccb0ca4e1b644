/**
 * Responses, and decoders for their bodies.
 *
 * @since 0.1.0
 */
import type * as Cookies from "@effect/platform/Cookies"
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import type * as Headers from "@effect/platform/Headers"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import type { HttpIncomingMessage } from "@effect/platform/HttpIncomingMessage"
import type * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Inspectable } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Unify } from "effect/Unify"
import type { ClientRequest, HeadersInput, Progress } from "./ClientRequest.js"
import type {
  ClientError,
  ClientPayloadError,
  ClientResponseError,
  ContentTypeError,
  JsonDecodeError,
  SessionClosedError,
  SocketTimeoutError,
  TotalTimeoutError
} from "./Errors.js"
import { platformResponse } from "./internal/platform/httpClientResponse.js"
import { inPieces } from "./internal/response/body/pieces.js"
import { Response } from "./internal/response/response.js"
import * as File from "./internal/session/files/download.js"
import { unopenedOf } from "./internal/session/unopenedRequest.js"
import { userResponse } from "./internal/session/userResponse.js"
import type { Event } from "./Sse.js"
import type { TlsInfo } from "./Ssl.js"
import type { Phase } from "./Timeouts.js"

/**
 * Marks a response.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = "~effect-http-session/ClientResponse"

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/ClientResponse"

/**
 * A link of a Link header (RFC 8288).
 *
 * @since 0.1.0
 * @category models
 */
export interface Link {
  /** The target of the link, resolved against the URL of the response. */
  readonly url: string
  /** The relation types as received, separated by spaces. */
  readonly rel: Option.Option<string>
  /** The first value of each parameter, by lower-case name. `title` is the decoded `title*`, if there is one. */
  readonly params: { readonly [name: string]: string }
}

/**
 * A parsed Content-Disposition header (RFC 6266).
 *
 * @since 0.1.0
 * @category models
 */
export interface ContentDisposition {
  /** The type in lower case, such as "attachment". */
  readonly type: string
  /**
   * The name that the server suggests, decoded from `filename*` if there is one. Check it before you use it as a path.
   */
  readonly filename: Option.Option<string>
  readonly parameters: { readonly [name: string]: string }
}

/**
 * The request as sent (aiohttp: `request_info`). When it is printed, credentials are redacted.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestInfo {
  readonly method: string
  readonly url: string
  readonly realUrl: string
  readonly headers: Headers.Headers
}

/**
 * The connection of the response.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionInfo {
  readonly id: number
  readonly reused: boolean
  readonly remoteAddress?: string | undefined
  readonly localAddress?: string | undefined
  readonly tls?: TlsInfo | undefined
  /** The protocol of the connection, by its name in ALPN (RFC 7301). Mocks do not set it. */
  readonly protocol?: "http/1.1" | "h2" | undefined
  /** The number of the request's stream on an HTTP/2 connection (RFC 9113 section 5.1.1). */
  readonly streamId?: number | undefined
}

/**
 * Milliseconds spent in each phase so far. `body` and `total` are set when the body ends.
 *
 * @since 0.1.0
 * @category models
 */
export type Timings = { readonly [P in Phase | "total"]?: number | undefined }

/**
 * A response without its body, for `history`, errors and signals.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResponseHead extends Inspectable {
  readonly status: number
  /** The reason phrase, or "". */
  readonly reason: string
  readonly version: "1.0" | "1.1" | "2"
  /** Whether `status` is below 400. */
  readonly ok: boolean
  readonly method: string
  /** The URL of the response, without fragment and userinfo. */
  readonly url: string
  /** `url` with the fragment. */
  readonly realUrl: string
  /** Headers by lower-case name. The values of a repeated header are joined by ", ". */
  readonly headers: Headers.Headers
  /** The first header of this name, in any case. */
  readonly header: (name: string) => Option.Option<string>
  /** All headers of this name, in order. */
  readonly headerValues: (name: string) => ReadonlyArray<string>
  /** The header lines as received bytes, in their order and case (aiohttp: `raw_headers`). */
  readonly rawHeaders: ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /**
   * The cookies that this response sets, by name; `valueEncoded` is the value as received. Cookies of earlier hops are
   * in the session's jar.
   */
  readonly cookies: Cookies.Cookies
  /**
   * The links of Link headers by lower-case relation type; a link without a type has its URL as the key. If several
   * links have the same type, the first counts.
   */
  readonly links: ReadonlyMap<string, Link>
  /** The media type of the body without parameters; "application/octet-stream" without a Content-Type header. */
  readonly contentType: string
  /** The charset parameter of Content-Type, as received. */
  readonly charset: Option.Option<string>
  /** The Content-Length header: the length of the body in bytes, before decoding. */
  readonly contentLength: Option.Option<number>
  /**
   * Whether the message itself determines where its body ends: by Content-Length, by chunked coding, or because it has
   * no body. If `true`, a truncated body is a failure. If `false`, the body ends when the server closes the connection
   * (RFC 9112 section 8), and a body that was truncated by a regular close looks complete. This includes TLS, because
   * Node does not distinguish a close_notify from the end of the TCP stream.
   */
  readonly lengthVerified: boolean
  /** The deviations from HTTP that the parser tolerated in this response; normally empty. */
  readonly deviations: ReadonlyArray<Deviation>
  readonly contentDisposition: Option.Option<ContentDisposition>
  readonly requestInfo: RequestInfo
}

/**
 * A deviation from HTTP that the parser tolerates in a response (RFC 9112). After a deviation marked "closes", the
 * connection is not reused, so that no byte of this response can be taken for the next one. With the `http1.strict`
 * option of a connector, every deviation is an error.
 *
 * - `BareLineFeed`: a line ends with LF alone (section 2.2); closes.
 * - `FoldedLine`: a field line continues on the next one, or white space precedes the first field (section 5.2); closes.
 * - `SpaceBeforeColon`: white space between a field name and its colon (section 5.1); closes.
 * - `InvalidFieldName`: a field name contains characters that are not allowed in a token; the parser drops the line;
 *   closes.
 * - `ControlCharacter`: a control character in a value or a reason phrase (RFC 9110 section 5.5).
 * - `StatusLineSpacing`: the parts of the status line are not separated by exactly one space (section 4); closes.
 * - `LengthWithChunked`: the head has both Content-Length and `Transfer-Encoding: chunked`; the parser removes
 *   Content-Length (section 6.3); closes.
 * - `RepeatedChunked`: Transfer-Encoding names chunked more than once; it is applied once; closes.
 * - `IdentityCoding`: Transfer-Encoding names the obsolete coding identity; closes.
 * - `ChunkSizeSpacing`: white space around a chunk size (section 7.1).
 * - `ChunkExtension`: a malformed chunk extension, which the parser skips (section 7.1.1).
 * - `TruncatedCoding`: a gzip or deflate body, complete by its framing, ends after a flush without a final block, or
 *   without its checksum (RFC 1951, RFC 1952). Listed once the body has been read to its end. A body that ends inside a
 *   block, a body that ends with its connection, and a truncated br or zstd body fail instead.
 *
 * @since 0.1.0
 * @category models
 */
export type Deviation =
  | "BareLineFeed"
  | "FoldedLine"
  | "SpaceBeforeColon"
  | "InvalidFieldName"
  | "ControlCharacter"
  | "StatusLineSpacing"
  | "LengthWithChunked"
  | "RepeatedChunked"
  | "IdentityCoding"
  | "ChunkSizeSpacing"
  | "ChunkExtension"
  | "TruncatedCoding"

/**
 * Failures of the decoders, written out: with an alias, the compiler would print 27 names where `ClientError` suffices,
 * because TypeScript expands overlapping aliases when it joins them.
 */
interface Fails {
  readonly body: ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError
  readonly json: Fails["body"] | ContentTypeError | JsonDecodeError
}

/**
 * Options for reading a body as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonOptions {
  /**
   * The required media type; any other type fails with `ContentTypeError`. `false` ignores the type: a body that is not
   * JSON fails with `JsonDecodeError`. By default every type is accepted, and the type selects the error for a body
   * that is not JSON: `JsonDecodeError` for application/json, text/json and types with the suffix "+json", else
   * `ContentTypeError`.
   */
  readonly contentType?: string | false | undefined
  /**
   * The encoding of the body, unless it starts with a byte order mark. Default: the charset of Content-Type, otherwise
   * "utf-8".
   */
  readonly encoding?: string | undefined
  /** Parses the text; an exception that it throws becomes a `JsonDecodeError`. Default `JSON.parse`. */
  readonly parse?: ((text: string) => unknown) | undefined
}

/**
 * A response whose body can be read. It is open until the Scope of its request closes. `bytes`, `text`, `json` and
 * similar members keep the body, so that they can run repeatedly. `stream`, `lines` and `events` do not keep it: a
 * second read fails with `ClientPayloadError`, reason "Consumed". A read after the Scope has closed fails with reason
 * "Released".
 *
 * Bodies are decoded by Content-Encoding: gzip, deflate (with or without a zlib header), br, and from Node 24 on zstd,
 * up to five codings. A body with an unknown coding is not decoded. Malformed or truncated encoded data fails with
 * reason "Decompression". Without `maxBodySize`, an encoded body fails with reason "TooLarge" once it exceeds both 64
 * MiB and 200 times the received size. A body also fails with reason "TooLarge" if it exceeds `maxBodySize`, or the
 * limit that `HttpIncomingMessage.withMaxBodySize` of @effect/platform sets in the reading fiber.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientResponse extends ResponseHead, HttpIncomingMessage<ClientError> {
  readonly [TypeId]: TypeId
  readonly headers: Headers.Headers
  /** The responses of the redirect chain, first to last. */
  readonly history: ReadonlyArray<ResponseHead>
  /**
   * The number of requests sent for this response. It includes redirects, retries, and requests repeated with
   * credentials or on a new connection. 0 if a middleware or the cache produced the response without sending a request.
   */
  readonly attempts: number
  readonly connection: ConnectionInfo
  /** A snapshot of the durations so far. Later snapshots contain more phases, until the body ends. */
  readonly timings: Timings

  /** The whole body (aiohttp: `read()`). Interrupting the read discards the body. */
  readonly bytes: Effect.Effect<Uint8Array, Fails["body"]>
  readonly arrayBuffer: Effect.Effect<ArrayBuffer, Fails["body"]>
  /**
   * The body as text, decoded by a byte order mark, the charset of Content-Type, the session's `fallbackCharset`, or
   * UTF-8, in this order. Labels are those of the Encoding Standard: "iso-8859-1" and "us-ascii" mean windows-1252. The
   * byte order mark is removed; malformed bytes become U+FFFD.
   */
  readonly text: Effect.Effect<string, Fails["body"]>
  /** The body as text in this encoding, unless it starts with a byte order mark. */
  readonly textWith: (encoding: string) => Effect.Effect<string, Fails["body"]>
  /**
   * The body parsed as JSON, for every media type; an empty body is `null`. After a `ContentTypeError` or a
   * `JsonDecodeError`, the body can still be read.
   */
  readonly json: Effect.Effect<unknown, Fails["json"]>
  readonly jsonWith: (options: JsonOptions) => Effect.Effect<unknown, Fails["json"]>
  readonly urlParamsBody: Effect.Effect<UrlParams.UrlParams, Fails["body"]>
  /** Fails with reason "Framing" if the body is not a form. */
  readonly formData: Effect.Effect<FormData, Fails["body"]>
  /**
   * The decoded chunks. If the stream ends early and the rest of the body is short, the session reads the rest, so that
   * the connection can be reused; otherwise it closes the connection.
   */
  readonly stream: Stream.Stream<Uint8Array, Fails["body"]>
  /**
   * The lines of the text, separated by LF or CRLF, without the separator. A line of more than 1 MiB of UTF-8 fails
   * with reason "LineTooLong".
   */
  readonly lines: Stream.Stream<string, Fails["body"]>
  /**
   * Server-sent events. An event of more than 1 MiB fails with reason "TooLarge". A body with another Content-Type than
   * text/event-stream, such as the JSON error of an API, fails with `ContentTypeError` and can still be read. A body
   * without a Content-Type is read as events.
   */
  readonly events: Stream.Stream<Event, Fails["body"] | ContentTypeError>
  /** The trailer fields. Reads and keeps the body first, unless a stream has already read it. */
  readonly trailers: Effect.Effect<Headers.Headers, Fails["body"]>

  /**
   * Returns the response itself, or fails with `ClientResponseError` for statuses from 400 on. The error contains the
   * first 64 KiB of the body (`errorBodySize`), as far as they arrive within a second. The whole body can still be read
   * while the Scope is open.
   */
  readonly raiseForStatus: Effect.Effect<ClientResponse, ClientResponseError>
  /** Returns the connection to the pool, or closes it if much of the body is unread. Runs when the Scope closes. */
  readonly release: Effect.Effect<void>
}

/**
 * The content of a response.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResponseInit {
  /** An integer from 200 to 599. */
  readonly status: number
  /** The reason phrase. Default: the standard one of the status. */
  readonly reason?: string | undefined
  /** The header lines. Default: Content-Type for text and `json`, otherwise none. */
  readonly headers?: HeadersInput | undefined
  /** Text is encoded as UTF-8. Default empty. `body` and `json` cannot be combined. */
  readonly body?: string | Uint8Array | undefined
  /** A value for `JSON.stringify`. */
  readonly json?: unknown
}

/**
 * Creates a response without a server, for middlewares that answer requests. Redirects, `raiseForStatus` and decoders
 * treat it like a response from the network. The jar does not store its cookies, and `attempts` does not count it.
 * Throws if the status, the headers or the body are invalid.
 *
 * ```ts
 * import { ClientResponse, type Middleware, Session } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * const maintenance: Middleware.Middleware = (request, next) =>
 *   request.url.startsWith("https://old.example/")
 *     ? Effect.sync(() => ClientResponse.make(request, { status: 503, headers: { "retry-after": "60" } }))
 *     : next(request)
 *
 * export const Live = Session.layer({ middlewares: [maintenance] })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (request: ClientRequest, init: ResponseInit): ClientResponse => userResponse(request, init)

/**
 * Whether a value is a response.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientResponse = (u: unknown): u is ClientResponse => Predicate.hasProperty(u, TypeId)

/**
 * The handlers of `matchStatus`: for single statuses such as 404, for classes of statuses, and for all others.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatusCases {
  readonly [status: number]: (response: ClientResponse) => unknown
  readonly "2xx"?: (response: ClientResponse) => unknown
  readonly "3xx"?: (response: ClientResponse) => unknown
  readonly "4xx"?: (response: ClientResponse) => unknown
  readonly "5xx"?: (response: ClientResponse) => unknown
  readonly orElse: (response: ClientResponse) => unknown
}

/**
 * The result type of `matchStatus` with these cases.
 *
 * @since 0.1.0
 * @category models
 */
export type StatusResult<Cases> = Cases[keyof Cases] extends (response: never) => infer A ? Unify<A> : never

const statusClasses = [undefined, undefined, "2xx", "3xx", "4xx", "5xx"] as const

/**
 * Calls the handler for the status of a response, else the handler for its class, else `orElse` (@effect/platform:
 * `HttpClientResponse.matchStatus`).
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { ClientResponse, Session } from "effect-http-session"
 *
 * const user = Session.get("https://api.example/users/1").pipe(
 *   ClientResponse.use(
 *     ClientResponse.matchStatus({
 *       200: (response) => Effect.map(response.json, Option.some),
 *       404: () => Effect.succeedNone,
 *       orElse: (response) => Effect.zipRight(response.raiseForStatus, Effect.succeedNone)
 *     })
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category pattern matching
 */
export const matchStatus: {
  <const Cases extends StatusCases>(cases: Cases): (self: ClientResponse) => StatusResult<Cases>
  <const Cases extends StatusCases>(self: ClientResponse, cases: Cases): StatusResult<Cases>
} = dual(2, (self: ClientResponse, cases: StatusCases): unknown => {
  const { status } = self
  const name = statusClasses[Math.floor(status / 100)]
  return (cases[status] ?? (name === undefined ? undefined : cases[name]) ?? cases.orElse)(self)
})

/**
 * Converts the response for functions of @effect/platform that take an `HttpClientResponse`, such as its `matchStatus`
 * and `filterStatusOk`. Decoders fail with `ResponseError`, whose `cause` is the error of this package. Reading the
 * body through the converted response releases this response.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHttpClientResponse = (self: ClientResponse): HttpClientResponse => platformResponse(self)

// Decoders for requests that have not been sent: they send the request, read the response and release it, so that no
// Scope is required. Directly behind a verb they cost nothing extra; behind other combinators (`Effect.tap`, …) they
// cost an `Effect.scoped`.

/** Opens the response in a new Scope, separate from one that `f` requires. */
const useScoped = <E, R, A, E2, R2>(
  self: Effect.Effect<ClientResponse, E, R>,
  f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, E | E2, R2 | Exclude<R, Scope.Scope>> =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) => Effect.flatMap(Scope.extend(self, scope), f),
    (scope, exit) => Scope.close(scope, exit)
  )

/**
 * Sends the request, runs `f` with the response, and then releases the response. If `f` requires a Scope itself, the
 * result requires it too.
 *
 * Every other decoder for unsent requests is `use` with the member of the same name. Applied directly to a verb, `use`
 * does not create a Scope.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ClientResponse, Session } from "effect-http-session"
 *
 * const etag = Session.get("https://example.com/").pipe(
 *   ClientResponse.use((response) => Effect.as(response.text, response.header("etag")))
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const use: {
  <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): <E, R>(self: Effect.Effect<ClientResponse, E, R>) => Effect.Effect<A, E | E2, R2 | Exclude<R, Scope.Scope>>
  <E, R, A, E2, R2>(
    self: Effect.Effect<ClientResponse, E, R>,
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, E | E2, R2 | Exclude<R, Scope.Scope>>
} = dual(
  2,
  <E, R, A, E2, R2>(
    self: Effect.Effect<ClientResponse, E, R>,
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, E | E2, R2 | Exclude<R, Scope.Scope>> => unopenedOf(self)?.use(f) ?? useScoped(self, f)
)

const discardOpened = (response: ClientResponse): Effect.Effect<ResponseHead> =>
  response instanceof Response ? Effect.map(response.discardBody, () => response.toHead()) : Effect.succeed(response)

/**
 * Discards the body and returns the head. If the rest of the body is short and its length is known, it is read so that
 * the connection can be reused; otherwise the connection is closed. Errors in the body are ignored.
 *
 * @since 0.1.0
 * @category decoders
 */
export const discard = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Effect.Effect<ResponseHead, E, Exclude<R, Scope.Scope>> => use(self, discardOpened)

// A collected body of this package's response is decoded synchronously, which saves the steps of an effect.
const bytesOf = (response: ClientResponse) =>
  response instanceof Response && response.isCollected ? response.bytesNow() : response.bytes

/**
 * Returns the whole body, decoded by Content-Encoding. Fails with `ClientPayloadError`, `SocketTimeoutError`,
 * `TotalTimeoutError` or `SessionClosedError` (aiohttp: `read()`).
 *
 * @since 0.1.0
 * @category decoders
 */
export const bytes = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Effect.Effect<Uint8Array, E | Fails["body"], Exclude<R, Scope.Scope>> =>
  unopenedOf(self)?.collect(bytesOf) ?? useScoped(self, bytesOf)

const textOf = (response: ClientResponse) =>
  response instanceof Response && response.isCollected ? response.textNow(undefined) : response.text

/**
 * Returns the body as text, decoded by a byte order mark, the charset of Content-Type, the session's `fallbackCharset`,
 * or UTF-8, in this order (Encoding Standard: "iso-8859-1" means windows-1252, as in browsers). Malformed bytes become
 * U+FFFD, a byte order mark is removed, and an unknown charset is ignored. Fails like `bytes`.
 *
 * @since 0.1.0
 * @category decoders
 */
export const text = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Effect.Effect<string, E | Fails["body"], Exclude<R, Scope.Scope>> =>
  unopenedOf(self)?.collect(textOf) ?? useScoped(self, textOf)

const jsonOf = (response: ClientResponse) =>
  response instanceof Response && response.isCollected ? response.jsonNow(undefined) : response.json

/**
 * Returns the body parsed as JSON, for every media type. A body that is empty or consists of white space is `null`. A
 * body that is not JSON fails with `JsonDecodeError` if the media type is application/json, text/json or has the suffix
 * "+json", else with `ContentTypeError`, which contains the type and the beginning of the body. Also fails like
 * `bytes`.
 *
 * @example
 * ```ts
 * import { Session, ClientResponse } from "effect-http-session"
 *
 * const repository = Session.get("https://api.github.com/repos/Effect-TS/effect").pipe(ClientResponse.json)
 * ```
 *
 * @since 0.1.0
 * @category decoders
 */
export const json = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Effect.Effect<unknown, E | Fails["json"], Exclude<R, Scope.Scope>> =>
  unopenedOf(self)?.collect(jsonOf) ?? useScoped(self, jsonOf)

/**
 * Returns the body parsed as JSON and decoded by a schema. Fails like `json`, and with `ParseError`. For an opened
 * response, use `HttpIncomingMessage.schemaBodyJson` of @effect/platform.
 *
 * @since 0.1.0
 * @category decoders
 */
export const schemaJson = <A, I, R2>(
  schema: Schema.Schema<A, I, R2>,
  options?: ParseOptions & JsonOptions
): (<E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<A, E | Fails["json"] | ParseError, R2 | Exclude<R, Scope.Scope>>) => {
  const decode = Schema.decodeUnknown(schema, options)
  const given = options ?? {}
  const opened = (response: ClientResponse) =>
    Effect.flatMap(
      response instanceof Response && response.isCollected ? response.jsonNow(given) : response.jsonWith(given),
      decode
    )
  return (self) => unopenedOf(self)?.collect(opened) ?? useScoped(self, opened)
}

/**
 * Options of `stream`.
 *
 * @since 0.1.0
 * @category options
 */
export interface StreamOptions {
  /**
   * Maximum size of a chunk in bytes. Larger chunks are split; smaller ones are not merged (aiohttp: `iter_chunked`). A
   * value that is not a positive integer is a defect. By default chunks keep the size in which they arrive.
   */
  readonly chunkSize?: number | undefined
}

/**
 * Streams the chunks of the body, decoded by Content-Encoding. The request is sent when the stream runs, with
 * backpressure to the server. Ending the stream early releases the response. Fails like `bytes`.
 *
 * @since 0.1.0
 * @category decoders
 */
export const stream = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>,
  options?: StreamOptions
): Stream.Stream<Uint8Array, E | Fails["body"], Exclude<R, Scope.Scope>> =>
  inPieces(Stream.unwrapScoped(Effect.map(self, (response) => response.stream)), options?.chunkSize)

/**
 * Options of `toFile`.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions {
  /**
   * How often a GET is repeated if its body breaks off; 0 or `false` disables it. Default 3.
   *
   * `true` means 3, and lets a later run of the program continue the download: after a failure or an interruption, the
   * received bytes stay in a file `<name>.<hash>.unfinished` beside the path, with the validator of the response. They
   * are not kept if the response has neither a strong ETag nor a reliable Last-Modified, or if the process is killed.
   */
  readonly resume?: number | boolean | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * Writes the body to a file. The bytes go to a temporary file in the same directory, which replaces `path` once the
 * body is complete, so that `path` never contains a partial file. After a failure or an interruption the old file is
 * unchanged and the temporary file is removed.
 *
 * A symbolic link is kept, and its target is replaced or created. The new file has the mode of the old one, and its
 * owner and group where permitted. A FIFO or a character device is written directly. A directory, a socket or a block
 * device fails with `SystemError`, reason "BadResource", before the request is sent.
 *
 * If the body breaks off, `toFile` repeats the last request, after all redirects, with the same headers, cookies and
 * credentials. It does so only for a GET with status 200. Earlier requests, such as a POST before a 303, are not
 * repeated. The new request asks for the rest by Range and If-Range if the response had a strong ETag or a reliable
 * Last-Modified, and otherwise for the whole body. For a FIFO or a device, which cannot be rewound, only the rest
 * helps; without it the download fails. The first request asks for a body without Content-Encoding, unless it has its
 * own Accept-Encoding header.
 *
 * A later run of the program starts over, unless `resume` is `true`. With `resume: true` it requests the rest of an
 * unfinished download of the same URL, or starts over if the file has changed on the server. The returned head is then
 * that of the response with the rest, which has status 206.
 *
 * Status 304 leaves the file unchanged; every other status outside 2xx fails with `ClientResponseError`. Fails like
 * `bytes`, with the errors of the request, and with `PlatformError` for the file.
 *
 * @example
 * ```ts
 * import { ClientResponse, Session } from "effect-http-session"
 *
 * const file = Session.get("https://example.com/large.iso").pipe(ClientResponse.toFile("large.iso", { resume: 5 }))
 * ```
 *
 * @since 0.1.0
 * @category decoders
 */
export const toFile: {
  (
    path: string,
    options?: FileOptions
  ): <E, R>(
    self: Effect.Effect<ClientResponse, E, R>
  ) => Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem | Exclude<R, Scope.Scope>>
  <E, R>(
    self: Effect.Effect<ClientResponse, E, R>,
    path: string,
    options?: FileOptions
  ): Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem | Exclude<R, Scope.Scope>>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <E, R>(
    self: Effect.Effect<ClientResponse, E, R>,
    path: string,
    options?: FileOptions
  ): Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem | Exclude<R, Scope.Scope>> =>
    File.toFile(use, self, path, options)
)
