/**
 * Every way in which a request can fail, as a value.
 *
 * ```
 * ClientError
 * ├─ InvalidURL · InvalidRequest · RequestBodyError · MiddlewareError        nothing, or not all, was sent
 * ├─ ClientConnectionError
 * │  ├─ ClientConnectorError · ClientConnectorDNSError · UnixClientConnectorError
 * │  ├─ TlsError
 * │  │  ├─ ClientSSLError = ClientConnectorSSLError | ClientConnectorCertificateError
 * │  │  └─ FingerprintMismatch
 * │  ├─ ClientProxyConnectionError                                           also ProxyError
 * │  ├─ ServerDisconnectedError · ClientOSError
 * │  └─ ConnectionTimeoutError · SocketTimeoutError                          also ServerTimeoutError
 * ├─ TotalTimeoutError                                                       also ServerTimeoutError
 * ├─ ClientHttpProxyError                                                    also ProxyError
 * ├─ BadHttpMessage · ClientPayloadError · ContentTypeError · JsonDecodeError
 * ├─ ClientResponseError · TooManyRedirects
 * ├─ WSServerHandshakeError · WebSocketError
 * └─ SessionClosedError · PoolSaturatedError
 * BodyError = ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError
 *
 * SslContextError · CookieJarError                                           before any request
 * ```
 *
 * One error is caught by its tag, a group by its guard:
 *
 * ```ts
 * import { ClientResponse, Errors, Session } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * export const page = Session.get("https://example.com/").pipe(
 *   ClientResponse.text,
 *   Effect.retry({ while: Errors.isRetryable, times: 2 }),
 *   Effect.catchTag("ClientConnectorDNSError", (error) => Effect.succeed(`${error.host} has no address`)),
 *   Effect.catchIf(Errors.isServerTimeoutError, (error) => Effect.succeed(`${error.timeout} ran out`))
 * )
 * ```
 *
 * Messages, `toJSON`, `toString` and inspection hold no secret: no userinfo, credentials, cookies or signed query
 * values. URLs and causes are redacted when the error is made. Fields that may hold a secret (`headers`, `history`,
 * `body`, the `excerpt` of a body) and `cause` are readable, but not enumerable and left out there; of a foreign cause
 * only the kind is shown.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type { ResponseHead } from "./ClientResponse.js"
import { JsonText, type TextSource } from "./internal/errors/jsonText.js"
import { problemOf } from "./internal/errors/problem.js"
import { isIdempotent, retryability } from "./internal/errors/retryability.js"
import { tagged } from "./internal/errors/tagged.js"
import * as MediaType from "./internal/http/mediaType.js"
import type { Certificate } from "./Ssl.js"
import type { Phase } from "./Timeouts.js"

/**
 * What every error of a request is marked with.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = "~effect-http-session/ClientError"

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/ClientError"

/**
 * What all errors know, as far as it was known.
 *
 * @since 0.1.0
 * @category models
 */
export interface Details {
  /** Such as "GET": the one that was asked for, also where a redirect has made it another. */
  readonly method?: string | undefined
  /** Without userinfo, values of signing and token parameters replaced by "REDACTED". */
  readonly url?: string | undefined
  /** The target's, never the proxy's. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** What was going on. */
  readonly phase?: Phase | undefined
  /** From 1; counts redirect hops, retries and resends. */
  readonly attempt?: number | undefined
  /** The peer's IP address, where there was a connection. */
  readonly remoteAddress?: string | undefined
  /** What was caught. Not enumerable; without the credentials and the JSON that its text quoted. */
  readonly cause?: unknown
}

