/**
 * A response: its head at once, its body by one of the decoders.
 */
import type * as Cookies from "@effect/platform/Cookies"
import type { PlatformError } from "@effect/platform/Error"
import type { FileSystem } from "@effect/platform/FileSystem"
import type * as Headers from "@effect/platform/Headers"
import type { HttpIncomingMessage } from "@effect/platform/HttpIncomingMessage"
import type * as UrlParams from "@effect/platform/UrlParams"
import type * as Effect from "effect/Effect"
import type { Inspectable } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type { Scope } from "effect/Scope"
import type * as Stream from "effect/Stream"
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
import type { Event } from "./Sse.js"
import type { TlsInfo } from "./Ssl.js"
import type { Phase } from "./Timeouts.js"

export declare const TypeId: TypeId
export type TypeId = "~effect-http-session/ClientResponse"

/** A target of a Link header. */
export interface Link {
  /** Resolved against the response's URL. */
  readonly url: string
  readonly rel: Option.Option<string>
  readonly params: { readonly [name: string]: string }
}

/** A parsed Content-Disposition. */
export interface ContentDisposition {
  readonly type: string
  readonly filename: Option.Option<string>
  readonly parameters: { readonly [name: string]: string }
}

/** The request as it was sent; credentials are redacted in inspection. */
export interface RequestInfo {
  readonly method: string
  readonly url: string
  readonly realUrl: string
  readonly headers: Headers.Headers
}

/** The connection that carried the response. */
export interface ConnectionInfo {
  readonly id: number
  readonly reused: boolean
  readonly remoteAddress?: string | undefined
  readonly localAddress?: string | undefined
  readonly tls?: TlsInfo | undefined
}

/** Milliseconds spent in each phase that took place so far; `body` and `total` are there when the body has ended. */
export type Timings = { readonly [P in Phase | "total"]?: number | undefined }

/** Everything but the body: what `history`, errors and signals keep of a response. */
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
  /** Link headers by relation type, or by URL where they have none. */
  readonly links: ReadonlyMap<string, Link>
  /** Without parameters; "application/octet-stream" where there is none. */
  readonly contentType: string
  readonly charset: Option.Option<string>
  readonly contentLength: Option.Option<number>
  readonly contentDisposition: Option.Option<ContentDisposition>
  readonly requestInfo: RequestInfo
}

/**
 * Failures of the decoders, without an alias: an alias beside `ClientError`, which holds them all, would make the
 * compiler print 27 names where `ClientError` says it (TypeScript joins overlapping aliases by writing them out).
 */
interface Fails {
  readonly body: ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError
  readonly json: Fails["body"] | ContentTypeError | JsonDecodeError
}

export interface JsonOptions {
  /** The media type to ask for, or `false` for any. Default: application/json and any "+json". */
  readonly contentType?: string | false | undefined
  /** Default "utf-8". */
  readonly encoding?: string | undefined
  /** Default `JSON.parse`; what it throws becomes a `JsonDecodeError`. */
  readonly parse?: ((text: string) => unknown) | undefined
}

/**
 * A response whose body has not been read. It belongs to the Scope it was requested in. The bytes of `bytes`, `text`,
 * `json` and the like are kept and can be asked for again; `stream`, `lines` and `events` run once.
 */
export interface ClientResponse extends ResponseHead, HttpIncomingMessage<ClientError> {
  readonly [TypeId]: TypeId
  readonly headers: Headers.Headers
  /** Earlier responses of the redirect chain, first to last. */
  readonly history: ReadonlyArray<ResponseHead>
  readonly connection: ConnectionInfo
  /** A snapshot: phases are added until the body has ended. */
  readonly timings: Timings

  readonly bytes: Effect.Effect<Uint8Array, Fails["body"]>
  readonly arrayBuffer: Effect.Effect<ArrayBuffer, Fails["body"]>
  /** By the charset of Content-Type, then a BOM, then the session's `fallbackCharset`. */
  readonly text: Effect.Effect<string, Fails["body"]>
  readonly textWith: (encoding: string) => Effect.Effect<string, Fails["body"]>
  readonly json: Effect.Effect<unknown, Fails["json"]>
  readonly jsonWith: (options: JsonOptions) => Effect.Effect<unknown, Fails["json"]>
  readonly urlParamsBody: Effect.Effect<UrlParams.UrlParams, Fails["body"]>
  readonly formData: Effect.Effect<FormData, Fails["body"]>
  /** Decoded chunks; stopping early closes the connection, or drains a small rest. */
  readonly stream: Stream.Stream<Uint8Array, Fails["body"]>
  /** Without their line ends; at most 1 MiB each. */
  readonly lines: Stream.Stream<string, Fails["body"]>
  /** Server-sent events. */
  readonly events: Stream.Stream<Event, Fails["body"]>
  /** Fields after the body, which is read to its end for them. */
  readonly trailers: Effect.Effect<Headers.Headers, Fails["body"]>

  /** The response itself, or `ClientResponseError` from status 400 on. */
  readonly raiseForStatus: Effect.Effect<ClientResponse, ClientResponseError>
  /** Gives the connection back, or closes it where much of the body is unread. The Scope does it too. */
  readonly release: Effect.Effect<void>
}

export declare const isClientResponse: (u: unknown) => u is ClientResponse

// Decoders over a request that has not been opened: they open it, read it and give it back, and no Scope is left.
// They cost nothing extra directly behind a verb; behind anything else (`Effect.tap`, …) they cost an `Effect.scoped`.

/** Runs `f` with the response and gives it back afterwards. A Scope that `f` itself asks for stays to be provided. */
export declare const use: {
  <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): <E, R>(self: Effect.Effect<ClientResponse, E, R>) => Effect.Effect<A, E | E2, R2 | Exclude<R, Scope>>
  <E, R, A, E2, R2>(
    self: Effect.Effect<ClientResponse, E, R>,
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, E | E2, R2 | Exclude<R, Scope>>
}

/** Throws the body away and gives the head. */
export declare const discard: <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<ResponseHead, E, Exclude<R, Scope>>

export declare const bytes: <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<Uint8Array, E | Fails["body"], Exclude<R, Scope>>

export declare const text: <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<string, E | Fails["body"], Exclude<R, Scope>>

export declare const json: <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<unknown, E | Fails["json"], Exclude<R, Scope>>

/** The body's JSON, decoded (@effect/platform: `schemaBodyJson`, which works on an opened response here as well). */
export declare const schemaJson: <A, I, R2>(
  schema: Schema.Schema<A, I, R2>,
  options?: ParseOptions & JsonOptions
) => <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Effect.Effect<A, E | Fails["json"] | ParseError, R2 | Exclude<R, Scope>>

/** The body's chunks; the request is sent when the stream runs. */
export declare const stream: <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
) => Stream.Stream<Uint8Array, E | Fails["body"], Exclude<R, Scope>>

export interface FileOptions {
  /** Asks for the rest with Range and If-Range after a break, so many times. Default 3. */
  readonly resume?: number | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/** Writes the body beside `path` and renames it when it is whole: there is never a part of a file at `path`. */
export declare const toFile: {
  (
    path: string,
    options?: FileOptions
  ): <E, R>(
    self: Effect.Effect<ClientResponse, E, R>
  ) => Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem | Exclude<R, Scope>>
  <E, R>(
    self: Effect.Effect<ClientResponse, E, R>,
    path: string,
    options?: FileOptions
  ): Effect.Effect<ResponseHead, E | ClientError | PlatformError, FileSystem | Exclude<R, Scope>>
}
