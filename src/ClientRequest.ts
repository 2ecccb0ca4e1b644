/**
 * Requests: the options of a request, and the immutable prepared request that middlewares see.
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
 * An HTTP method; sent in upper case.
 *
 * @since 0.1.0
 * @category models
 */
export type Method = HttpMethod | (string & {})

/**
 * A URL. A string is parsed like `new URL` (WHATWG): white space around it is removed, existing percent-escapes stay
 * byte for byte, and a space becomes "%20", so that a string and a `URL` with the same text send the same bytes.
 * Strings with an ambiguous authority or scheme (an IPv4 address in another notation, a backslash, "http:/host",
 * control characters) fail with `InvalidURL`. A string with `encoded: true` is sent byte for byte.
 *
 * @since 0.1.0
 * @category models
 */
export type UrlInput = string | URL

/**
 * The value of a header. A `Redacted` value is sent but never shown.
 *
 * @since 0.1.0
 * @category models
 */
export type HeaderValue = string | Redacted.Redacted

/**
 * Headers as a record or as pairs. In a record, an array repeats the header and `undefined` omits it. Pairs keep their
 * order and case.
 *
 * @since 0.1.0
 * @category models
 */
export type HeadersInput =
  | { readonly [name: string]: HeaderValue | ReadonlyArray<HeaderValue> | undefined }
  | Iterable<readonly [name: string, value: HeaderValue]>

/**
 * Query parameters: text with or without a leading "?", a record, pairs, or URLSearchParams. In a record, arrays repeat
 * the parameter; `undefined` and `null` omit it.
 *
 * @since 0.1.0
 * @category models
 */
export type ParamsInput = string | UrlParams.Input

/**
 * Cookies to send, as a record or as pairs. Values are sent byte for byte.
 *
 * @since 0.1.0
 * @category models
 */
export type CookiesInput = { readonly [name: string]: string } | Iterable<readonly [name: string, value: string]>

/**
 * A request body: text, bytes, a urlencoded form (record, pairs or URLSearchParams), multipart, a Stream, a body of
 * @effect/platform, or a body type of Node or the web: Blob, File, FormData, ArrayBuffer, Readable, ReadableStream, any
 * other AsyncIterable of bytes or text, or a form of the `form-data` package.
 *
 * A Stream runs again for each attempt, unless it is marked with `oneShot`. Blobs and Files are read again, too. A
 * Readable, a ReadableStream, an AsyncIterable and a form of `form-data` can be sent once: a redirect or retry that must
 * send them again fails with `RequestBodyError` "NotReplayable".
 *
 * Text is encoded in the `charset` of the Content-Type header, by default UTF-8. A character that the charset cannot
 * represent, and a charset without an encoder, fail with `InvalidRequest`.
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
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Stream.Stream<Uint8Array, unknown>
  | HttpBody.HttpBody

/**
 * The progress of a body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  readonly direction: "upload" | "download"
  /** Number of bytes so far; in a response, before decoding. */
  readonly transferred: number
  /** Number of all bytes, if known. */
  readonly total: Option.Option<number>
}

/**
 * A redirect that is about to be followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redirect {
  readonly response: ResponseHead
  /** The next request. If the origin changes, credentials are already removed. */
  readonly next: ClientRequest
  readonly crossOrigin: boolean
}

