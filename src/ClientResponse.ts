/**
 * A response: its head at once, its body by one of the decoders.
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
import type { Progress } from "./ClientRequest.js"
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
import { Response } from "./internal/response/response.js"
import * as File from "./internal/session/download.js"
import { unopenedOf } from "./internal/session/unopenedRequest.js"
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
 * A target of a Link header (RFC 8288).
 *
 * @since 0.1.0
 * @category models
 */
export interface Link {
  /** Resolved against the response's URL. */
  readonly url: string
  /** As received; it may name several types. */
  readonly rel: Option.Option<string>
  /** By lower-case name, the first of each; `title` is decoded where there is a `title*`. */
  readonly params: { readonly [name: string]: string }
}

/**
 * A parsed Content-Disposition (RFC 6266).
 *
 * @since 0.1.0
 * @category models
 */
export interface ContentDisposition {
  /** In lower case, such as "attachment". */
  readonly type: string
  /** As the server has sent it, decoded where it is a `filename*`: not a path to write to. */
  readonly filename: Option.Option<string>
  readonly parameters: { readonly [name: string]: string }
}

/**
 * The request as it was sent; credentials are redacted in inspection (aiohttp: `request_info`).
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
 * The connection that carried the response.
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
}

/**
 * Milliseconds spent in each phase that took place so far; `body` and `total` are there when the body has ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Timings = { readonly [P in Phase | "total"]?: number | undefined }

/**
 * Everything but the body: what `history`, errors and signals keep of a response.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResponseHead extends Inspectable {
  readonly status: number
  /** The reason phrase, "" where there is none. */
  readonly reason: string
  readonly version: "1.0" | "1.1" | "2"
  /** `status` below 400. */
  readonly ok: boolean
  readonly method: string
  /** Without fragment and userinfo. */
  readonly url: string
  /** With the fragment. */
  readonly realUrl: string
  /** By lower-case name, repeated ones joined by ", ". */
  readonly headers: Headers.Headers
  /** The first of that name, in any case. */
  readonly header: (name: string) => Option.Option<string>
  /** All of that name, in order. */
  readonly headerValues: (name: string) => ReadonlyArray<string>
  /** The bytes as received, in order and case (aiohttp: `raw_headers`). */
  readonly rawHeaders: ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /** Set by this response alone, by name, `valueEncoded` as received; those of all hops are in the session's jar. */
  readonly cookies: Cookies.Cookies
  /** Link headers by relation type in lower case, or by URL where they have none; the first of a type counts. */
  readonly links: ReadonlyMap<string, Link>
  /** Without parameters; "application/octet-stream" where there is none. */
  readonly contentType: string
  /** The charset parameter of Content-Type, as received. */
  readonly charset: Option.Option<string>
  /** Bytes before decoding, as the header says. */
  readonly contentLength: Option.Option<number>
  /**
   * Whether the message itself tells where its body ends, by Content-Length, by chunks or because there is none: then a
   * cut body is a failure. Otherwise it ends with its connection (RFC 9112 section 8), and one that an orderly close has
   * cut looks whole, over TLS too, where Node does not tell a close_notify from the end of TCP.
   */
  readonly lengthVerified: boolean
  /** Deviations from HTTP that were tolerated in this response; normally the empty list. */
  readonly deviations: ReadonlyArray<Deviation>
  readonly contentDisposition: Option.Option<ContentDisposition>
  readonly requestInfo: RequestInfo
}

/**
 * A deviation from HTTP that a client tolerates in a response (RFC 9112). Those marked "closes" end the use of the
 * connection with this response, so that its bytes cannot be taken for another response. The `http1.strict` option of
 * a connector refuses all but `TruncatedCoding`.
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
 * - `TruncatedCoding`: a gzip or deflate body that is complete by its framing lacks its trailer or final block.
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
 * Failures of the decoders, without an alias: an alias beside `ClientError`, which holds them all, would make the
 * compiler print 27 names where `ClientError` says it (TypeScript joins overlapping aliases by writing them out).
 */
interface Fails {
  readonly body: ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError
  readonly json: Fails["body"] | ContentTypeError | JsonDecodeError
}

/**
 * How a body is read as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonOptions {
  /**
   * The media type to demand: any other fails with `ContentTypeError`. `false`: the type is not looked at, and a body
   * that is not JSON fails with `JsonDecodeError`. Default: any type, which decides between these two errors where the
   * body is not JSON; application/json, text/json and any "+json" are types of JSON.
   */
  readonly contentType?: string | false | undefined
  /** Default: the charset of Content-Type, then "utf-8". A byte order mark wins over it. */
  readonly encoding?: string | undefined
  /** Default `JSON.parse`; what it throws becomes a `JsonDecodeError`. */
  readonly parse?: ((text: string) => unknown) | undefined
}

