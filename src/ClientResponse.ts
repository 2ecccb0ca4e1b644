/**
 * Responses: the head, and decoders for the body.
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
  /** Resolved against the URL of the response. */
  readonly url: string
  /** As received; may contain several relation types. */
  readonly rel: Option.Option<string>
  /** By lower-case name, the first of each; `title` is decoded if `title*` is present. */
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
  /** As sent by the server, decoded from `filename*` if present. Do not use it as a path without checks. */
  readonly filename: Option.Option<string>
  readonly parameters: { readonly [name: string]: string }
}

/**
 * The request as it was sent. Credentials are redacted when printed (aiohttp: `request_info`).
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
  /** What the connection speaks, by its name in ALPN (RFC 7301). Not set by mocks. */
  readonly protocol?: "http/1.1" | "h2" | undefined
  /** The stream of the request on an HTTP/2 connection (RFC 9113 section 5.1.1). */
  readonly streamId?: number | undefined
}

/**
 * Milliseconds spent in each phase so far. `body` and `total` are set when the body has ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Timings = { readonly [P in Phase | "total"]?: number | undefined }

/**
 * A response without its body, as kept by `history`, errors and signals.
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
  /** Without fragment and userinfo. */
  readonly url: string
  /** With the fragment. */
  readonly realUrl: string
  /** By lower-case name; repeated headers are joined by ", ". */
  readonly headers: Headers.Headers
  /** The first header of this name, in any case. */
  readonly header: (name: string) => Option.Option<string>
  /** All headers of this name, in order. */
  readonly headerValues: (name: string) => ReadonlyArray<string>
  /** The bytes as received, in order and case (aiohttp: `raw_headers`). */
  readonly rawHeaders: ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /**
   * The cookies that this response sets, by name, with `valueEncoded` as received. The session's jar has those of all
   * hops.
   */
  readonly cookies: Cookies.Cookies
  /** Link headers by lower-case relation type, or by URL without one; the first link of a type counts. */
  readonly links: ReadonlyMap<string, Link>
  /** The media type without parameters; "application/octet-stream" if absent. */
  readonly contentType: string
  /** The charset parameter of Content-Type, as received. */
  readonly charset: Option.Option<string>
  /** Length in bytes before decoding, from the header. */
  readonly contentLength: Option.Option<number>
  /**
   * Whether the message itself determines where its body ends: by Content-Length, by chunked coding, or because it has
   * no body. A truncated body is a failure then. Otherwise the body ends with the connection (RFC 9112 section 8), and
   * a truncated body looks complete if the connection was closed in order, also over TLS, because Node does not
   * distinguish a close_notify from the end of the TCP stream.
   */
  readonly lengthVerified: boolean
  /** The deviations from HTTP tolerated in this response; normally empty. */
  readonly deviations: ReadonlyArray<Deviation>
  readonly contentDisposition: Option.Option<ContentDisposition>
  readonly requestInfo: RequestInfo
}

/**
 * A deviation from HTTP that a client tolerates in a response (RFC 9112). Those marked "closes" end the use of the
 * connection with this response, so that its bytes cannot be taken for another response. The `http1.strict` option of
 * a connector refuses them all.
 *
 * - `BareLineFeed`: a line ends with LF alone (section 2.2); closes.
 * - `FoldedLine`: a field line continues on the next one, or white space precedes the first field (section 5.2); closes.
 * - `SpaceBeforeColon`: white space between a field name and its colon (section 5.1); closes.
 * - `InvalidFieldName`: a field name has characters that a token must not have, and the line was dropped; closes.
 * - `ControlCharacter`: a control character in a value or a reason phrase (RFC 9110 section 5.5).
 * - `StatusLineSpacing`: more white space in the status line than one space at each place (section 4); closes.
 * - `LengthWithChunked`: Content-Length beside `Transfer-Encoding: chunked`; chunked counts, and Content-Length was
 *   removed (section 6.3); closes.
 * - `RepeatedChunked`: the transfer coding chunked is named more than once; it counts once; closes.
 * - `IdentityCoding`: the obsolete transfer coding identity; closes.
 * - `ChunkSizeSpacing`: white space around a chunk size (section 7.1).
 * - `ChunkExtension`: a chunk extension that is not well-formed, and was skipped (section 7.1.1).
 * - `TruncatedCoding`: a gzip or deflate body that is complete by its framing ends after a flush, without a final block,
 *   or lacks its checksum (RFC 1951, RFC 1952). It is listed once the body has been read to its end. A body that stops
 *   inside a block, or that the end of its connection ends, is refused, and so is one in br or zstd.
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
   * The required media type; any other fails with `ContentTypeError`. With `false` the type is ignored, and a body that
   * is not JSON fails with `JsonDecodeError`. By default every type is accepted, and a body that is not JSON fails with
   * `JsonDecodeError` for application/json, text/json and types with the suffix "+json", else with `ContentTypeError`.
   */
  readonly contentType?: string | false | undefined
  /**
   * The encoding of the body, unless it starts with a byte order mark. Default: the charset of Content-Type, otherwise
   * "utf-8".
   */
  readonly encoding?: string | undefined
  /** Parses the text. An exception becomes a `JsonDecodeError`. Default `JSON.parse`. */
  readonly parse?: ((text: string) => unknown) | undefined
}

