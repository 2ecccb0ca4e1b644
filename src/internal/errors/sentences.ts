/** The message of each error: one sentence with the operation, its subject and the phase. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type {
  ClientConnectorSSLError,
  ClientError,
  ClientPayloadError,
  ClientProxyConnectionError,
  CookieJarError,
  Details,
  MiddlewareError,
  RequestBodyError,
  SslContextError,
  StreamResetError,
  WebSocketError
} from "../../Errors.js"
import { statusPhrase } from "../http/statusPhrase.js"
import { explainCode } from "./systemCodes.js"

/** Every error class of the package. */
export type AnyError = ClientError | SslContextError | CookieJarError

/** The method and the URL, if they are known: "GET https://example.com/". */
const subject = (error: Details): string => {
  if (error.url !== undefined) return `${error.method ?? "request for"} ${error.url}`
  return error.method === undefined ? "request" : `${error.method} request`
}

const where = (error: Details): string => {
  const phase = error.phase === undefined ? "" : ` in phase ${error.phase}`
  return error.attempt === undefined || error.attempt <= 1 ? phase : `${phase} of attempt ${error.attempt}`
}

/** The request and the phase, in parentheses. */
const context = (error: Details): string => ` (${subject(error)}${where(error)})`

const endpoint = (host: string, port: number): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)

/** The status with its reason, or with the registered phrase if the response has none, as over HTTP/2. */
const statusLine = (status: number, reason: string): string => {
  const phrase = reason === "" ? statusPhrase(status) : reason
  return phrase === undefined ? String(status) : `${status} ${phrase}`
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

const bytes = (n: number): string => count(n, "byte")

const after = (limit: Duration.Duration): string => Duration.format(limit)

const date = (before: string, when: DateTime.Utc | undefined): string =>
  when === undefined ? "" : `${before} ${DateTime.formatIso(when)}`

/** OpenSSL's alert names by which servers require a client certificate, reject it, or reject the handshake. */
const needsCertificate = /CERTIFICATE_REQUIRED/
const refusesCertificate =
  /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_(?:UNKNOWN|EXPIRED|REVOKED)|UNSUPPORTED_CERTIFICATE)/
const refusesHandshake = /ALERT_HANDSHAKE_FAILURE/

const handshakeProblem = (code: string): string => {
  if (needsCertificate.test(code)) {
    return "the server requires a client certificate; pass one with Ssl.context({ cert, key })"
  }
  if (refusesCertificate.test(code)) {
    return "the server rejected the client certificate; pass another with Ssl.context({ cert, key })"
  }
  return refusesHandshake.test(code)
    ? "the server rejected the handshake; it may require a client certificate, Ssl.context({ cert, key }), or another TLS version or cipher"
    : "the handshake failed; compare with openssl s_client -connect"
}

/** Failures to agree on HTTP/1.1 or HTTP/2, by code. */
const protocolProblems = new Map<string, string>([
  [
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "the server speaks none of the protocols that the client offers; see http2 of the connector, version of the session and alpn of Ssl.context"
  ],
  [
    "ERR_TLS_ALPN_PROTOCOL",
    "the server selected another protocol than the client requires; see http2 of the connector, version of the session and alpn of Ssl.context"
  ],
  [
    "ERR_HTTP2_INADEQUATE_SECURITY",
    "the server selected HTTP/2 with a TLS version or cipher suite that HTTP/2 excludes; use HTTP/1.1 for it"
  ]
])

