/**
 * What a request is made of: options from outside, one immutable prepared request inside.
 *
 * @since 0.1.0
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import type * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Inspectable } from "effect/Inspectable"
import type * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { Credentials } from "./Auth.js"
import type { ClientResponse, ResponseHead } from "./ClientResponse.js"
import type { ClientError, InvalidRequest, InvalidURL, RequestBodyError } from "./Errors.js"
import * as replay from "./internal/request/body/replayable.js"
import * as curl from "./internal/request/curl.js"
import * as changes from "./internal/request/edits.js"
import { prepare } from "./internal/request/prepare.js"
import * as prepared from "./internal/request/preparedRequest.js"
import { noDefaults } from "./internal/request/sessionDefaults.js"
import type { Middleware } from "./Middleware.js"
import type { Multipart } from "./Multipart.js"
import type * as Proxy from "./Proxy.js"
import type { Ssl } from "./Ssl.js"
import type * as Timeouts from "./Timeouts.js"

/**
 * Any method token; sent in upper case.
 *
 * @since 0.1.0
 * @category models
 */
export type Method = HttpMethod | (string & {})

/**
 * A string is read as `new URL` reads it (WHATWG): white space around it is stripped, existing percent-escapes stay byte
 * for byte, a space becomes "%20". It sends the bytes of a `URL` with the same text. Strings whose authority or scheme is
 * odd (an IPv4 address in disguise, a backslash, "http:/host", control characters) are an `InvalidURL`. A string with
 * `encoded: true` goes out byte for byte.
 *
 * @since 0.1.0
 * @category models
 */
export type UrlInput = string | URL

/**
 * A header's value; a redacted one is sent and never shown.
 *
 * @since 0.1.0
 * @category models
 */
export type HeaderValue = string | Redacted.Redacted

/**
 * A record (an array repeats the header, `undefined` is not given) or pairs, which keep their order and case.
 *
 * @since 0.1.0
 * @category models
 */
export type HeadersInput =
  | { readonly [name: string]: HeaderValue | ReadonlyArray<HeaderValue> | undefined }
  | Iterable<readonly [name: string, value: HeaderValue]>

/**
 * Text with or without a leading "?", a record (arrays repeat, `undefined` and `null` are left out), pairs, or URLSearchParams.
 *
 * @since 0.1.0
 * @category models
 */
export type ParamsInput = string | UrlParams.Input

/**
 * Cookies to send, by name or as pairs; values go out byte for byte.
 *
 * @since 0.1.0
 * @category models
 */
export type CookiesInput = { readonly [name: string]: string } | Iterable<readonly [name: string, value: string]>

/**
 * A body: text, bytes, a form (record or pairs: urlencoded), multipart, a Stream, or a body of @effect/platform. A
 * Stream is a recipe and is run anew for each attempt; `oneShot` marks one that cannot be.
 *
 * @since 0.1.0
 * @category models
 */
export type Data =
  | string
  | Uint8Array
  | UrlParams.Input
  | FormData
  | Multipart
  | Stream.Stream<Uint8Array, unknown>
  | HttpBody.HttpBody

/**
 * How far a body has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly direction: "upload" | "download"
  readonly transferred: number
  readonly total: Option.Option<number>
}

/**
 * A redirect about to be followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redirect {
  readonly response: ResponseHead
  /** What will be sent; credentials are gone already where the origin changes. */
  readonly next: ClientRequest
  readonly crossOrigin: boolean
}