/**
 * A response whose body has not been read yet. It lives in the Scope of its request. `bytes`, `text`, `json` and
 * similar members keep the body and can be used repeatedly. `stream`, `lines` and `events` run once; after that they
 * fail with `ClientPayloadError`, reason "Consumed", and after the Scope with reason "Released".
 *
 * Bodies are decoded by Content-Encoding: gzip, deflate (with or without a zlib header), br, and from Node 24 on zstd,
 * up to five codings. With an unknown coding the bytes are left as they are. Malformed or truncated encoded data fails
 * with reason "Decompression". Without `maxBodySize`, an encoded body fails with reason "TooLarge" once it exceeds both
 * 64 MiB and 200 times the received size. So does a body that exceeds `maxBodySize`, or the limit of
 * `HttpIncomingMessage.withMaxBodySize` of @effect/platform in the reading fiber.
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
   * Number of requests sent for this response, including redirects, retries, repetitions with credentials and on new
   * connections. 0 if a middleware or the cache responded without sending any.
   */
  readonly attempts: number
  readonly connection: ConnectionInfo
  /** A snapshot; later phases are added until the body has ended. */
  readonly timings: Timings

  /** The whole body (aiohttp: `read()`). An interrupted read discards the body. */
  readonly bytes: Effect.Effect<Uint8Array, Fails["body"]>
  readonly arrayBuffer: Effect.Effect<ArrayBuffer, Fails["body"]>
  /**
   * The body as text, decoded by a byte order mark, the charset of Content-Type, the session's `fallbackCharset`, or
   * UTF-8, in this order. Labels are those of the Encoding Standard: "iso-8859-1" and "us-ascii" mean windows-1252. The
   * byte order mark is removed; malformed bytes become U+FFFD.
   */
  readonly text: Effect.Effect<string, Fails["body"]>
  /** Decodes by this encoding, unless the body has a byte order mark. */
  readonly textWith: (encoding: string) => Effect.Effect<string, Fails["body"]>
  /**
   * Accepts every media type; an empty body is `null`. The body can still be read after a `ContentTypeError` or a
   * `JsonDecodeError`.
   */
  readonly json: Effect.Effect<unknown, Fails["json"]>
  readonly jsonWith: (options: JsonOptions) => Effect.Effect<unknown, Fails["json"]>
  readonly urlParamsBody: Effect.Effect<UrlParams.UrlParams, Fails["body"]>
  /** Fails with reason "Framing" if the body is not a form. */
  readonly formData: Effect.Effect<FormData, Fails["body"]>
  /** The decoded chunks. Ending the stream early closes the connection, or drains a short rest. */
  readonly stream: Stream.Stream<Uint8Array, Fails["body"]>
  /**
   * Lines ended by LF or CRLF, without the terminator. A line of more than 1 MiB of UTF-8 fails with reason
   * "LineTooLong".
   */
  readonly lines: Stream.Stream<string, Fails["body"]>
  /**
   * Server-sent events. An event of more than 1 MiB fails with reason "TooLarge". A body of another type than
   * text/event-stream, such as the JSON error of an API, fails with `ContentTypeError` and can still be read. A
   * response without a Content-Type is read as events.
   */
  readonly events: Stream.Stream<Event, Fails["body"] | ContentTypeError>
  /** The trailer fields. Reads and keeps the body, unless a stream has read it. */
  readonly trailers: Effect.Effect<Headers.Headers, Fails["body"]>

  /**
   * Returns the response itself, or fails with `ClientResponseError` for statuses from 400 on, with the first 64 KiB of
   * the body (`errorBodySize`) that arrive within a second. The whole body can still be read while the Scope is open.
   */
  readonly raiseForStatus: Effect.Effect<ClientResponse, ClientResponseError>
  /** Returns the connection to the pool, or closes it if much of the body is unread. Closing the Scope does it too. */
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
  /** Text is encoded as UTF-8. Default empty. `body` and `json` exclude each other. */
  readonly body?: string | Uint8Array | undefined
  /** A value for `JSON.stringify`. */
  readonly json?: unknown
}