/** Describes a TLS failure, with the remedy if it is known. */
const tlsProblem = ({ certificate, code, reason }: ClientConnectorSSLError): string => {
  switch (reason) {
    case "Expired":
      return `its certificate or an issuer's has expired${date("; its own is valid until", certificate?.validTo)}; renew it, or check the clock of this machine`
    case "NotYetValid":
      return `its certificate or an issuer's is not yet valid${date("; its own is valid from", certificate?.validFrom)}; check the clock of this machine`
    case "SelfSigned":
      return "its certificate is self-signed; trust it with Ssl.context({ ca })"
    case "UntrustedIssuer":
      return `the issuer of its certificate is not trusted${
        certificate === undefined ? "" : ` (${certificate.issuer.slice(0, 100)})`
      }; trust it with Ssl.context({ ca })${
        code === "SELF_SIGNED_CERT_IN_CHAIN" ? ". The root of its chain is self-signed" : ""
      }`
    case "Revoked":
      return "its certificate is revoked; the server needs another one"
    case "Protocol":
      return (
        protocolProblems.get(code) ??
        "the server does not speak TLS on this port; it may speak plain HTTP: check the port, or request http://"
      )
    case "Handshake":
      return handshakeProblem(code)
  }
}

/** The code of a system or zlib error, or the tag of a cause. Never its text, which may contain secrets. */
const kindOfCause = (cause: unknown): string => {
  if (typeof cause !== "object" || cause === null) return ""
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined
  const tag = "_tag" in cause && typeof cause._tag === "string" ? cause._tag : undefined
  const words = [tag, code].filter((word) => word !== undefined)
  return words.length === 0 ? "" : `, cause ${words.join(" ")}`
}

/** The message of a cause, for causes that this package or zlib makes. */
const messageOf = (cause: unknown): string =>
  cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : ""

const payloadProblem = (e: ClientPayloadError, cause: unknown): string => {
  const so = `after ${bytes(e.received)}${e.expected === undefined ? "" : ` of ${e.expected}`}`
  switch (e.reason) {
    case "Released":
      return "its Scope is closed; read the body inside it or pipe the request into a decoder"
    case "Consumed":
      return "it was already read as a stream; collect it with bytes or text to read it more than once"
    case "Decompression":
      return `the data does not fit its Content-Encoding, ${so}${messageOf(cause)}`
    case "TooLarge":
      return `too large, ${so}${messageOf(cause)}`
    case "LineTooLong":
      return `a line is too long, ${so}${messageOf(cause)}`
    case "Incomplete":
      return `${e.code === undefined ? "the connection ended before the body" : `the server reset the stream with ${e.code}`}, ${so}${kindOfCause(cause)}`
    case "Framing":
      return `malformed, ${so}${kindOfCause(cause)}`
  }
}

const resetRemedies = new Map<StreamResetError["code"], string>([
  ["HTTP_1_1_REQUIRED", '; use a session with version: "1.1"'],
  ["ENHANCE_YOUR_CALM", "; send fewer requests at once"]
])

/** The effect of the server's frame on the request, and the remedy. */
const resetProblem = ({ code, scope, unprocessed }: StreamResetError): string => {
  const frame = `${scope === "Stream" ? "RST_STREAM" : "GOAWAY"} with ${code}`
  const remedy = resetRemedies.get(code)
  return unprocessed
    ? `Server refused the request without processing it: ${frame}${remedy ?? "; it can be sent again, even if it is not idempotent"}`
    : `Server ended the request before the response's head: ${frame}${remedy ?? ""}`
}

const bodyProblem: { readonly [R in RequestBodyError["reason"]]: string } = {
  Source: "its source failed, see the cause",
  Length: "its length differs from the declared length; correct Content-Length or omit it",
  Encode: "it cannot be encoded, see the cause",
  NotReplayable: "it can be sent only once, and a redirect or a retry needs it again; pass a Stream that can run again"
}

const proxyProblem: { readonly [R in ClientProxyConnectionError["reason"]]: string } = {
  Connect: "it cannot be reached",
  Dns: "its name cannot be resolved",
  Tls: "TLS with it failed",
  Socks: "it refused the SOCKS request"
}

const middlewareProblem: { readonly [R in MiddlewareError["reason"]]: string } = {
  CircuitOpen: "the circuit breaker is open and sends nothing",
  RateLimited: "the rate limit is used up",
  TokenRefresh: "fetching a token failed",
  Failed: "a middleware failed"
}

