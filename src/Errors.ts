/**
 * Every error of requests, as a value with a tag.
 *
 * ```
 * ClientError
 * ├─ InvalidURL · InvalidRequest · RequestBodyError · MiddlewareError        not sent completely
 * ├─ ClientConnectionError
 * │  ├─ ClientConnectorError · ClientConnectorDNSError · UnixClientConnectorError
 * │  ├─ TlsError
 * │  │  ├─ ClientSSLError = ClientConnectorSSLError | ClientConnectorCertificateError
 * │  │  └─ FingerprintMismatch
 * │  ├─ ClientProxyConnectionError                                           also ProxyError
 * │  ├─ ServerDisconnectedError · ClientOSError · StreamResetError
 * │  └─ ConnectionTimeoutError · SocketTimeoutError                          also ServerTimeoutError
 * ├─ TotalTimeoutError                                                       also ServerTimeoutError
 * ├─ ClientHttpProxyError                                                    also ProxyError
 * ├─ BadHttpMessage · ClientPayloadError · ContentTypeError · JsonDecodeError
 * ├─ ClientResponseError · TooManyRedirects
 * ├─ WSServerHandshakeError · WebSocketError · UpgradeError
 * └─ SessionClosedError · PoolSaturatedError
 * BodyError = ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError
 *
 * SslContextError · CookieJarError                                           before any request
 * ```
 *
 * Catch one error by its tag and a group by its guard:
 *
 * ```ts
 * import { ClientResponse, Errors, Session } from "effect-http-session"
 * import { Effect } from "effect"
 *
 * export const page = Session.get("https://example.com/").pipe(
 *   ClientResponse.text,
 *   Effect.retry({ while: Errors.isRetryable, times: 2 }),
 *   Effect.catchTag("ClientConnectorDNSError", (error) => Effect.succeed(`${error.host} has no address`)),
 *   Effect.catchIf(Errors.isServerTimeoutError, (error) => Effect.succeed(`${error.timeout} expired`))
 * )
 * ```
 *
 * Messages, `toJSON`, `toString` and inspection do not contain secrets: no userinfo, credentials, cookies or signed
 * query values. URLs and causes are redacted when the error is made. `cause` and the fields that may contain a secret
 * (`headers`, `history`, `body`, the `excerpt` of a body) can be read but are not enumerable, so that they are not
 * printed. A printed error shows only the kind of a cause that another library made.
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
 * Marks the errors of requests.
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
 * The fields that all request errors share. A field is `undefined` if its value was not known when the error was made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Details {
  /** The method of the original request, such as "GET", even if a redirect changed it. */
  readonly method?: string | undefined
  /** The URL of the request without userinfo; the values of signing and token parameters are "REDACTED". */
  readonly url?: string | undefined
  /** The host of the target, never of the proxy. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** The phase in which the request failed. */
  readonly phase?: Phase | undefined
  /** The number of the attempt, from 1; redirects, retries and resends count as attempts. */
  readonly attempt?: number | undefined
  /** The IP address of the peer, if there was a connection. */
  readonly remoteAddress?: string | undefined
  /** The original error. Not enumerable; credentials and quoted JSON are removed from its text. */
  readonly cause?: unknown
}