/**
 * Options of a session, which each request can replace.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommonOptions {
  /** A request's header replaces the session's of the same name. */
  readonly headers?: HeadersInput | undefined
  /**
   * On a session: put into the jar for `baseUrl`'s host (as Secure, if it is https), or else for every host that a
   * request names, IP addresses included; one that only a redirect names does not get them. On a request: sent with it
   * and with redirects within its origin, over the jar's, and not stored. Text goes out as UTF-8.
   */
  readonly cookies?: CookiesInput | undefined
  /**
   * Sent to the URL's origin only; `false` sends none. Credentials in the request's own URL or headers as well are an
   * `InvalidRequest`; those of a session give way.
   */
  readonly auth?: Credentials | false | undefined
  /** Automatic headers to leave out: "user-agent", "accept", "accept-encoding", "content-type". */
  readonly skipAutoHeaders?: Iterable<string> | undefined
  /** `true` fails on 400 and above with `ClientResponseError`; a function decides itself. Default `false`. */
  readonly raiseForStatus?: boolean | ((response: ClientResponse) => Effect.Effect<void, ClientError>) | undefined
  /** Merged with the session's limit by limit. */
  readonly timeout?: Timeouts.Input | undefined
  /** Default `true`: gzip, deflate, br, and zstd from Node 24 on. */
  readonly autoDecompress?: boolean | undefined
  /**
   * Bytes of a decoded body. Default `Infinity`. Where `HttpIncomingMessage.withMaxBodySize` of @effect/platform holds
   * as well, the smaller of the two counts.
   */
  readonly maxBodySize?: number | undefined
  /** Bytes of a decoded body that a `ClientResponseError` keeps. Default 64 KiB. */
  readonly errorBodySize?: number | undefined
  readonly proxy?: Proxy.Input | undefined
  /** For a `proxy` given as a URL. */
  readonly proxyAuth?: Credentials | undefined
  /** Sent with CONNECT only, for a `proxy` given as a URL. */
  readonly proxyHeaders?: HeadersInput | undefined
  /** Default `true`, which is the connector's setting. */
  readonly ssl?: Ssl | undefined
  /**
   * A request's list replaces the session's; `[]` is none. The first is the outermost. Anything but an array of functions
   * is an `InvalidRequest`.
   */
  readonly middlewares?: ReadonlyArray<Middleware> | undefined
  /** Asked before each hop; `None` makes the redirect the final response. Its failure is the request's. */
  readonly onRedirect?: ((redirect: Redirect) => Effect.Effect<Option.Option<ClientRequest>, ClientError>) | undefined
}

/**
 * Options of one request. At most one of `json`, `text` and `data`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestOptions extends CommonOptions {
  /** Appended to the URL's query, on the first hop only; a space becomes "+". */
  readonly params?: ParamsInput | undefined
  /** Whether a URL string goes out byte for byte, white space around it aside. Default `false`. */
  readonly encoded?: boolean | undefined
  /** Any value but `undefined`; Content-Type: application/json. */
  readonly json?: unknown
  /** Content-Type: text/plain; charset=utf-8. */
  readonly text?: string | undefined
  readonly data?: Data | undefined
  /** Default `true`, but `false` for HEAD. */
  readonly allowRedirects?: boolean | undefined
  /** Default 10; 0 follows none and fails. */
  readonly maxRedirects?: number | undefined
  /** Compresses the body here; `true` is "deflate". Default `false`. */
  readonly compress?: boolean | "deflate" | "gzip" | "br" | undefined
  /** Default: where the length is not known. */
  readonly chunked?: boolean | undefined
  /** Sends `Expect: 100-continue` and waits at most one second for an answer. Default `false`. */
  readonly expect100?: boolean | undefined
  /**
   * The name for SNI and verification in place of the URL's: a host name, whose international labels are sent as
   * A-labels and whose final dot is dropped, or an IP address, which is verified and not sent. Anything else, such as an
   * empty label, a space, a control character, a zone or more than 253 characters, fails with `InvalidRequest` (RFC
   * 6066, section 3; aiohttp: `server_hostname`).
   */
  readonly serverHostname?: string | undefined
  /** Handed to every `traceConfig`'s `ctx`. */
  readonly traceRequestCtx?: unknown
  /** For the span's name and `url.template`, such as "/users/{id}". */
  readonly urlTemplate?: string | undefined
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * The type id of `ClientRequest`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = prepared.TypeId