/** Describes a failure of a middleware. An error without a description has a cause. */
const middlewareText = ({ description, reason }: MiddlewareError): string =>
  `${middlewareProblem[reason]}${description === undefined ? ", see the cause" : `: ${description}`}`

const webSocketProblem: { readonly [R in WebSocketError["reason"]]: string } = {
  Closed: "it is closed",
  Protocol: "the peer sent invalid frames or text",
  TooLarge: "the peer sent a message larger than maxMessageSize",
  Heartbeat: "no byte arrived in time after a ping",
  Abnormal: "the connection ended without a close",
  Timeout: "no message arrived within receiveTimeout"
}

/** The remedy for a timeout in a phase of connecting. */
const connectRemedy = (phase: Details["phase"]): string => {
  switch (phase) {
    case "queue":
      return "; all connections are in use: raise limit, or release responses"
    case "dns":
      return "; check the name servers"
    default:
      return "; check host, port and firewalls"
  }
}

/** The remedy for 411: HTTP allows bodies of unknown length, but some servers, and CGI behind others, refuse them. */
const withLength = "; it requires the length of the body: pass bytes, or a stream with its contentLength"

/** The remedy for a status of a proxy, if it is known. */
const proxyRemedy = (status: number): string => {
  switch (status) {
    case 407:
      return "; pass its credentials as proxyAuth, or with Middleware.digest(credentials, { proxy: true })"
    case 403:
      return '; it does not allow this host or port, see "body"'
    default:
      return status >= 500 ? '; it cannot reach the server now, see "body"' : '; see "body" for its explanation'
  }
}

const failedAddresses = (count: number): string =>
  count < 2 ? "" : `; ${count - 1} other ${count === 2 ? "address" : "addresses"} failed too`

