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
 * An HTTP method, which the client sends in upper case.
 *
 * @since 0.1.0
 * @category models
 */
export type Method = HttpMethod | (string & {})

/**
 * A URL. A string is parsed like `new URL` (WHATWG URL standard), so that a string and a `URL` with the same text send
 * the same bytes: white space around it is removed, existing percent-escapes stay byte for byte, and a space becomes
 * "%20". A string with an ambiguous authority or scheme (an IPv4 address in another notation, a backslash,
 * "http:/host", control characters) fails with `InvalidURL`. With `encoded: true` a string is sent byte for byte.
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
 * Headers as a record or as pairs. In a record, an array of values repeats the header, and `undefined` omits it. Pairs
 * are sent in their order and case.
 *
 * @since 0.1.0
 * @category models
 */
export type HeadersInput =
  | { readonly [name: string]: HeaderValue | ReadonlyArray<HeaderValue> | undefined }
  | Iterable<readonly [name: string, value: HeaderValue]>

/**
 * Query parameters: text with or without a leading "?", a record, pairs, or URLSearchParams. In a record, an array of
 * values repeats the parameter, and `undefined` and `null` omit it.
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
 * A Stream runs again for each attempt, unless it is marked with `oneShot`; Blobs and Files are read again. A Readable,
 * a ReadableStream, an AsyncIterable and a form of `form-data` can be sent only once: a redirect or retry that needs
 * them again fails with `RequestBodyError`, reason "NotReplayable".
 *
 * Text is encoded in the `charset` of the Content-Type header, by default UTF-8. If there is no encoder for the
 * charset, or the charset cannot represent a character, the request fails with `InvalidRequest`.
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
  /** The number of bytes transferred so far; for a download, before decoding. */
  readonly transferred: number
  /** The number of bytes in total, if known. */
  readonly total: Option.Option<number>
}

/**
 * A redirect that the session is about to follow.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redirect {
  readonly response: ResponseHead
  /** The next request. If the origin changes, it no longer contains credentials. */
  readonly next: ClientRequest
  readonly crossOrigin: boolean
}

/**
 * Options of both sessions and requests. The value of the request takes precedence.
 *
 * @since 0.1.0
 * @category models
 */
export interface CommonOptions {
  /** Headers to send. A header of the request replaces the session's header of the same name. */
  readonly headers?: HeadersInput | undefined
  /**
   * Cookies to send, as UTF-8. A session stores its cookies in the jar for the host of `baseUrl` (as Secure, if it is
   * https). Without `baseUrl` it stores them for the host of each request, including IP addresses, but not for a host
   * that only a redirect leads to. Cookies of a request are sent with it and with redirects within its origin, in
   * addition to those of the jar, and are not stored.
   */
  readonly cookies?: CookiesInput | undefined
  /**
   * Credentials, which are sent only to the origin of the URL; `false` sends none. They replace the session's
   * credentials. A request that also has credentials in its URL or headers fails with `InvalidRequest`.
   */
  readonly auth?: Credentials | false | undefined
  /** Automatic headers to omit: "user-agent", "accept", "accept-encoding", "content-type". */
  readonly skipAutoHeaders?: Iterable<string> | undefined
  /**
   * Checks the final response. With `true` the request fails with `ClientResponseError` for statuses from 400 on; with
   * a function it fails if the function's effect fails. Default `false`.
   */
  readonly raiseForStatus?: boolean | ((response: ClientResponse) => Effect.Effect<void, ClientError>) | undefined
  /** Time limits. Those of a request replace those of the session one by one. Defaults: `Timeouts.defaults`. */
  readonly timeout?: Timeouts.Input | undefined
  /** Whether to decode bodies in gzip, deflate, br, and on Node 24 or later zstd. Default `true`. */
  readonly autoDecompress?: boolean | undefined
  /**
   * Maximum size of a decoded body in bytes. Default `Infinity`. If `HttpIncomingMessage.withMaxBodySize` of
   * @effect/platform is set too, the smaller limit applies.
   */
  readonly maxBodySize?: number | undefined
  /** How many bytes of the decoded body a `ClientResponseError` contains at most. Default 64 KiB. */
  readonly errorBodySize?: number | undefined
  /**
   * The proxy of the request; `false` connects directly. Default: the proxy of the environment with `trustEnv`, else
   * none.
   */
  readonly proxy?: Proxy.Input | undefined
  /** Credentials for a `proxy` given as a URL. */
  readonly proxyAuth?: Credentials | undefined
  /** Headers sent with CONNECT only, for a `proxy` given as a URL and for proxies of the environment (`trustEnv`). */
  readonly proxyHeaders?: HeadersInput | undefined
  /** TLS settings. Default `true`, which means the connector's setting. */
  readonly ssl?: Ssl | undefined
  /**
   * The middlewares, outermost first. The list of a request replaces that of the session; `[]` means none. A value that
   * is not an array of functions fails with `InvalidRequest`.
   */
  readonly middlewares?: ReadonlyArray<Middleware> | undefined
  /**
   * Called before the session follows a redirect. It returns the next request, or `None` to return the redirect as the
   * final response. If its effect fails, the request fails.
   */
  readonly onRedirect?: ((redirect: Redirect) => Effect.Effect<Option.Option<ClientRequest>, ClientError>) | undefined
}