/**
 * The type id of `ClientRequest`.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/ClientRequest"

/**
 * A prepared request, as middlewares see it: before cookies and automatic headers, anew for each hop.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientRequest extends Pipeable, Inspectable {
  readonly [TypeId]: TypeId
  readonly method: string
  /** Without userinfo and fragment. */
  readonly url: string
  /** In order, in the given case, duplicates kept. Printed, secret values are left out; their JSON has them. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly header: (name: string) => Option.Option<string>
  readonly body: HttpBody.HttpBody
  /** The session's and the request's options, merged. */
  readonly options: RequestOptions
  /** 0, or the number of redirects followed before. */
  readonly hop: number
}

/**
 * Whether it is a prepared request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientRequest = (u: unknown): u is ClientRequest => u instanceof prepared.Prepared

/**
 * A request by itself, for `Session.execute` and `toCurl`. The session that executes it adds its own headers,
 * credentials, cookies and limits where the request has none. The URL must be absolute.
 *
 * Fails with `InvalidURL` where the URL cannot be requested, with `InvalidRequest` where options contradict each other
 * or cannot be sent, and with `RequestBodyError` "Encode" where `json` has no JSON.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ClientRequest } from "effect-http-session"
 *
 * const program = Effect.map(
 *   ClientRequest.make("POST", "https://example.com/items", { json: { name: "a" } }),
 *   ClientRequest.toCurl
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  method: Method,
  url: UrlInput,
  options?: RequestOptions
): Effect.Effect<ClientRequest, InvalidURL | InvalidRequest | RequestBodyError> =>
  Effect.suspend(() => {
    const request = prepare(noDefaults, method, url, options)
    return request instanceof prepared.Prepared ? Effect.succeed(request) : Effect.fail(request)
  })

/**
 * Replaces a header, whatever its case. A redacted value is sent and never shown; one that cannot be sent fails the
 * request with `InvalidRequest`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setHeader: {
  (name: string, value: HeaderValue): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest
} = dual(
  3,
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest => changes.setHeader(own(self), name, value)
)

/**
 * Adds a header beside those of the same name. A redacted value is sent and never shown; one that cannot be sent fails
 * the request with `InvalidRequest`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const appendHeader: {
  (name: string, value: HeaderValue): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest
} = dual(
  3,
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest => changes.appendHeader(own(self), name, value)
)

/**
 * Removes a header, whatever its case. An automatic one is left out by the option `skipAutoHeaders`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const removeHeader: {
  (name: string): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, name: string): ClientRequest
} = dual(2, (self: ClientRequest, name: string): ClientRequest => changes.removeHeader(own(self), name))

/**
 * Another target, relative to the present one. Elsewhere than at its origin, credentials, cookies, headers with
 * secrets, Host and the name for TLS stay behind. A URL that cannot be requested fails the request with `InvalidURL`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setUrl: {
  (url: UrlInput): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, url: UrlInput): ClientRequest
} = dual(2, (self: ClientRequest, url: UrlInput): ClientRequest => changes.setUrl(own(self), url))

/**
 * Another body. Content-Type, Content-Length and Content-Encoding headers follow it: those of the old one are gone. A
 * body that cannot be sent fails the request with `InvalidRequest` or `RequestBodyError`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setBody: {
  (data: Data): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, data: Data): ClientRequest
} = dual(2, (self: ClientRequest, data: Data): ClientRequest => changes.setBody(own(self), data))

/** Requests are made here only. */
const own = (self: ClientRequest): prepared.Prepared => {
  if (self instanceof prepared.Prepared) return self
  throw new TypeError("the request was not made by effect-http-session")
}

/**
 * Marks a Stream that gives its bytes only once: a redirect, a retry or a second round of authentication that needs
 * it again fails with `RequestBodyError` "NotReplayable", and nothing is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const oneShot = (stream: Stream.Stream<Uint8Array, unknown>): HttpBody.Stream => replay.oneShot(stream)

/**
 * A curl command line with secrets left out: values of credential headers, of redacted ones, and of parameters, form
 * fields and JSON members with names of secrets. Words are quoted for a POSIX shell. A body that is a stream, or no text, or larger than 4 KiB is "@-".
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCurl = (self: ClientRequest): string => curl.toCurl(own(self))