/** The message of each error, by tag. The text of `cause` is redacted, but may come from the program. */
export const sentences: { readonly [E in AnyError as E["_tag"]]: (error: E, cause: unknown) => string } = {
  InvalidURL: (e) =>
    e.proxy === true
      ? `Cannot use the proxy "${e.url}"${e.host === undefined ? "" : ` for ${e.host}`}: ${e.description}`
      : `${e.redirect === true ? "Cannot follow the redirect to" : "Cannot request"} "${e.url}": ${e.description}`,
  InvalidRequest: (e) => `Invalid option "${e.option}": ${e.description}${context(e)}`,
  ClientConnectorError: (e) =>
    e.reason === "AddressPolicy"
      ? `Cannot connect to ${endpoint(e.host, e.port)}: the connector's addressPolicy rejects all its addresses; change the policy if the program may reach them${context(e)}`
      : `Cannot connect to ${endpoint(e.host, e.port)}: ${explainCode(e.code)}${failedAddresses(e.addresses?.length ?? 0)}${context(e)}`,
  ClientConnectorDNSError: (e) => `Cannot resolve host ${e.host}: ${explainCode(e.code)}${context(e)}`,
  UnixClientConnectorError: (e) => `Cannot connect to Unix socket ${e.path}: ${explainCode(e.code)}${context(e)}`,
  ClientConnectorSSLError: (e) =>
    `Cannot establish TLS with ${endpoint(e.host, e.port)}: ${tlsProblem(e)}, ${e.code}${context(e)}`,
  ClientConnectorCertificateError: (e) =>
    `Cannot establish TLS with ${endpoint(e.host, e.port)}: its certificate is for ${
      e.certificate.names.length === 0 ? "no name" : e.certificate.names.slice(0, 5).join(", ")
    }${e.certificate.names.length > 5 ? ` and ${e.certificate.names.length - 5} more` : ""}; request one of its names, or set serverHostname to one${context(e)}`,
  FingerprintMismatch: (e) =>
    `Cannot trust ${endpoint(e.host, e.port)}: expected a certificate with fingerprint ${e.expected}, got ${e.got}; if the server has renewed its certificate, change the pin${context(e)}`,
  ClientProxyConnectionError: (e) =>
    `Cannot connect through proxy ${e.proxy}: ${proxyProblem[e.reason]}, ${explainCode(e.code)}; check the proxy, or connect directly with proxy: false${context(e)}`,
  ClientHttpProxyError: (e) =>
    `Proxy ${e.proxy} refused to connect: ${statusLine(e.status, e.reason)}${proxyRemedy(e.status)}${context(e)}`,
  ConnectionTimeoutError: (e) =>
    `Connecting timed out: timeout.${e.timeout} of ${after(e.limit)} has expired${connectRemedy(e.phase)}${context(e)}`,
  SocketTimeoutError: (e) =>
    `The peer did not respond: timeout.${e.timeout} of ${after(e.limit)} has expired; raise it for a slow peer${context(e)}`,
  TotalTimeoutError: (e) =>
    `Request timed out: timeout.total of ${after(e.limit)} has expired; raise it for slow or large responses${context(e)}`,
  ServerDisconnectedError: (e) =>
    `Server closed the connection after ${bytes(e.received)} of the response's head${
      e.reused ? ", on a reused connection" : ""
    }; an idempotent request can be sent again${context(e)}`,
  ClientOSError: (e) =>
    `Connection broke: ${e.syscall === undefined ? "" : `${e.syscall} `}${explainCode(e.code)}${context(e)}`,
  StreamResetError: (e) => `${resetProblem(e)}${context(e)}`,
  BadHttpMessage: (e) =>
    `Cannot read the response's head: ${e.description}${e.excerpt === "" ? "" : `, in "${e.excerpt}"`}${context(e)}`,
  ClientPayloadError: (e, cause) => `Cannot read the response's body: ${payloadProblem(e, cause)}${context(e)}`,
  RequestBodyError: (e, cause) =>
    `Cannot send the request's body: ${bodyProblem[e.reason]}${kindOfCause(cause)}${context(e)}`,
  ContentTypeError: (e) =>
    `Cannot decode the response: expected content type ${e.expected}, got ${
      e.contentType === "" ? "none" : `"${e.contentType.slice(0, 200)}"`
    } with status ${e.status}; see "excerpt" for the beginning of the body${context(e)}`,
  JsonDecodeError: (e) =>
    `Cannot decode the response as JSON${e.position === undefined ? "" : ` at character ${e.position}`}; see "excerpt" for the text${context(e)}`,
  ClientResponseError: (e) =>
    `Server answered ${statusLine(e.status, e.reason)}${e.status === 411 ? withLength : ""}${context(e)}`,
  TooManyRedirects: (e) =>
    `Too many redirects: stopped after ${e.limit}; see "history" for a loop, or raise maxRedirects${context(e)}`,
  WSServerHandshakeError: (e) => `Cannot open a WebSocket: ${e.description}, status ${e.status}${context(e)}`,
  UpgradeError: (e) =>
    `Cannot use an upgraded connection: ${e.description}${e.status === undefined ? "" : `, status ${e.status}`}${context(e)}`,
  WebSocketError: (e) =>
    `WebSocket failed: ${webSocketProblem[e.reason]}, code ${e.code}${
      e.closeReason === undefined || e.closeReason === "" ? "" : ` "${e.closeReason}"`
    }${e.reason === "Heartbeat" || e.reason === "Abnormal" ? "; WebSocket.connect reconnects" : ""}${context(e)}`,
  MiddlewareError: (e) => `Request stopped by a middleware: ${middlewareText(e)}${context(e)}`,
  SessionClosedError: (e) =>
    `${e.subject} is closed: send requests before its Scope or the Scope of its layer ends${context(e)}`,
  PoolSaturatedError: (e) =>
    `Cannot queue for a connection: ${e.waiting} of at most ${e.maxQueue} requests are waiting; raise limit or maxQueue${context(e)}`,
  SslContextError: (e) => `Invalid TLS option "${e.option}": ${e.description}`,
  CookieJarError: (e) =>
    e.reason === "Rejected"
      ? `Cannot store the cookie: ${e.description}`
      : `Cannot read saved cookies: ${e.reason === "TooLarge" ? "too large" : "malformed"}, ${e.description}; remove them or choose another place`
}