/**
 * A response whose body has not been read. It belongs to the Scope it was requested in. The bytes of `bytes`, `text`,
 * `json` and the like are kept and can be asked for again; `stream`, `lines` and `events` run once, then they fail with
 * `ClientPayloadError`, reason "Consumed"; after the Scope the reason is "Released".
 *
 * Bodies are decoded by Content-Encoding: gzip, deflate (with or without a zlib header), br, zstd (from Node 24 on), up
 * to five of them; one that is not known leaves the bytes as they are. What is coded wrongly or cut fails with reason
 * "Decompression". Where no `maxBodySize` is given, a coded body of more than 64 MiB that is more than 200 times as
 * large as what was received fails with reason "TooLarge". So does a body of more decoded bytes than `maxBodySize`, or
 * than `HttpIncomingMessage.withMaxBodySize` of @effect/platform allows the fiber that reads it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientResponse extends ResponseHead, HttpIncomingMessage<ClientError> {
  readonly [TypeId]: TypeId
  readonly headers: Headers.Headers
  /** Earlier responses of the redirect chain, first to last. */
  readonly history: ReadonlyArray<ResponseHead>
  readonly connection: ConnectionInfo
  /** A snapshot: phases are added until the body has ended. */
  readonly timings: Timings

  /** The whole body (aiohttp: `read()`). An interrupted read gives up the body. */
  readonly bytes: Effect.Effect<Uint8Array, Fails["body"]>
  readonly arrayBuffer: Effect.Effect<ArrayBuffer, Fails["body"]>
  /**
   * By a byte order mark, then the charset of Content-Type, then the session's `fallbackCharset`, then UTF-8, by the
   * names of the Encoding Standard: "iso-8859-1" and "us-ascii" are windows-1252. The mark is left out; malformed bytes
   * become U+FFFD.
   */
  readonly text: Effect.Effect<string, Fails["body"]>
  /** In an encoding of the caller's, unless a byte order mark says another. */
  readonly textWith: (encoding: string) => Effect.Effect<string, Fails["body"]>
  /**
   * Whatever the media type; `null` for an empty body. After a `ContentTypeError` or a `JsonDecodeError` the body can
   * still be read.
   */
  readonly json: Effect.Effect<unknown, Fails["json"]>
  readonly jsonWith: (options: JsonOptions) => Effect.Effect<unknown, Fails["json"]>
  readonly urlParamsBody: Effect.Effect<UrlParams.UrlParams, Fails["body"]>
  /** Reason "Framing" where the body is no form. */
  readonly formData: Effect.Effect<FormData, Fails["body"]>
  /** Decoded chunks; stopping early closes the connection, or drains a small rest. */
  readonly stream: Stream.Stream<Uint8Array, Fails["body"]>
  /** Ended by LF or CR LF, which are left out; more than 1 MiB of UTF-8 fails with reason "LineTooLong". */
  readonly lines: Stream.Stream<string, Fails["body"]>
  /**
   * Server-sent events; one of more than 1 MiB fails with reason "TooLarge". A body of another type than
   * text/event-stream, such as an API's error in JSON, fails with `ContentTypeError` and can still be read. A response
   * without a type counts as one of events.
   */
  readonly events: Stream.Stream<Event, Fails["body"] | ContentTypeError>
  /** Fields after the body, which is read to its end for them and kept, unless a stream has read it. */
  readonly trailers: Effect.Effect<Headers.Headers, Fails["body"]>

  /**
   * The response itself, or `ClientResponseError` from status 400 on, with the first 64 KiB of the body, or
   * `errorBodySize` bytes, that come within a second. The whole body can still be read while the Scope is open.
   */
  readonly raiseForStatus: Effect.Effect<ClientResponse, ClientResponseError>
  /** Gives the connection back, or closes it where much of the body is unread. The Scope does it too. */
  readonly release: Effect.Effect<void>
}

/**
 * Whether a value is a response.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientResponse = (u: unknown): u is ClientResponse => Predicate.hasProperty(u, TypeId)

/**
 * What `matchStatus` does by status: one status such as 404, a class of them, or any other.
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
 * What the cases of `matchStatus` result in.
 *
 * @since 0.1.0
 * @category models
 */
export type StatusResult<Cases> = Cases[keyof Cases] extends (response: never) => infer A ? Unify<A> : never

const classes = [undefined, undefined, "2xx", "3xx", "4xx", "5xx"] as const