/**
 * Options of one request. It can have one body: `json`, `text` or `data`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestOptions extends CommonOptions {
  /** Parameters to append to the query of the URL; a space becomes "+". Redirects do not repeat them. */
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
  /**
   * Maximum number of redirects to follow; one more fails with `TooManyRedirects`. 0 fails on the first redirect.
   * Default 10.
   */
  readonly maxRedirects?: number | undefined
  /** Compresses the body; `true` means "deflate". Default `false`. */
  readonly compress?: boolean | "deflate" | "gzip" | "br" | undefined
  /** Whether to send the body with chunked coding. Default: only if its length is unknown. */
  readonly chunked?: boolean | undefined
  /**
   * Sends `Expect: 100-continue`, and waits at most one second for a response before it sends the body. If the server
   * answers 417 and the body can be sent again, the request is repeated once without the header (RFC 9110 section
   * 10.1.1). Default `false`.
   */
  readonly expect100?: boolean | undefined
  /**
   * The name for TLS instead of the host of the URL (RFC 6066 section 3; aiohttp: `server_hostname`). A host name is
   * sent in SNI as A-labels without a final dot, and verified; an IP address is only verified. An invalid name, with an
   * empty label, a space, a control character, a zone or more than 253 characters, fails with `InvalidRequest`.
   */
  readonly serverHostname?: string | undefined
  /** A value that the session passes to the `ctx` function of each trace config. */
  readonly traceRequestCtx?: unknown
  /** The template of the URL for the span name and the attribute `url.template`, such as "/users/{id}". */
  readonly urlTemplate?: string | undefined
  /** Called with the progress of the request body and of the response body. The transfer waits for its effect. */
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
 * A prepared request, as middlewares see it. It does not contain cookies and automatic headers. Each hop has its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientRequest extends Pipeable, Inspectable {
  readonly [TypeId]: TypeId
  readonly method: string
  /** The URL without userinfo and fragment. */
  readonly url: string
  /** `url` for log lines, with the values of secret parameters replaced as in errors and spans. */
  readonly redactedUrl: string
  /**
   * The headers in the given order and case, including duplicates. Secret values are not printed, but `JSON.stringify`
   * on this array contains them.
   */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly header: (name: string) => Option.Option<string>
  readonly body: HttpBody.HttpBody
  /** The merged options of the session and the request. */
  readonly options: RequestOptions
  /** The number of redirects that led to this request. */
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
 * Creates a request without a session, for `Session.execute` and `toCurl`. The session that executes it adds its
 * headers, credentials, cookies and limits where the request has none. The URL must be absolute.
 *
 * Fails with `InvalidURL` if the URL is invalid, with `InvalidRequest` if an option is invalid or contradicts another,
 * and with `RequestBodyError`, reason "Encode", if the value of `json` cannot be serialized.
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
 * Sets a header and removes existing ones of the same name, in any case. A `Redacted` value is sent but never shown. An
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
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest =>
    changes.setHeader(preparedOf(self), name, value)
)

/**
 * Adds a header and keeps existing ones of the same name. A `Redacted` value is sent but never shown. An invalid header
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
  (self: ClientRequest, name: string, value: HeaderValue): ClientRequest =>
    changes.appendHeader(preparedOf(self), name, value)
)

/**
 * Removes all headers of this name, in any case. To omit automatic headers, use the option `skipAutoHeaders`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const removeHeader: {
  (name: string): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, name: string): ClientRequest
} = dual(2, (self: ClientRequest, name: string): ClientRequest => changes.removeHeader(preparedOf(self), name))

/**
 * Changes the URL; a relative URL is resolved against the current one. If the origin changes, credentials, cookies,
 * secret headers, Host and the TLS server name are removed. An invalid URL fails the request with `InvalidURL`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setUrl: {
  (url: UrlInput): (self: ClientRequest) => ClientRequest
  (self: ClientRequest, url: UrlInput): ClientRequest
} = dual(2, (self: ClientRequest, url: UrlInput): ClientRequest => changes.setUrl(preparedOf(self), url))

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
} = dual(2, (self: ClientRequest, data: Data): ClientRequest => changes.setBody(preparedOf(self), data))

/** Returns the prepared request behind the public type. Only this package can make one. */
const preparedOf = (self: ClientRequest): prepared.PreparedRequest => {
  if (self instanceof prepared.PreparedRequest) return self
  throw new TypeError("expected a request made by effect-http-session")
}

/**
 * Marks a Stream that can be read only once. If a redirect, a retry or a second round of authentication needs the
 * Stream again, the request fails with `RequestBodyError`, reason "NotReplayable", before anything is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const oneShot = (stream: Stream.Stream<Uint8Array, unknown>): HttpBody.Stream => replay.oneShot(stream)

/**
 * Renders a request as a curl command line, quoted for POSIX shells. Secrets are replaced: values of credential
 * headers, of `Redacted` headers, and of parameters, form fields and JSON members with secret names. A body that is a
 * stream, is not text or has more than 4 KiB is shown as "@-", which makes curl read standard input.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCurl = (self: ClientRequest): string => curl.toCurl(preparedOf(self))