/**
 * The client cannot request a URL: its syntax, scheme or host is invalid, it contains credentials where they are not
 * allowed, or it is relative and the session has no `baseUrl`. The URL is that of the request, of a redirect, or of a
 * proxy; for a proxy, the description names the option or environment variable. Nothing was sent to this URL (aiohttp:
 * `InvalidURL`, `NonHttpUrlClientError`, `InvalidUrlRedirectClientError`, `NonHttpUrlRedirectClientError`).
 *
 * - "Syntax": the text is not a URL, or a response has two different Location headers. "Scheme": the scheme is not
 *   supported, for example ftp.
 * - "Host": the host or port is malformed. "Relative": the URL is relative and the session has no `baseUrl`.
 * - "Credentials": the user or password is malformed, or is not allowed in this URL.
 *
 * Causes: a URL concatenated from strings, a missing `baseUrl`, a server that redirects to another scheme, or a
 * mistyped proxy variable.
 *
 * Remedy: pass a `URL` object or set `baseUrl`. For a redirect, look at `url`; to handle the redirect yourself, set
 * `allowRedirects: false` or `onRedirect`.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidURL extends tagged("InvalidURL")<
  Omit<Details, "url"> & {
    readonly url: string
    readonly reason: "Syntax" | "Scheme" | "Host" | "Credentials" | "Relative"
    readonly description: string
    /** Whether the URL is from a Location header. */
    readonly redirect?: boolean | undefined
    /**
     * Whether `url` is the URL of a proxy; `host` and `port` are then those of the target. `url` never contains
     * credentials.
     */
    readonly proxy?: boolean | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * An option is invalid, or options contradict each other (aiohttp: `ValueError`, `TypeError`). Nothing was sent.
 *
 * Causes: two options that cannot be combined, such as `json` and `data`; a header with a line break; a value of the
 * wrong type from JavaScript or from configuration.
 *
 * Remedy: correct the option that `option` names; `description` says what was expected. The same request never succeeds
 * unchanged.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends tagged("InvalidRequest")<
  Details & {
    /** The invalid option or header. */
    readonly option: string
    readonly description: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * An address to which the connector could not connect.
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
 * The connector could not connect to any address of the host, or its `addressPolicy` rejected all of them (aiohttp:
 * `ClientConnectorError`). `addresses` lists each address with its error code.
 *
 * - "Connect": every address failed; `code` is the error code of the last one.
 * - "AddressPolicy": the connector's `addressPolicy` rejected every address.
 *
 * Causes: the server is not running, it listens on another port or address (in a container often on 127.0.0.1 instead
 * of 0.0.0.0), or a firewall rejects the connection.
 *
 * Remedy: check host and port in the message, then `nc -vz host port` from the same machine. Retry later if the server
 * is starting. For "AddressPolicy" the URL leads to an address that the program must not reach.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorError extends tagged("ClientConnectorError")<
  Details & {
    readonly host: string
    readonly port: number
    readonly reason: "Connect" | "AddressPolicy"
    /** The error code of the last address, such as "ECONNREFUSED". */
    readonly code: string
    readonly addresses?: ReadonlyArray<FailedAddress> | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The name of the host has no address, or its lookup failed. Functions of `Resolver` fail with it too (aiohttp:
 * `ClientConnectorDNSError`).
 *
 * Causes: a mistyped name, a name that resolves only in another network or container, or a name server that is down
 * ("EAI_AGAIN", "ESERVFAIL", "ETIMEOUT").
 *
 * Remedy: resolve the name on the same machine with `getent hosts name`. Retry if the name server failed; set
 * `connector: { resolver }` for other name servers or fixed addresses.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorDNSError extends tagged("ClientConnectorDNSError")<
  Details & {
    readonly host: string
    /** The error code of the lookup, such as "ENOTFOUND", "ESERVFAIL" or "ETIMEOUT". */
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * Connecting to the Unix socket failed (aiohttp: `UnixClientConnectorError`).
 *
 * Causes: the daemon is not running ("ENOENT", "ECONNREFUSED"), its socket has another path, or the user of this
 * process may not open it ("EACCES").
 *
 * Remedy: check `path` and its permissions with `ls -l`; for Docker, add the user to the group that owns the socket.
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
 * TLS failed for a reason other than the names in the certificate (aiohttp: `ClientConnectorSSLError`).
 *
 * - "Expired", "NotYetValid": the certificate is not valid at this time. "Revoked": a list of `crl` contains it.
 * - "SelfSigned", "UntrustedIssuer": no trusted authority issued it, or the server sends no intermediate certificate.
 * - "Protocol": the peer does not speak TLS, or not the version of HTTP that the request needs. "Handshake": the peer
 *   ended the handshake.
 *
 * Causes: a certificate that was not renewed, a wrong clock on this machine, a private authority of a company or of a
 * proxy that inspects TLS, an https URL with an http port, or a server that requires a client certificate or another
 * TLS version.
 *
 * Remedy: look at `certificate` and `code`, and compare with `openssl s_client -connect host:port -servername host`.
 * Trust a private authority by `Ssl.context({ ca })`; `ssl: false` turns verification off and is for tests only.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientConnectorSSLError extends tagged("ClientConnectorSSLError")<
  Details & {
    readonly host: string
    readonly port: number
    /** Why TLS failed: each value is explained above. */
    readonly reason: "Expired" | "NotYetValid" | "SelfSigned" | "UntrustedIssuer" | "Revoked" | "Protocol" | "Handshake"
    /** The code of Node or OpenSSL, such as "CERT_HAS_EXPIRED". */
    readonly code: string
    readonly certificate?: Certificate | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The certificate is not valid for the host (RFC 9110 section 4.3.4); `certificate.names` lists its names (aiohttp:
 * `ClientConnectorCertificateError`).
 *
 * - "HostnameMismatch": the only reason.
 *
 * Causes: the URL contains an IP address or an alias that the certificate does not list, the server sends the
 * certificate of another virtual host, or an attacker intercepts the connection.
 *
 * Remedy: use a name of `certificate.names` in the URL, or set `serverHostname` to one of them if the URL needs another
 * name.
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
 * The certificate does not match the pinned fingerprint (aiohttp: `ServerFingerprintMismatch`). No byte of the request
 * was sent.
 *
 * Causes: the server has renewed its certificate, a load balancer has several certificates, or an attacker intercepts the
 * connection.
 *
 * Remedy: compare `got` with the fingerprint from a trusted source (`openssl x509 -noout -fingerprint -sha256`), and
 * change the pin only if they are equal.
 *
 * @since 0.1.0
 * @category errors
 */
export class FingerprintMismatch extends tagged("FingerprintMismatch")<
  Details & {
    readonly host: string
    readonly port: number
    /** The pinned SHA-256: 64 lower-case hexadecimal digits. */
    readonly expected: string
    readonly got: string
    readonly certificate: Certificate
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The connector could not connect to the proxy, or the certificate of the proxy is invalid; `cause` is the original
 * error (aiohttp: `ClientProxyConnectionError`).
 *
 * - "Connect": the connection failed. "Dns": the name of the proxy has no address. "Tls": TLS with an https proxy
 *   failed.
 * - "Socks": a SOCKS proxy refused the request.
 *
 * Causes: a proxy that is down, or an environment variable such as HTTPS_PROXY that still names an old proxy.
 *
 * Remedy: check `proxy`; `proxy: false` connects directly, and NO_PROXY excludes hosts.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientProxyConnectionError extends tagged("ClientProxyConnectionError")<
  Details & {
    /** The URL of the proxy without credentials. */
    readonly proxy: string
    readonly reason: "Connect" | "Dns" | "Tls" | "Socks"
    readonly code: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The proxy answered CONNECT with a status outside 2xx (aiohttp: `ClientHttpProxyError`).
 *
 * Causes: missing or wrong credentials (407), a host or port that the proxy does not allow (403), or a target that the
 * proxy cannot reach (502, 504).
 *
 * Remedy: read `body`, which often explains the refusal; pass `proxyAuth`, or ask the operator of the proxy to allow
 * `host` and `port`.
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
    /** The first 1 KiB of the proxy's response at most. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The time limit `timeout.connect`, or the limit of one of its phases, expired (aiohttp: `ConnectionTimeoutError`).
 * Nothing was sent.
 *
 * Causes: a firewall that drops packets (`socketConnect`), a full pool (`poolWait`), a slow name server (`dns`), or a
 * proxy or server that accepts connections and then stays silent (`proxy`, `tls`).
 *
 * Remedy: look at `phase`. If it is "queue", raise `limit` of the connector; otherwise check the network, retry, or
 * raise the time limit.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionTimeoutError extends tagged("ConnectionTimeoutError")<
  Details & {
    readonly phase: Phase
    /** The limit that expired. */
    readonly timeout: "connect" | "poolWait" | "dns" | "socketConnect" | "proxy" | "tls"
    readonly limit: Duration.Duration
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The server was silent for too long: while it received the request, or before or during its response (aiohttp:
 * `SocketTimeoutError`).
 *
 * Causes: a server that needs longer than `timeout.headers` for its response, a connection that broke without a packet,
 * or a server that stops reading an upload (`send`) or sending a body (`body`).
 *
 * Remedy: raise the limit for slow responses; retry idempotent requests. The server may have acted on the request.
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
 * The time limit `timeout.total` expired (aiohttp: a bare `TimeoutError`, outside `ClientError`).
 *
 * Causes: a slow server, a large body on a slow line, many redirects or retries, or a middleware that waits.
 *
 * Remedy: look at `phase`, and raise `timeout: { total }` for the request. For large downloads, use `{ total: Infinity,
 * body: "30 seconds" }`.
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
 * The server closed the connection before the end of the response head (aiohttp: `ServerDisconnectedError`). If `phase`
 * is "connect", no byte of the request had been written.
 *
 * Causes: the server or a load balancer crashed, restarted, or closed an idle connection just as the client sent the
 * request (`reused`), or it does not understand the request.
 *
 * Remedy: retry idempotent requests. If it happens with reused connections, set `keepaliveTimeout` below that of the
 * server.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerDisconnectedError extends tagged("ServerDisconnectedError")<
  Details & {
    /** Whether the connection had served a request before. */
    readonly reused: boolean
    /** Bytes of the response head received. */
    readonly received: number
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The name of an HTTP/2 error code (RFC 9113 section 7), or its hexadecimal digits if it has no name, such as "0x2a".
 *
 * @since 0.1.0
 * @category models
 */
export type Http2Code =
  | "NO_ERROR"
  | "PROTOCOL_ERROR"
  | "INTERNAL_ERROR"
  | "FLOW_CONTROL_ERROR"
  | "SETTINGS_TIMEOUT"
  | "STREAM_CLOSED"
  | "FRAME_SIZE_ERROR"
  | "REFUSED_STREAM"
  | "CANCEL"
  | "COMPRESSION_ERROR"
  | "CONNECT_ERROR"
  | "ENHANCE_YOUR_CALM"
  | "INADEQUATE_SECURITY"
  | "HTTP_1_1_REQUIRED"
  | `0x${string}`

/**
 * The server refused or ended a request over HTTP/2 before the response head (RFC 9113 sections 5.4, 6.4, 6.8). After
 * the head, the error is a `ClientPayloadError` with the same `code`.
 *
 * - "Stream": the server sent RST_STREAM, which ends this request only. "Connection": the server sent GOAWAY, which
 *   ends all requests that it did not accept.
 *
 * Causes: a server that restarts, that limits requests per connection or per client ("REFUSED_STREAM",
 * "ENHANCE_YOUR_CALM"), that needs HTTP/1.1 for this resource ("HTTP_1_1_REQUIRED"), or that failed ("INTERNAL_ERROR").
 *
 * Remedy: retry if `Errors.isRetryable`, which allows POST too if `unprocessed` is `true`. Where it is safe, the client
 * has already resent the request once. For "HTTP_1_1_REQUIRED" use a session with `version: "1.1"`.
 *
 * @since 0.1.0
 * @category errors
 */
export class StreamResetError extends tagged("StreamResetError")<
  Details & {
    /** The reason that the server sent. */
    readonly code: Http2Code
    readonly scope: "Stream" | "Connection"
    /**
     * Whether the server states that it did not process the request, so that a request of any method may be sent again:
     * by REFUSED_STREAM, or by a GOAWAY that excludes the request's stream and has the code NO_ERROR or excludes all
     * streams.
     */
    readonly unprocessed: boolean
    /** The debug text of the server's GOAWAY, escaped: at most 100 bytes; empty if there is none. Not enumerable. */
    readonly debug: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The operating system reported that a read or write failed, for example with "ECONNRESET" or "EPIPE" (aiohttp:
 * `ClientOSError`).
 *
 * Causes: the server crashed or reset the connection ("ECONNRESET", "EPIPE"), or the network was interrupted
 * ("ETIMEDOUT", "EHOSTUNREACH").
 *
 * Remedy: retry idempotent requests; look at the time of the failure in the logs of the server and of the proxies in
 * between.
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
 * The response head is not valid HTTP, or exceeds the `http1` limits of the connector (RFC 9112; aiohttp:
 * `BadHttpMessage`, `BadStatusLine`, `LineTooLong`).
 *
 * - "StatusLine", "Header", "Framing": the head is not valid HTTP; its length may be ambiguous.
 * - "Limit": the head exceeds a limit of `connector: { http1 }`; `description` names it.
 * - "Unsolicited": the server sent bytes without a request, or a 101 that no request asked for.
 *
 * Causes: the port speaks another protocol (TLS, HTTP/2, SSH), the server is faulty, or an attacker injects responses.
 *
 * Remedy: look at `excerpt`. Try `curl -v --http1.1` with the same URL; raise a limit only for a server that you trust.
 *
 * @since 0.1.0
 * @category errors
 */
export class BadHttpMessage extends tagged("BadHttpMessage")<
  Details & {
    readonly reason: "StatusLine" | "Header" | "Framing" | "Limit" | "Unsolicited"
    /** Names the expected element, and describes the bytes that the peer sent instead. */
    readonly description: string
    /** The faulty line, as far as it was received: at most 100 characters, escaped, without secrets. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The response body is truncated, malformed, too large or no longer available (aiohttp: `ClientPayloadError`).
 *
 * - "Incomplete": the connection ended before the end of the body. "Framing": the chunks or the multipart framing are
 *   malformed.
 * - "Decompression": the data is not valid for its Content-Encoding. "TooLarge", "LineTooLong": the body or a line
 *   exceeds a limit.
 * - "Consumed": a stream was read twice. "Released": the body was read after the Scope had closed.
 *
 * Causes: a server or proxy that crashed or timed out in the middle of its response, a wrong Content-Encoding, a body
 * larger than `maxBodySize`, or a response that is used outside its Scope.
 *
 * Remedy: retry "Incomplete" for idempotent requests; `toFile` resumes by itself. Read the body inside the Scope, or
 * use a decoder such as `ClientResponse.text`, which needs no Scope.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientPayloadError extends tagged("ClientPayloadError")<
  Details & {
    readonly reason: "Incomplete" | "Framing" | "Decompression" | "TooLarge" | "LineTooLong" | "Consumed" | "Released"
    /** Bytes received, before decoding. */
    readonly received: number
    readonly expected?: number | undefined
    /** For "Incomplete" over HTTP/2: the code with which the server ended the response (RST_STREAM). */
    readonly code?: Http2Code | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The client could not send the request body: its source failed, its length is wrong, it cannot be encoded, or it
 * cannot be sent a second time. `cause` is the original error.
 *
 * - "Source": the stream or file failed. "Length": the length of the body differs from the declared one.
 * - "Encode": the value cannot be serialized. "NotReplayable": a redirect or a retry needs the body again.
 *
 * Causes: a file that was removed or changed during the upload, a bigint or a cycle in `json`, or a stream that can run
 * only once, for a server that redirects or asks for authentication.
 *
 * Remedy: look at `cause`. For "NotReplayable" pass a Stream that can run again, request the final URL, or set
 * `expect100: true`, so that the server answers before the body is sent.
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
 * The body cannot be decoded, because its Content-Type declares another type than expected: `json` could not parse it,
 * `events` expected an event stream, or the option `contentType` requires another type (aiohttp: `ContentTypeError`).
 *
 * Causes: an error page or a login page in place of JSON, often with status 200; or a server that declares JSON as
 * text/plain.
 *
 * Remedy: check `status` and `url` first; with `raiseForStatus: true` an error status fails earlier. If the server
 * declares a wrong type, use `jsonWith({ contentType: false })`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContentTypeError extends tagged("ContentTypeError")<
  Details & {
    readonly status: number
    /** The Content-Type header as received; several are joined by ", ". "" without one. */
    readonly contentType: string
    /** The expected media type, such as "application/json". */
    readonly expected: string
    /** The first 500 characters of the body at most. Not enumerable. */
    readonly excerpt: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The body is not JSON although its Content-Type declares JSON (aiohttp: `json.JSONDecodeError`, outside
 * `ClientError`).
 *
 * Causes: an empty body, a truncated or concatenated document, or text in another encoding.
 *
 * Remedy: look at `excerpt` around `position`, and at `response.text`.
 *
 * @since 0.1.0
 * @category errors
 */
export class JsonDecodeError extends tagged("JsonDecodeError")<
  Details & {
    /** The position of the error in characters, if the parser reports one. */
    readonly position?: number | undefined
    /** At most 100 characters around the position. */
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
 * Problem details of an HTTP API (RFC 9457). Members whose type differs from the RFC are omitted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  /** The URI reference that identifies the kind of problem, as received. Default "about:blank". */
  readonly type: string
  /** A short summary of the kind of problem. */
  readonly title?: string | undefined
  /** The status that the body reports, which may differ from that of the response. */
  readonly status?: number | undefined
  /** The explanation of this occurrence. */
  readonly detail?: string | undefined
  /** The URI reference that identifies this occurrence, as received. */
  readonly instance?: string | undefined
  /** All other members, such as "errors" or "balance". */
  readonly extensions: { readonly [member: string]: unknown }
}

/** The fields from which a `ClientResponseError` is made. */
interface RefusedResponse extends Details {
  readonly status: number
  readonly reason: string
  readonly headers: Headers.Headers
  readonly history: ReadonlyArray<ResponseHead>
  /** The text of `bytes`, as `response.text` decodes it. */
  readonly body: string
}

/**
 * The response was rejected because of its status: by `raiseForStatus` from 400 on, or by `ClientResponse.toFile`
 * outside 2xx (aiohttp: `ClientResponseError`). The error contains the first 64 KiB of the body (`errorBodySize`) as
 * `bytes` and as text (`body`), and parses them as JSON (`json`, `schemaJson`) and as problem details (`problem`).
 *
 * Causes: the server refused the request or failed; `body` often explains why.
 *
 * Remedy: handle expected statuses, such as 404, before `raiseForStatus`. 401 and 403 need other credentials;
 * `Middleware.retry` retries 429 and 503 later.
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
    /** The first `errorBodySize` bytes of the body at most, decoded by its Content-Encoding. */
    readonly bytes: Uint8Array
  }
> {
  readonly [TypeId]: TypeId = TypeId

  /** `bytes` defaults to `body` in UTF-8. */
  constructor(fields: RefusedResponse & { readonly bytes?: Uint8Array | undefined }) {
    super({ ...fields, bytes: fields.bytes ?? new TextEncoder().encode(fields.body) })
  }

  /**
   * Parses `body` like `response.json`; an empty body is `null`. Fails with `JsonDecodeError` if the body is not JSON
   * or was longer than `errorBodySize`, or with `ContentTypeError` if its media type is not JSON either.
   */
  get json(): Effect.Effect<unknown, ContentTypeError | JsonDecodeError> {
    return Effect.suspend(() => jsonText.decode(textSourceOf(this), this.body, undefined))
  }

  /** Decodes `json` by a schema. Fails like `json`, and with `ParseError`. */
  schemaJson<A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ): Effect.Effect<A, ContentTypeError | JsonDecodeError | ParseError, R> {
    return Effect.flatMap(this.json, Schema.decodeUnknown(schema, options))
  }

  /** The problem details, if the body has the type application/problem+json (RFC 9457). */
  get problem(): Option.Option<Problem> {
    return problemOf(this.headers["content-type"], this.body)
  }
}

/**
 * The server redirected more than `maxRedirects` times (aiohttp: `TooManyRedirects`). `history` lists the redirects.
 *
 * Causes: a redirect loop, usually because the server expects a cookie or a login, or because a proxy makes it redirect
 * between http and https.
 *
 * Remedy: look at the URLs in `history`. Give the session a cookie jar, log in first, or raise `maxRedirects`.
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
 * The server did not accept the WebSocket handshake (RFC 6455 section 4.1; aiohttp: `WSServerHandshakeError`).
 *
 * Causes: the path does not serve WebSockets, a proxy in between does not forward upgrades, credentials or the Origin
 * header are missing, or the server requires a subprotocol.
 *
 * Remedy: read `status` and `body`; set `auth`, `origin` or `protocols`.
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
    /** The first `errorBodySize` bytes of the body at most, as text. */
    readonly body: string
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A WebSocket has closed, or a read or write failed (RFC 6455 section 7; aiohttp: `WebSocketError`).
 *
 * - "Closed": either side closed it, with `code`. "Protocol": the peer sent invalid data. "TooLarge": a message exceeds
 *   `maxMessageSize`.
 * - "Heartbeat": the peer did not answer a ping. "Abnormal": the connection ended without a close frame. "Timeout":
 *   `receiveTimeout` expired; the socket stays open.
 *
 * Causes: the server restarted, a proxy closed an idle connection, or the network changed.
 *
 * Remedy: open another WebSocket, for example with `Effect.retry`; set `heartbeat` to detect and prevent silent
 * connections. With code 1008 and codes from 4000 on the server closes deliberately; `closeReason` explains why.
 *
 * @since 0.1.0
 * @category errors
 */
export class WebSocketError extends tagged("WebSocketError")<
  Details & {
    readonly reason: "Closed" | "Protocol" | "TooLarge" | "Heartbeat" | "Abnormal" | "Timeout"
    /** The close code that was sent or received; 1006 if there was none. */
    readonly code: number
    readonly closeReason?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * The server did not switch to an offered protocol, or switched although the request did not offer one, or an upgraded
 * connection ended (RFC 9110 section 7.8).
 *
 * - "Refused": the server answered with a status other than 101; `body` is the beginning of its answer.
 * - "Protocol": its 101 does not name an offered protocol.
 * - "Unexpected": it answered 101 to a request that does not come from `Session.upgrade` or `Session.webSocket`.
 * - "Broken": the connection broke. "Closed": the program closed it. "Timeout": `receiveTimeout` expired.
 *
 * Causes: a server or proxy that does not support the protocol, or a daemon that ended the command.
 *
 * Remedy: read `status` and `body`; for "Unexpected" use `Session.upgrade` instead of an Upgrade header.
 *
 * @since 0.1.0
 * @category errors
 */
export class UpgradeError extends tagged("UpgradeError")<
  Details & {
    readonly reason: "Refused" | "Protocol" | "Unexpected" | "Broken" | "Closed" | "Timeout"
    readonly description: string
    /** The status of the response, if there is one. */
    readonly status?: number | undefined
    readonly headers?: Headers.Headers | undefined
    /** The first `errorBodySize` bytes of the body at most, as text. */
    readonly body?: string | undefined
  }
> {
  readonly [TypeId]: TypeId = TypeId
}

/**
 * A middleware failed the request; `cause` is its error.
 *
 * - "CircuitOpen": `circuitBreaker` did not send the request, because the origin failed too often.
 * - "RateLimited": the limit of `rateLimit` is reached, and its option `wait` is off.
 * - "TokenRefresh": fetching the token of `bearerRefresh` failed. "Failed": a middleware failed or returned no
 *   response.
 *
 * Causes: a server that is down, more requests than allowed, a failed login, or a fault in a middleware.
 *
 * Remedy: look at `cause` and `description`. Wait for the time in `description`, or handle the error of the login.
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
 * The session or its connector was closed before or during the request (aiohttp: `RuntimeError`, `CancelledError`).
 *
 * Causes: a response, a stream or a fiber that outlives the layer of its session, or a program that is shutting down.
 *
 * Remedy: keep the layer open while requests run. Provide it once at the edge of the program, not around single effects
 * that start fibers.
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
 * `maxQueue` requests are already waiting for a connection. Nothing was sent.
 *
 * Causes: more concurrent requests than the server answers in time, or responses that are not released.
 *
 * Remedy: bound the concurrency (`Effect.forEach` with `concurrency`), raise `limit` or `maxQueue`, and check
 * `connector.stats`: many `acquired` connections without traffic mean unreleased responses.
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
 * A certificate, key or TLS setting cannot be used. `Ssl.context` and `Ssl.contextFromFiles` fail with this error;
 * requests never do.
 *
 * Causes: a path that does not exist, a certificate in place of a key, a wrong passphrase, or a key that belongs to
 * another certificate.
 *
 * Remedy: correct the option that `option` names; `description` says what is wrong. `openssl x509 -in file -noout
 * -text` shows a certificate.
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
 * A jar cannot read saved cookies, or rejects a cookie of the program. `set` and `fromJson` of a jar and
 * `CookieJar.fromNetscape`, `load`, `layerFile` and `layerPersisted` fail with this error; requests never do.
 *
 * - "Malformed": the text is not a saved jar. "TooLarge": it has more than 64 MiB.
 * - "Rejected": the rules of the jar do not allow the cookie, for example a value with a semicolon.
 *
 * Causes: a wrong file or key, a file that another program wrote, a truncated file, or a cookie that a server could not
 * set either.
 *
 * Remedy: remove the file, choose another one, or correct the cookie. The jar is unchanged.
 *
 * @since 0.1.0
 * @category errors
 */
export class CookieJarError extends tagged("CookieJarError")<{
  readonly reason: "Malformed" | "TooLarge" | "Rejected"
  readonly description: string
  readonly cause?: unknown
}> {}

/**
 * TLS failed for a reason other than a pinned fingerprint (aiohttp: `ClientSSLError`).
 *
 * @since 0.1.0
 * @category groups
 */
export type ClientSSLError = ClientConnectorSSLError | ClientConnectorCertificateError

/**
 * TLS failed, or the certificate did not match the pinned fingerprint.
 *
 * @since 0.1.0
 * @category groups
 */
export type TlsError = ClientSSLError | FingerprintMismatch

/**
 * A time limit expired (aiohttp: `ServerTimeoutError`, which does not include the total limit).
 *
 * @since 0.1.0
 * @category groups
 */
export type ServerTimeoutError = ConnectionTimeoutError | SocketTimeoutError | TotalTimeoutError

/**
 * The connection to or through a proxy failed.
 *
 * @since 0.1.0
 * @category groups
 */
export type ProxyError = ClientProxyConnectionError | ClientHttpProxyError

/**
 * The connection could not be opened, or broke before a response arrived (aiohttp: `ClientConnectionError`).
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
  | StreamResetError
  | ConnectionTimeoutError
  | SocketTimeoutError

/**
 * The errors of reading a body.
 *
 * @since 0.1.0
 * @category groups
 */
export type BodyError = ClientPayloadError | SocketTimeoutError | TotalTimeoutError | SessionClosedError

/**
 * Every error of a request (aiohttp: `ClientError`).
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
  | UpgradeError
  | MiddlewareError
  | SessionClosedError
  | PoolSaturatedError

// The guards are generic, so that `Effect.catchIf` narrows an error channel that contains only part of the group.

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
  "StreamResetError",
  "ConnectionTimeoutError",
  "SocketTimeoutError"
)

const belongs = (error: unknown): error is ClientError => typeof error === "object" && error !== null && TypeId in error

const hasTag = (error: unknown, tags: ReadonlySet<string>): boolean => belongs(error) && tags.has(error._tag)

/**
 * Whether a value is an error of a request. Narrows `unknown`, and error types that contain some or all of these
 * errors.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientError = <E>(error: E): error is E & ClientError => belongs(error)

/**
 * Whether the connection could not be opened, or broke before a response arrived.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientConnectionError = <E>(error: E): error is E & ClientConnectionError =>
  hasTag(error, connectionTags)

/**
 * Whether TLS failed for a reason other than a pinned fingerprint.
 *
 * @since 0.1.0
 * @category guards
 */
export const isClientSSLError = <E>(error: E): error is E & ClientSSLError => hasTag(error, clientSSLTags)

/**
 * Whether TLS failed or the certificate did not match the pinned fingerprint.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTlsError = <E>(error: E): error is E & TlsError => hasTag(error, tlsTags)

/**
 * Whether a time limit expired, including `total`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isServerTimeoutError = <E>(error: E): error is E & ServerTimeoutError => hasTag(error, timeoutTags)

/**
 * Whether the connection to or through a proxy failed.
 *
 * @since 0.1.0
 * @category guards
 */
export const isProxyError = <E>(error: E): error is E & ProxyError => hasTag(error, proxyTags)

/**
 * Whether the same request may be sent again. Returns `true` if the server cannot have processed any part of the
 * request, or if its method is idempotent (RFC 9110 section 9.2.2) and the failure is transient: a failed connection
 * attempt, a timeout, a disconnect, a reset, a truncated body, or status 408, 425, 429, 502, 503 or 504. Invalid
 * certificates, pins, URLs and address policies would fail again and are not retryable.
 *
 * If `attempt` is greater than 1, only idempotent methods are retryable, because the error says nothing about the
 * earlier attempts. Returns `false` for a value that is not a `ClientError`. Use it with `Effect.retry({ while:
 * Errors.isRetryable })`.
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