/**
 * Creates a response without a server, for middlewares that answer requests. Redirects, `raiseForStatus` and decoders
 * treat it like one from the network, but its Set-Cookie headers are not stored, and `attempts` does not count it. Throws
 * if the status, the headers or the body are invalid.
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
 * The handlers of `matchStatus`: for one status such as 404, for a class of statuses, and for all others.
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

const classes = [undefined, undefined, "2xx", "3xx", "4xx", "5xx"] as const

/**
 * Calls the case for the status of a response, else the case for its class, else `orElse` (@effect/platform:
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
  const name = classes[Math.floor(status / 100)]
  return (cases[status] ?? (name === undefined ? undefined : cases[name]) ?? cases.orElse)(self)
})

/**
 * Converts the response for functions of @effect/platform that take an `HttpClientResponse`, such as its `matchStatus`
 * and `filterStatusOk`. Decoders fail with `ResponseError`, whose `cause` is the error of this package. Reading the
 * body as a whole or as a stream through it releases the response.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHttpClientResponse = (self: ClientResponse): HttpClientResponse => platformResponse(self)

// Decoders for requests that have not been sent: they send the request, read the response and release it, so that no
// Scope is required. Directly behind a verb they cost nothing extra; behind other combinators (`Effect.tap`, …) they
// cost an `Effect.scoped`.

/** Opens the response in a Scope of its own, separate from one that `f` requires. */
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
 * Runs `f` with the response and releases the response afterwards. A Scope that `f` requires must still be provided.
 *
 * All other decoders for unsent requests are this one with the member of the same name. Directly behind a verb it does
 * not create a Scope.
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
 * Discards the body and returns the head. If the rest is short and its length known, reads it so that the connection
 * can be reused; otherwise closes the connection. Errors in the body are ignored.
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
 * Returns the body parsed as JSON, whatever its media type; `null` for a body that is empty or white space, such as
 * that of a 204. A body that is not JSON fails with `JsonDecodeError` if the media type is application/json, text/json
 * or has the suffix "+json", else with `ContentTypeError`, which has the type and the beginning of the body. Also fails
 * like `bytes`.
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
 * Returns the body parsed as JSON and decoded by a schema, with `JsonOptions`. Fails like `json`, and with `ParseError`
 * (@effect/platform: `schemaBodyJson`, which also accepts an opened response here).
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
   * Maximum size of a chunk in bytes. Larger chunks are split; smaller ones are not merged (aiohttp: `iter_chunked`).
   * Anything but a positive integer is a defect. Default: chunks keep the size in which they arrive.
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
   * How often a broken GET is repeated within this run; 0 or `false` for never. Default 3.
   *
   * `true` means 3, and lets a later run continue: after a failure or an interruption the bytes stay in a file
   * `<name>.<hash>.unfinished` beside the path, with the validator of the response. Without a strong ETag or a reliable
   * Last-Modified nothing is kept, and neither is it if the process is killed.
   */
  readonly resume?: number | boolean | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * Writes the body to a file. The bytes go to a temporary file in the same directory, which replaces `path` once the
 * body is complete. `path` therefore never contains a partial file; after a failure or an interruption the old file is
 * unchanged and the temporary file is removed.
 *
 * A symbolic link is kept, and its target is replaced or created. The new file has the mode of the old one, and its
 * owner and group where permitted. A FIFO or a character device is written directly. A directory, a socket or a block
 * device fails with `SystemError`, reason "BadResource", before the request is sent.
 *
 * After a break, `toFile` repeats the last request if it was a GET with status 200: the one after all redirects, with
 * the same headers, cookies and credentials. Earlier requests, such as a POST before a 303, are not repeated. The new
 * request asks for the rest by Range and If-Range if the response had a strong ETag or a reliable Last-Modified, and
 * otherwise for the whole body. A FIFO or a device cannot be rewound, so it only accepts the rest. The request asks for
 * no Content-Encoding, unless it has an Accept-Encoding header of its own.
 *
 * A later run of the program starts over, unless `resume` is `true`. Then it requests the rest of an unfinished
 * download of the same URL, and starts over if the server's file has changed. The returned head is that of the response
 * with the rest, status 206.
 *
 * Status 304 leaves the file unchanged; any other status than 2xx fails with `ClientResponseError`. Fails like `bytes`,
 * with the errors of the request, and with `PlatformError` for the file.
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
