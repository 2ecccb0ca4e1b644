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
 * ```
 *
 * Messages, `toJSON`, `toString` and inspection hold no secret: no userinfo, credentials, cookies or signed query
 * values; fields that may hold one (`headers`, `history`, `body`) are left out there.
 */
import type * as Headers from "@effect/platform/Headers"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type { ResponseHead } from "./ClientResponse.js"
import type { Certificate } from "./Ssl.js"
import type { Phase } from "./Timeouts.js"

export const TypeId: TypeId = "~effect-http-session/ClientError"
export type TypeId = "~effect-http-session/ClientError"

/** What all errors know, as far as it was known. */
export interface Details {
  readonly method?: string | undefined
  /** Redacted. */
  readonly url?: string | undefined
  /** The target's, never the proxy's. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly phase?: Phase | undefined
  /** From 1; counts redirect hops, retries and resends. */
  readonly attempt?: number | undefined
  readonly remoteAddress?: string | undefined
  readonly cause?: unknown
}

/** The URL, or a Location, cannot be requested (aiohttp: also `NonHttpUrlClientError` and the redirect ones). */
export class InvalidURL extends Data.TaggedError("InvalidURL")<
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

/** The options contradict each other or cannot be sent (aiohttp: `ValueError`, `TypeError`). Nothing was sent. */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<
  Details & {
    /** The option or header at fault. */
    readonly option: string
    readonly description: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** One address that was tried. */
export interface FailedAddress {
  readonly address: string
  readonly port: number
  readonly code: string
}

/** No address of the host could be reached, or the connector's `addressPolicy` refused them all. */
export class ClientConnectorError extends Data.TaggedError("ClientConnectorError")<
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

/** The host has no address, or could not be looked up. What a `Resolver` fails with. */
export class ClientConnectorDNSError extends Data.TaggedError("ClientConnectorDNSError")<
  Details & {
    readonly host: string
    /** Such as "ENOTFOUND", "ESERVFAIL", "ETIMEOUT". */
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The Unix socket could not be opened. */
export class UnixClientConnectorError extends Data.TaggedError("UnixClientConnectorError")<
  Details & {
    readonly path: string
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** TLS failed, but not for the name in the certificate: expired, untrusted, no handshake. */
export class ClientConnectorSSLError extends Data.TaggedError("ClientConnectorSSLError")<
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

/** The certificate does not name the host; `certificate.names` says what it names. */
export class ClientConnectorCertificateError extends Data.TaggedError("ClientConnectorCertificateError")<
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

/** The certificate is not the pinned one (aiohttp: `ServerFingerprintMismatch`). */
export class FingerprintMismatch extends Data.TaggedError("FingerprintMismatch")<
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

/** The proxy cannot be reached, or its certificate fails; `cause` is the connect error. */
export class ClientProxyConnectionError extends Data.TaggedError("ClientProxyConnectionError")<
  Details & {
    /** The proxy's URL without credentials. */
    readonly proxy: string
    readonly reason: "Connect" | "Dns" | "Tls" | "Socks"
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The proxy answered CONNECT with something else than 200. */
export class ClientHttpProxyError extends Data.TaggedError("ClientHttpProxyError")<
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

/** `timeout.connect` or one of its parts ran out. */
export class ConnectionTimeoutError extends Data.TaggedError("ConnectionTimeoutError")<
  Details & {
    readonly phase: Phase
    /** The limit that ran out. */
    readonly timeout: "connect" | "poolWait" | "dns" | "socketConnect" | "proxy" | "tls"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The peer was silent for too long while sending, waiting for the head, or reading the body. */
export class SocketTimeoutError extends Data.TaggedError("SocketTimeoutError")<
  Details & {
    readonly phase: Phase
    readonly timeout: "send" | "headers" | "body"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** `timeout.total` ran out (aiohttp: a bare `TimeoutError`); `phase` says where. */
export class TotalTimeoutError extends Data.TaggedError("TotalTimeoutError")<
  Details & {
    readonly phase: Phase
    readonly timeout: "total"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The server closed the connection before its response was complete up to the end of the head. */
export class ServerDisconnectedError extends Data.TaggedError("ServerDisconnectedError")<
  Details & {
    /** Whether the connection had served a request before. */
    readonly reused: boolean
    /** Bytes of the head that had come. */
    readonly received: number
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The operating system refused to write or read, such as "ECONNRESET" or "EPIPE". */
export class ClientOSError extends Data.TaggedError("ClientOSError")<
  Details & {
    readonly code: string
    readonly syscall?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The response's head is not HTTP, or is larger than the connector's `http1` limits allow. */
export class BadHttpMessage extends Data.TaggedError("BadHttpMessage")<
  Details & {
    readonly reason: "StatusLine" | "Header" | "Framing" | "Limit" | "Unsolicited"
    readonly description: string
    /** At most 100 bytes of what the peer sent, escaped. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The response's body is cut, malformed, too large, or no longer there. */
export class ClientPayloadError extends Data.TaggedError("ClientPayloadError")<
  Details & {
    readonly reason: "Incomplete" | "Framing" | "Decompression" | "TooLarge" | "LineTooLong" | "Consumed" | "Released"
    /** Bytes that had come, before decoding. */
    readonly received: number
    readonly expected?: number | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The request's body failed, had the wrong length, could not be encoded, or could not be sent a second time. */
export class RequestBodyError extends Data.TaggedError("RequestBodyError")<
  Details & {
    readonly reason: "Source" | "Length" | "Encode" | "NotReplayable"
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** `json` met another media type. */
export class ContentTypeError extends Data.TaggedError("ContentTypeError")<
  Details & {
    readonly status: number
    readonly contentType: string
    readonly expected: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The body is not JSON. */
export class JsonDecodeError extends Data.TaggedError("JsonDecodeError")<
  Details & {
    /** Where, in characters, if the parser said so. */
    readonly position?: number | undefined
    /** At most 100 characters around it. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** `raiseForStatus` met a status of 400 or more, or whatever it was told to refuse. */
export class ClientResponseError extends Data.TaggedError("ClientResponseError")<
  Details & {
    readonly status: number
    readonly reason: string
    readonly headers: Headers.Headers
    readonly history: ReadonlyArray<ResponseHead>
    /** At most the first KiB, decoded. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** More than `maxRedirects` hops. */
export class TooManyRedirects extends Data.TaggedError("TooManyRedirects")<
  Details & {
    readonly limit: number
    readonly history: ReadonlyArray<ResponseHead>
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The server did not open a WebSocket. */
export class WSServerHandshakeError extends Data.TaggedError("WSServerHandshakeError")<
  Details & {
    readonly status: number
    readonly reason: string
    readonly description: string
    readonly headers: Headers.Headers
    /** At most the first KiB, decoded. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** A WebSocket ended, or could not be read or written. */
export class WebSocketError extends Data.TaggedError("WebSocketError")<
  Details & {
    readonly reason: "Closed" | "Protocol" | "TooLarge" | "Heartbeat" | "Abnormal" | "Timeout"
    /** The close code sent or received; 1006 where there was none. */
    readonly code: number
    readonly closeReason?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** A middleware gave up; `cause` is what it failed with. */
export class MiddlewareError extends Data.TaggedError("MiddlewareError")<
  Details & {
    readonly reason: "CircuitOpen" | "RateLimited" | "TokenRefresh" | "Failed"
    readonly description?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** The session or its connector is closed, or was closed meanwhile (aiohttp: `RuntimeError`, `CancelledError`). */
export class SessionClosedError extends Data.TaggedError("SessionClosedError")<
  Details & {
    readonly subject: "Session" | "Connector"
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** `maxQueue` requests wait already. */
export class PoolSaturatedError extends Data.TaggedError("PoolSaturatedError")<
  Details & {
    readonly waiting: number
    readonly maxQueue: number
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/** A certificate, key or TLS setting cannot be used. Fails `Ssl.context`, never a request. */
export class SslContextError extends Data.TaggedError("SslContextError")<{
  readonly option: string
  readonly description: string
  readonly cause?: unknown
}> {}

/** Saved cookies cannot be read. Fails `CookieJar.load` and `layerPersisted`, never a request. */
export class CookieJarError extends Data.TaggedError("CookieJarError")<{
  readonly reason: "Malformed" | "TooLarge"
  readonly description: string
  readonly cause?: unknown
}> {}

/** TLS refused, for the certificate's name or for anything else (aiohttp: `ClientSSLError`). */
export type ClientSSLError = ClientConnectorSSLError | ClientConnectorCertificateError

/** `ClientSSLError` or the pin. */
export type TlsError = ClientSSLError | FingerprintMismatch

/** Any timeout. aiohttp's has no total. */
export type ServerTimeoutError = ConnectionTimeoutError | SocketTimeoutError | TotalTimeoutError

/** The proxy's fault. */
export type ProxyError = ClientProxyConnectionError | ClientHttpProxyError

/** There was no connection, or it broke before a response had come. */
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

/** What reading a body can fail with. */
export type BodyError = ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError

/** Everything that a request can fail with. */
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

export const isClientError = <E>(error: E): error is E & ClientError => belongs(error)
export const isClientConnectionError = <E>(error: E): error is E & ClientConnectionError =>
  hasTag(error, connectionTags)
export const isClientSSLError = <E>(error: E): error is E & ClientSSLError => hasTag(error, clientSSLTags)
export const isTlsError = <E>(error: E): error is E & TlsError => hasTag(error, tlsTags)
export const isServerTimeoutError = <E>(error: E): error is E & ServerTimeoutError => hasTag(error, timeoutTags)
export const isProxyError = <E>(error: E): error is E & ProxyError => hasTag(error, proxyTags)

export const isRetryable = (error: unknown): boolean => belongs(error)