/**
 * Chooses by the status of a response: the case of that status, else of its class, else `orElse` (@effect/platform:
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
 * The same response for functions of @effect/platform that ask for its `HttpClientResponse`, such as `matchStatus` and
 * `filterStatusOk` there: decoders fail with `ResponseError`, whose `cause` is the error of this package. A body that is
 * read as a whole or as a stream through it releases the response.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHttpClientResponse = (self: ClientResponse): HttpClientResponse => platformResponse(self)

// Decoders over a request that has not been opened: they open it, read it and give it back, and no Scope is left.
// They cost nothing extra directly behind a verb; behind anything else (`Effect.tap`, …) they cost an `Effect.scoped`.

/** The response in a Scope of its own: one that `f` asks for is another. */
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
 * Runs `f` with the response and gives it back afterwards. A Scope that `f` itself asks for stays to be provided.
 *
 * The other decoders over an unopened request are this one with the members of the same name. Directly behind a verb
 * it makes no Scope.
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
 * Throws the body away and gives the head. A small rest whose length is known is waited for, so that the connection
 * can be used again; with anything else the connection is given up. How the body ends is not looked at.
 *
 * @since 0.1.0
 * @category decoders
 */
export const discard = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Effect.Effect<ResponseHead, E, Exclude<R, Scope.Scope>> => use(self, discardOpened)

// What a response of ours has collected is decoded at once, which saves the steps of an effect.
const bytesOf = (response: ClientResponse) =>
  response instanceof Response && response.isCollected ? response.bytesNow() : response.bytes

/**
 * The whole body, decoded by its Content-Encoding. Fails with `ClientPayloadError`, `SocketTimeoutError`,
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
 * The body as text, by a byte order mark, then the charset of Content-Type, then the session's `fallbackCharset`, then
 * UTF-8 (Encoding Standard: "iso-8859-1" is windows-1252, as in browsers). Malformed bytes become U+FFFD, a byte order mark is left out, a charset that is not known counts as none. Fails as
 * `bytes` does.
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
 * The body's JSON, whatever the media type; `null` for a body that is empty or white space, as that of a 204 is. What is
 * not JSON fails with `JsonDecodeError` where the media type is application/json, text/json or has the suffix "+json",
 * else with `ContentTypeError`, which has the type and the beginning of the body. Fails as `bytes` does, too.
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
 * The body's JSON, decoded by a schema; `contentType`, `encoding` and `parse` as in `JsonOptions`. Fails as `json` does,
 * and with `ParseError` (@effect/platform: `schemaBodyJson`, which works on an opened response here as well).
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
 * The body's chunks, decoded by its Content-Encoding; the request is sent when the stream runs. A slow consumer slows
 * the server down. A stream that ends early gives the response back. Fails as `bytes` does.
 *
 * @since 0.1.0
 * @category decoders
 */
export const stream = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): Stream.Stream<Uint8Array, E | Fails["body"], Exclude<R, Scope.Scope>> =>
  Stream.unwrapScoped(Effect.map(self, (response) => response.stream))

/**
 * How a file is downloaded.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions {
  /**
   * How often a broken GET is sent again within this run; 0 or `false` for never. Default 3.
   *
   * `true` is 3, and the next run continues: after a failure or an interruption the bytes stay in a file
   * `<name>.<hash>.unfinished` beside the path, with the validator of the response. Without a strong ETag or a reliable
   * Last-Modified nothing stays. A killed process leaves nothing to continue.
   */
  readonly resume?: number | boolean | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * Writes the body to a file. The bytes go to a temporary file beside it, which replaces it when the body is whole: there
 * is never a part of a file at `path`, and after a failure or an interruption the old file is as it was and the
 * temporary one is removed.
 *
 * A symbolic link stays, and the file that it leads to is replaced, or made where it does not exist. The new file has
 * the mode of the old one, and its owner and group where this process may set them. The bytes go straight into a FIFO or
 * a character device. A directory, a socket or a block device fails with `SystemError`, reason "BadResource", before the
 * request is sent.
 *
 * After a break `toFile` sends the last request again if it was a GET with status 200: the one behind the redirects,
 * with the headers, cookies and credentials that it had there. Nothing else that the effect did is repeated, such as a
 * POST before a 303. The new request asks for the rest by Range and If-Range where the response had a strong ETag or a
 * Last-Modified that can be relied upon, else for all of it; a FIFO or a device, which has no way back, takes the rest
 * only. The bytes are asked for without a Content-Encoding, unless the request has an Accept-Encoding of its own.
 *
 * Another run of the program begins at the first byte, unless `resume` is `true`: then it asks for the rest of what the
 * last run has left of the same URL, and begins anew where the server has another file by now. The head is that of the
 * response with the rest, status 206.
 *
 * A status of 304 leaves the file as it is; any other than 2xx fails with `ClientResponseError`. Fails as `bytes` does,
 * with what the request fails with, and with `PlatformError` for the file.
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