/**
 * The URL, or a Location, cannot be requested: its syntax, scheme or host is wrong, it holds credentials where none are
 * allowed, or it is relative without a base. Nothing was sent (aiohttp: `InvalidURL`, `NonHttpUrlClientError`,
 * `InvalidUrlRedirectClientError`, `NonHttpUrlRedirectClientError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidURL extends tagged("InvalidURL")<
  Omit<Details, "url"> & {
    readonly url: string
    readonly reason: "Syntax" | "Scheme" | "Host" | "Credentials" | "Relative"
    readonly description: string
    /** Whether it came from a Location header. */
    readonly redirect?: boolean | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The options contradict each other or cannot be sent (aiohttp: `ValueError`, `TypeError`). Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends tagged("InvalidRequest")<
  Details & {
    /** The option or header at fault. */
    readonly option: string
    readonly description: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * One address that was tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailedAddress {
  readonly address: string
  readonly port: number
  readonly code: string
}

/**
 * No address of the host could be reached, or the connector's `addressPolicy` refused them all (aiohttp:
 * `ClientConnectorError`). `addresses` tells what became of each.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorError extends tagged("ClientConnectorError")<
  Details & {
    readonly host: string
    readonly port: number
    readonly reason: "Connect" | "AddressPolicy"
    /** The last address's code, such as "ECONNREFUSED". */
    readonly code: string
    readonly addresses?: ReadonlyArray<FailedAddress> | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The host has no address, or could not be looked up. What a `Resolver` fails with (aiohttp:
 * `ClientConnectorDNSError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorDNSError extends tagged("ClientConnectorDNSError")<
  Details & {
    readonly host: string
    /** Such as "ENOTFOUND", "ESERVFAIL", "ETIMEOUT". */
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The Unix socket could not be opened (aiohttp: `UnixClientConnectorError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class UnixClientConnectorError extends tagged("UnixClientConnectorError")<
  Details & {
    readonly path: string
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * TLS failed, but not for the name in the certificate: expired, untrusted, no handshake (aiohttp:
 * `ClientConnectorSSLError`). `reason` tells them apart.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorSSLError extends tagged("ClientConnectorSSLError")<
  Details & {
    readonly host: string
    readonly port: number
    /** "Protocol": the peer does not speak TLS. "Handshake": it ended the handshake. */
    readonly reason: "Expired" | "NotYetValid" | "SelfSigned" | "UntrustedIssuer" | "Revoked" | "Protocol" | "Handshake"
    /** Node's or OpenSSL's, such as "CERT_HAS_EXPIRED". */
    readonly code: string
    readonly certificate?: Certificate | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The certificate does not name the host (RFC 9110 section 4.3.4); `certificate.names` says what it names (aiohttp:
 * `ClientConnectorCertificateError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorCertificateError extends tagged("ClientConnectorCertificateError")<
  Details & {
    readonly host: string
    readonly port: number
    readonly reason: "HostnameMismatch"
    readonly code: string
    readonly certificate: Certificate
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The certificate is not the pinned one (aiohttp: `ServerFingerprintMismatch`). No byte of the request was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class FingerprintMismatch extends tagged("FingerprintMismatch")<
  Details & {
    readonly host: string
    readonly port: number
    /** 64 lower-case hex digits. */
    readonly expected: string
    readonly got: string
    readonly certificate: Certificate
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The proxy cannot be reached, or its certificate fails; `cause` is the connect error (aiohttp:
 * `ClientProxyConnectionError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientProxyConnectionError extends tagged("ClientProxyConnectionError")<
  Details & {
    /** The proxy's URL without credentials. */
    readonly proxy: string
    readonly reason: "Connect" | "Dns" | "Tls" | "Socks"
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The proxy answered CONNECT with something else than 200 (aiohttp: `ClientHttpProxyError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientHttpProxyError extends tagged("ClientHttpProxyError")<
  Details & {
    readonly proxy: string
    readonly status: number
    readonly reason: string
    readonly headers: Headers.Headers
    /** At most 1 KiB. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * `timeout.connect` or one of its parts ran out (aiohttp: `ConnectionTimeoutError`). Nothing was sent. `timeout` is the
 * limit, `phase` what was going on.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionTimeoutError extends tagged("ConnectionTimeoutError")<
  Details & {
    readonly phase: Phase
    /** The limit that ran out. */
    readonly timeout: "connect" | "poolWait" | "dns" | "socketConnect" | "proxy" | "tls"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The peer was silent for too long while sending, waiting for the head, or reading the body (aiohttp:
 * `SocketTimeoutError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class SocketTimeoutError extends tagged("SocketTimeoutError")<
  Details & {
    readonly phase: Phase
    readonly timeout: "send" | "headers" | "body"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * `timeout.total` ran out (aiohttp: a bare `TimeoutError`, which is no `ClientError`); `phase` says where.
 *
 * @since 0.1.0
 * @category errors
 */
export class TotalTimeoutError extends tagged("TotalTimeoutError")<
  Details & {
    readonly phase: Phase
    readonly timeout: "total"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The server closed the connection before its response was complete up to the end of the head (aiohttp:
 * `ServerDisconnectedError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerDisconnectedError extends tagged("ServerDisconnectedError")<
  Details & {
    /** Whether the connection had served a request before. */
    readonly reused: boolean
    /** Bytes of the head that had come. */
    readonly received: number
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The operating system refused to write or read, such as "ECONNRESET" or "EPIPE" (aiohttp: `ClientOSError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientOSError extends tagged("ClientOSError")<
  Details & {
    readonly code: string
    readonly syscall?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The response's head is not HTTP, or is larger than the connector's `http1` limits allow (RFC 9112; aiohttp:
 * `BadHttpMessage`, `BadStatusLine`, `LineTooLong`).
 *
 * @since 0.1.0
 * @category errors
 */
export class BadHttpMessage extends tagged("BadHttpMessage")<
  Details & {
    readonly reason: "StatusLine" | "Header" | "Framing" | "Limit" | "Unsolicited"
    readonly description: string
    /** At most 100 bytes of what the peer sent, escaped. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The response's body is cut, malformed, too large, or no longer there (aiohttp: `ClientPayloadError`). "TooLarge" is a
 * limit of size or of decompression, "Consumed" a second reading of a stream, "Released" a reading after the Scope.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientPayloadError extends tagged("ClientPayloadError")<
  Details & {
    readonly reason: "Incomplete" | "Framing" | "Decompression" | "TooLarge" | "LineTooLong" | "Consumed" | "Released"
    /** Bytes that had come, before decoding. */
    readonly received: number
    readonly expected?: number | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The request's body failed, had the wrong length, could not be encoded, or could not be sent a second time; `cause` is
 * what it failed with.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestBodyError extends tagged("RequestBodyError")<
  Details & {
    readonly reason: "Source" | "Length" | "Encode" | "NotReplayable"
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A body that cannot be decoded, and whose Content-Type says that it is something else: `json` could not parse it, an
 * event stream was expected, or `contentType` demands another type (aiohttp: `ContentTypeError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class ContentTypeError extends tagged("ContentTypeError")<
  Details & {
    readonly status: number
    /** Content-Type as received, several joined by ", "; "" where the server sent none. */
    readonly contentType: string
    /** Such as "application/json". */
    readonly expected: string
    /** At most 500 characters of the beginning of the body. Not enumerable. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The body is not JSON, although its Content-Type says so (aiohttp: `json.JSONDecodeError`, which is no `ClientError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class JsonDecodeError extends tagged("JsonDecodeError")<
  Details & {
    /** Where, in characters, if the parser said so. */
    readonly position?: number | undefined
    /** At most 100 characters around it. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

const jsonText = new JsonText({ ContentTypeError, JsonDecodeError })

const textSourceOf = ({ attempt, headers, host, method, port, status, url }: ClientResponseError): TextSource => {
  const typeText = headers["content-type"]
  return {
    status,
    typeText,
    mediaType: MediaType.parse(typeText),
    details: () => ({ attempt, host, method, port, url })
  }
}

/**
 * Problem details of an HTTP API (RFC 9457). A member of another type than the RFC's is left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  /** The URI reference that identifies the kind of problem, as received; "about:blank" where there is none. */
  readonly type: string
  /** A short summary of the kind. */
  readonly title?: string | undefined
  /** As the body says, which may differ from the response's. */
  readonly status?: number | undefined
  /** What is wrong this time. */
  readonly detail?: string | undefined
  /** The URI reference that identifies this occurrence, as received. */
  readonly instance?: string | undefined
  /** All other members, such as "errors" or "balance". */
  readonly extensions: { readonly [member: string]: unknown }
}

/** What a `ClientResponseError` is made of. */
interface RefusedResponse extends Details {
  readonly status: number
  readonly reason: string
  readonly headers: Headers.Headers
  readonly history: ReadonlyArray<ResponseHead>
  /** The text of `bytes`, as `response.text` decodes it. */
  readonly body: string
}

/**
 * `raiseForStatus` met a status of 400 or more (aiohttp: `ClientResponseError`). The error keeps the first 64 KiB of the
 * body, or `errorBodySize` bytes: as `bytes`, as text (`body`), as JSON (`json`, `schemaJson`) and as problem details.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { ClientResponse, Session } from "effect-http-session"
 *
 * const order = Session.get("https://api.example/orders/1", { raiseForStatus: true }).pipe(
 *   ClientResponse.json,
 *   Effect.catchTag("ClientResponseError", (error) =>
 *     Effect.fail(Option.match(error.problem, { onNone: () => error.message, onSome: ({ title }) => title }))
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientResponseError extends tagged("ClientResponseError")<
  RefusedResponse & {
    /** The beginning of the body, or all of it, decoded by its Content-Encoding: at most `errorBodySize` bytes. */
    readonly bytes: Uint8Array
  }
> {
  readonly [TypeId]: TypeId = TypeId

  /** `bytes`: default `body` in UTF-8. */
  constructor(fields: RefusedResponse & { readonly bytes?: Uint8Array | undefined }) {
    super({ ...fields, bytes: fields.bytes ?? new TextEncoder().encode(fields.body) })
  }

  /**
   * The JSON of `body`, as `response.json` reads it: `null` for an empty body. Fails with `JsonDecodeError`, also where
   * the body was longer than `errorBodySize`, or with `ContentTypeError` where its type is not of JSON.
   */
  get json(): Effect.Effect<unknown, ContentTypeError | JsonDecodeError> {
    return Effect.suspend(() => jsonText.decode(textSourceOf(this), this.body, undefined))
  }

  /** `json`, decoded by a schema. Fails as `json` does, and with `ParseError`. */
  schemaJson<A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ): Effect.Effect<A, ContentTypeError | JsonDecodeError | ParseError, R> {
    return Effect.flatMap(this.json, Schema.decodeUnknown(schema, options))
  }

  /** The problem details of a body of type application/problem+json (RFC 9457). */
  get problem(): Option.Option<Problem> {
    return problemOf(this.headers["content-type"], this.body)
  }
}

/**
 * More than `maxRedirects` hops; `history` holds them (aiohttp: `TooManyRedirects`).
 *
 * @since 0.1.0
 * @category errors
 */
export class TooManyRedirects extends tagged("TooManyRedirects")<
  Details & {
    readonly limit: number
    readonly history: ReadonlyArray<ResponseHead>
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The server did not open a WebSocket (RFC 6455 section 4.1; aiohttp: `WSServerHandshakeError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class WSServerHandshakeError extends tagged("WSServerHandshakeError")<
  Details & {
    readonly status: number
    readonly reason: string
    readonly description: string
    readonly headers: Headers.Headers
    /** The beginning of the body as text, at most `errorBodySize` bytes. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A WebSocket ended, or could not be read or written (RFC 6455 section 7; aiohttp: `WebSocketError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class WebSocketError extends tagged("WebSocketError")<
  Details & {
    readonly reason: "Closed" | "Protocol" | "TooLarge" | "Heartbeat" | "Abnormal" | "Timeout"
    /** The close code sent or received; 1006 where there was none. */
    readonly code: number
    readonly closeReason?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A middleware gave up; `cause` is what it failed with.
 *
 * @since 0.1.0
 * @category errors
 */
export class MiddlewareError extends tagged("MiddlewareError")<
  Details & {
    readonly reason: "CircuitOpen" | "RateLimited" | "TokenRefresh" | "Failed"
    readonly description?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The session or its connector is closed, or was closed meanwhile (aiohttp: `RuntimeError`, `CancelledError`).
 *
 * @since 0.1.0
 * @category errors
 */
export class SessionClosedError extends tagged("SessionClosedError")<
  Details & {
    readonly subject: "Session" | "Connector"
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * `maxQueue` requests wait already. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolSaturatedError extends tagged("PoolSaturatedError")<
  Details & {
    readonly waiting: number
    readonly maxQueue: number
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A certificate, key or TLS setting cannot be used. Fails `Ssl.context`, never a request.
 *
 * @since 0.1.0
 * @category errors
 */
export class SslContextError extends tagged("SslContextError")<{
  readonly option: string
  readonly description: string
  readonly cause?: unknown
}> {}

/**
 * Saved cookies cannot be read. Fails `CookieJar.load` and `layerPersisted`, never a request.
 *
 * @since 0.1.0
 * @category errors
 */
export class CookieJarError extends tagged("CookieJarError")<{
  readonly reason: "Malformed" | "TooLarge"
  readonly description: string
  readonly cause?: unknown
}> {}

/**
 * TLS refused, for the certificate's name or for anything else (aiohttp: `ClientSSLError`).
 *
 * @since 0.1.0
 * @category groups
 */
export type ClientSSLError = ClientConnectorSSLError | ClientConnectorCertificateError

/**
 * `ClientSSLError` or the pin.
 *
 * @since 0.1.0
 * @category groups
 */
export type TlsError = ClientSSLError | FingerprintMismatch

/**
 * Any timeout (aiohttp: `ServerTimeoutError`, which has no total).
 *
 * @since 0.1.0
 * @category groups
 */
export type ServerTimeoutError = ConnectionTimeoutError | SocketTimeoutError | TotalTimeoutError

/**
 * The proxy's fault.
 *
 * @since 0.1.0
 * @category groups
 */
export type ProxyError = ClientProxyConnectionError | ClientHttpProxyError

/**
 * There was no connection, or it broke before a response had come (aiohttp: `ClientConnectionError`).
 *
 * @since 0.1.0
 * @category groups
 */
export type ClientConnectionError =
  | ClientConnectorError
  | ClientConnectorDNSError
  | UnixClientConnectorError
  | TlsError
  | ClientProxyConnectionError
  | ServerDisconnectedError
  | ClientOSError
  | ConnectionTimeoutError
  | SocketTimeoutError

/**
 * What reading a body can fail with.
 *
 * @since 0.1.0
 * @category groups
 */
export type BodyError = ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError

/**
 * Everything that a request can fail with (aiohttp: `ClientError`).
 *
 * @since 0.1.0
 * @category groups
 */
export type ClientError =
  | InvalidURL
  | InvalidRequest
  | ClientConnectionError
  | TotalTimeoutError
  | ClientHttpProxyError
  | BadHttpMessage
  | ClientPayloadError
  | RequestBodyError
  | ContentTypeError
  | JsonDecodeError
  | ClientResponseError
  | TooManyRedirects
  | WSServerHandshakeError
  | WebSocketError
  | MiddlewareError
  | SessionClosedError
  | PoolSaturatedError

// The guards are generic so that `Effect.catchIf` narrows an error channel that holds only part of the group.

const group = (...tags: ReadonlyArray<ClientError["_tag"]>): ReadonlySet<string> => new Set<string>(tags)

const clientSSLTags = group("ClientConnectorSSLError", "ClientConnectorCertificateError")
const tlsTags = group("ClientConnectorSSLError", "ClientConnectorCertificateError", "FingerprintMismatch")
const timeoutTags = group("ConnectionTimeoutError", "SocketTimeoutError", "TotalTimeoutError")
const proxyTags = group("ClientProxyConnectionError", "ClientHttpProxyError")
const connectionTags = group(
  "ClientConnectorError",
  "ClientConnectorDNSError",
  "UnixClientConnectorError",
  "ClientConnectorSSLError",
  "ClientConnectorCertificateError",
  "FingerprintMismatch",
  "ClientProxyConnectionError",
  "ServerDisconnectedError",
  "ClientOSError",
  "ConnectionTimeoutError",
  "SocketTimeoutError"
)

const belongs = (error: unknown): error is ClientError => typeof error === "object" && error !== null && TypeId in error

const hasTag = (error: unknown, tags: ReadonlySet<string>): boolean => belongs(error) && tags.has(error._tag)

/**
 * Whether something is an error of a request. Narrows partial error channels, whole ones and `unknown`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientError = <E>(error: E): error is E & ClientError => belongs(error)

/**
 * Whether there was no connection, or it broke before a response had come.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientConnectionError = <E>(error: E): error is E & ClientConnectionError =>
  hasTag(error, connectionTags)

/**
 * Whether TLS refused, the pin aside.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientSSLError = <E>(error: E): error is E & ClientSSLError => hasTag(error, clientSSLTags)

/**
 * Whether TLS or the pin refused.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTlsError = <E>(error: E): error is E & TlsError => hasTag(error, tlsTags)

/**
 * Whether a time limit ran out, the total included.
 *
 * @since 0.1.0
 * @category guards
 */
export const isServerTimeoutError = <E>(error: E): error is E & ServerTimeoutError => hasTag(error, timeoutTags)

/**
 * Whether it was the proxy's fault.
 *
 * @since 0.1.0
 * @category guards
 */
export const isProxyError = <E>(error: E): error is E & ProxyError => hasTag(error, proxyTags)

/**
 * Whether the same request may simply be sent again: no byte of it can have been acted upon, or its method is
 * idempotent (RFC 9110 section 9.2.2) and the failure one that passes: connect, timeout, disconnect, a body that was cut,
 * 408, 425, 429, 502, 503, 504. Refused certificates, pins, URLs and address policies fail again and are not retryable.
 *
 * An error of a later attempt (`attempt` above 1) says nothing of the earlier ones, so it counts only for idempotent
 * methods. Fits `Effect.retry({ while: Errors.isRetryable })`; anything that is no `ClientError` is `false`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRetryable = (error: unknown): boolean => {
  if (!belongs(error)) return false
  const verdict = retryability(error)
  if (verdict === "never") return false
  return isIdempotent(error.method) || (verdict === "unsent" && (error.attempt === undefined || error.attempt <= 1))
}