/**
 * Options that a session and its requests share; a request's value wins.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommonOptions {
  /** Headers to send. A header of the request replaces the session's header of the same name. */
  readonly headers?: HeadersInput | undefined
  /**
   * Cookies to send. On a session: stored in the jar for the host of `baseUrl` (as Secure, if it is https), or without
   * `baseUrl` for every host that a request names, IP addresses included, but not for hosts that only a redirect names.
   * On a request: sent with it and with redirects within its origin, in addition to the jar's cookies, and not stored.
   * Text is sent as UTF-8.
   */
  readonly cookies?: CookiesInput | undefined
  /**
   * Credentials, sent only to the origin of the URL; `false` sends none. Credentials in the request's own URL or
   * headers as well are an `InvalidRequest`; the session's credentials are overridden.
   */
  readonly auth?: Credentials | false | undefined
  /** Automatic headers to omit: "user-agent", "accept", "accept-encoding", "content-type". */
  readonly skipAutoHeaders?: Iterable<string> | undefined
  /**
   * Checks the final response: `true` fails with `ClientResponseError` for statuses from 400 on, and a function fails
   * the request if its effect fails. Default `false`.
   */
  readonly raiseForStatus?: boolean | ((response: ClientResponse) => Effect.Effect<void, ClientError>) | undefined
  /** Time limits. Those of a request replace those of the session one by one. Defaults: `Timeouts.defaults`. */
  readonly timeout?: Timeouts.Input | undefined
  /** Decodes gzip, deflate, br, and on Node 24 or later zstd. Default `true`. */
  readonly autoDecompress?: boolean | undefined
  /**
   * Most bytes of a decoded body. Default `Infinity`. If `HttpIncomingMessage.withMaxBodySize` of @effect/platform is
   * set too, the smaller limit applies.
   */
  readonly maxBodySize?: number | undefined
  /** Most bytes of a decoded body that a `ClientResponseError` keeps. Default 64 KiB. */
  readonly errorBodySize?: number | undefined
  /** The proxy of the request; `false` connects directly. Default: that of the environment with `trustEnv`, or none. */
  readonly proxy?: Proxy.Input | undefined
  /** Credentials for a `proxy` given as a URL. */
  readonly proxyAuth?: Credentials | undefined
  /** Headers sent with CONNECT only, for a `proxy` given as a URL and for proxies of the environment (`trustEnv`). */
  readonly proxyHeaders?: HeadersInput | undefined
  /** TLS settings. Default `true`, which means the connector's setting. */
  readonly ssl?: Ssl | undefined
  /**
   * The middlewares, outermost first. A request's list replaces the session's; `[]` means none. Anything but an array
   * of functions is an `InvalidRequest`.
   */
  readonly middlewares?: ReadonlyArray<Middleware> | undefined
  /** Called before each redirect; `None` makes the redirect the final response. Its failure fails the request. */
  readonly onRedirect?: ((redirect: Redirect) => Effect.Effect<Option.Option<ClientRequest>, ClientError>) | undefined
}

/**
 * Options of one request. At most one of `json`, `text` and `data` may be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestOptions extends CommonOptions {
  /** Parameters that are appended to the query of the URL, on the first hop only; a space becomes "+". */
  readonly params?: ParamsInput | undefined
  /** Whether a URL string is sent byte for byte, except white space around it. Default `false`. */
  readonly encoded?: boolean | undefined
  /** A body: any value except `undefined`, sent as application/json. */
  readonly json?: unknown
  /** A body of text, sent as text/plain; charset=utf-8. */
  readonly text?: string | undefined
  /** A body of any other type. */
  readonly data?: Data | undefined
  /** Whether to follow redirects. Default `true`, but `false` for HEAD. */
  readonly allowRedirects?: boolean | undefined
  /** Most redirects to follow; one more fails with `TooManyRedirects`. 0 fails on the first redirect. Default 10. */
  readonly maxRedirects?: number | undefined
  /** Compresses the body; `true` means "deflate". Default `false`. */
  readonly compress?: boolean | "deflate" | "gzip" | "br" | undefined
  /** Whether to use chunked coding. Default: if the length is unknown. */
  readonly chunked?: boolean | undefined
  /**
   * Sends `Expect: 100-continue` and waits at most one second for a response. A request answered with 417 is repeated
   * once without it, if its body can be sent again (RFC 9110 section 10.1.1). Default `false`.
   */
  readonly expect100?: boolean | undefined
  /**
   * The name for SNI and verification instead of the URL's host: a host name, sent in A-labels and without a final dot,
   * or an IP address, which is verified but not sent. Anything else, such as an empty label, a space, a control
   * character, a zone or more than 253 characters, fails with `InvalidRequest` (RFC 6066 section 3; aiohttp:
   * `server_hostname`).
   */
  readonly serverHostname?: string | undefined
  /** A value that is passed to `ctx` of each trace config. */
  readonly traceRequestCtx?: unknown
  /** The template of the URL for the span name and the attribute `url.template`, such as "/users/{id}". */
  readonly urlTemplate?: string | undefined
  /** Called with the progress of the request body and of the response body; both wait for its effect. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * The options of a request that also apply to the handshake of `Session.webSocket` and `Session.upgrade`.
 *
 * @since 0.1.0
 * @category options
 */
export interface HandshakeOptions
  extends Pick<
    RequestOptions,
    | "params"
    | "headers"
    | "cookies"
    | "auth"
    | "proxy"
    | "proxyAuth"
    | "proxyHeaders"
    | "ssl"
    | "serverHostname"
    | "timeout"
    | "traceRequestCtx"
    | "urlTemplate"
    | "middlewares"
    | "skipAutoHeaders"
  > {}

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
 * A prepared request as middlewares see it: without cookies and automatic headers, and prepared anew for each hop.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientRequest extends Pipeable, Inspectable {
  readonly [TypeId]: TypeId
  readonly method: string
  /** Without userinfo and fragment. */
  readonly url: string
  /** `url` with the values of secret parameters replaced, as errors and spans show it: for log lines. */
  readonly redactedUrl: string
  /** In order and in the given case, including duplicates. Secret values are not printed, but are part of the JSON. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly header: (name: string) => Option.Option<string>
  readonly body: HttpBody.HttpBody
  /** The merged options of the session and the request. */
  readonly options: RequestOptions
  /** The number of redirects followed before. */
  readonly hop: number
}

/**
 * Whether a value is a prepared request.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientRequest = (u: unknown): u is ClientRequest => u instanceof prepared.PreparedRequest

/**
 * Creates a request independently of a session, for `Session.execute` and `toCurl`. The session that executes it adds
 * its own headers, credentials, cookies and limits where the request has none. The URL must be absolute.
 *
 * Fails with `InvalidURL` if the URL cannot be requested, with `InvalidRequest` if options contradict each other or
 * cannot be sent, and with `RequestBodyError` "Encode" if the value of `json` cannot be serialized.
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
    return request instanceof prepared.PreparedRequest ? Effect.succeed(request) : Effect.fail(request)
  })

/**
 * Sets a header, replacing existing ones of the same name in any case. A `Redacted` value is sent but never shown. An
 * invalid header fails the request with `InvalidRequest`.
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
 * Adds a header, keeping existing ones of the same name. A `Redacted` value is sent but never shown. An invalid header
 * fails the request with `InvalidRequest`.
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
 * Removes a header in any case. To omit automatic headers, use the option `skipAutoHeaders`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const removeHeader: {
  (name: string): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, name: string): ClientRequest
} = dual(2, (self: ClientRequest, name: string): ClientRequest => changes.removeHeader(own(self), name))

/**
 * Changes the URL, resolved relative to the current one. If the origin changes, credentials, cookies, secret headers,
 * Host and the TLS server name are removed. An invalid URL fails the request with `InvalidURL`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setUrl: {
  (url: UrlInput): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, url: UrlInput): ClientRequest
} = dual(2, (self: ClientRequest, url: UrlInput): ClientRequest => changes.setUrl(own(self), url))

/**
 * Changes the body, and removes the Content-Type, Content-Length and Content-Encoding headers of the old one. An
 * invalid body fails the request with `InvalidRequest` or `RequestBodyError`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setBody: {
  (data: Data): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, data: Data): ClientRequest
} = dual(2, (self: ClientRequest, data: Data): ClientRequest => changes.setBody(own(self), data))

/** The prepared request behind the public type. Only this package makes requests. */
const own = (self: ClientRequest): prepared.PreparedRequest => {
  if (self instanceof prepared.PreparedRequest) return self
  throw new TypeError("expected a request made by effect-http-session")
}

/**
 * Marks a Stream that can be read only once. A redirect, a retry or a second round of authentication that would need it
 * again fails with `RequestBodyError` "NotReplayable" and sends nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const oneShot = (stream: Stream.Stream<Uint8Array, unknown>): HttpBody.Stream => replay.oneShot(stream)

/**
 * Renders a request as a curl command line, quoted for POSIX shells, without secrets: values of credential headers, of
 * `Redacted` headers, and of parameters, form fields and JSON members with secret names. A body that is a stream, not
 * text or larger than 4 KiB is shown as "@-".
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCurl = (self: ClientRequest): string => curl.toCurl(own(self))
