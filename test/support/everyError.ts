/**
 * An error of every class, with a secret in every field that a peer or a program can fill.
 */
import * as Headers from "@effect/platform/Headers"
import { DateTime, Duration } from "effect"
import * as Errors from "effect-http-session/Errors"
import type * as Ssl from "effect-http-session/Ssl"

/** The beginning of every secret: no rendering may show it. */
export const secret = "s3cr3t-"

export const headers = Headers.fromInput({
  "set-cookie": `sid=${secret}cookie`,
  authorization: `Bearer ${secret}header`,
  "x-other": "1"
})

export const details: Errors.Details = {
  method: "GET",
  url: `https://user:${secret}pw@example.com/a?X-Amz-Signature=${secret}sig&page=2&access_token=${secret}tok#code=${secret}c`,
  host: "example.com",
  port: 443,
  phase: "headers",
  attempt: 2,
  remoteAddress: "192.0.2.1",
  cause: new Error(
    `read failed: https://u:${secret}cause@example.com/?sig=${secret}q Authorization: Basic ${secret}auth`
  )
}

const certificate: Ssl.Certificate = {
  subject: "CN=example.com",
  issuer: "CN=Test CA",
  names: ["example.com", "www.example.com"],
  validFrom: DateTime.unsafeMake(0),
  validTo: DateTime.unsafeMake(1000),
  sha256: "0".repeat(64)
}

export const proxy = `http://proxyuser:${secret}proxy@proxy.test:3128`

export const limit = Duration.seconds(5)

export const body = `{"token":"${secret}body"}`

export const history = [] as ReadonlyArray<never>

export const hop = { headers: { location: `https://u:${secret}hop@x/` } }

/** One error of each class, with all fields and all secrets. */
export const all = {
  InvalidURL: new Errors.InvalidURL({
    ...details,
    url: `http://user:${secret}p/w@example.com/`,
    reason: "Syntax",
    description: `no port in http://user:${secret}x@example.com/`,
    redirect: true
  }),
  InvalidRequest: new Errors.InvalidRequest({
    ...details,
    option: "json",
    description: "json and data are both given"
  }),
  ClientConnectorError: new Errors.ClientConnectorError({
    ...details,
    host: "example.com",
    port: 443,
    reason: "Connect",
    code: "ECONNREFUSED",
    addresses: [
      { address: "192.0.2.1", port: 443, code: "ECONNREFUSED" },
      { address: "::1", port: 443, code: "EHOSTUNREACH" }
    ]
  }),
  ClientConnectorDNSError: new Errors.ClientConnectorDNSError({ ...details, host: "example.com", code: "ENOTFOUND" }),
  UnixClientConnectorError: new Errors.UnixClientConnectorError({ ...details, path: "/run/app.sock", code: "ENOENT" }),
  ClientConnectorSSLError: new Errors.ClientConnectorSSLError({
    ...details,
    host: "example.com",
    port: 443,
    reason: "Expired",
    code: "CERT_HAS_EXPIRED",
    certificate
  }),
  ClientConnectorCertificateError: new Errors.ClientConnectorCertificateError({
    ...details,
    host: "other.test",
    port: 443,
    reason: "HostnameMismatch",
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    certificate
  }),
  FingerprintMismatch: new Errors.FingerprintMismatch({
    ...details,
    host: "example.com",
    port: 443,
    expected: "a".repeat(64),
    got: "b".repeat(64),
    certificate
  }),
  ClientProxyConnectionError: new Errors.ClientProxyConnectionError({
    ...details,
    proxy,
    reason: "Connect",
    code: "ECONNREFUSED"
  }),
  ClientHttpProxyError: new Errors.ClientHttpProxyError({
    ...details,
    proxy,
    status: 407,
    reason: "Proxy Authentication Required",
    headers,
    body
  }),
  ConnectionTimeoutError: new Errors.ConnectionTimeoutError({ ...details, phase: "dns", timeout: "connect", limit }),
  SocketTimeoutError: new Errors.SocketTimeoutError({ ...details, phase: "body", timeout: "body", limit }),
  TotalTimeoutError: new Errors.TotalTimeoutError({ ...details, phase: "send", timeout: "total", limit }),
  ServerDisconnectedError: new Errors.ServerDisconnectedError({ ...details, reused: true, received: 0 }),
  ClientOSError: new Errors.ClientOSError({ ...details, code: "EPIPE", syscall: "write" }),
  StreamResetError: new Errors.StreamResetError({
    ...details,
    code: "ENHANCE_YOUR_CALM",
    scope: "Connection",
    unprocessed: true,
    debug: `cookie: a=${secret}`
  }),
  BadHttpMessage: new Errors.BadHttpMessage({
    ...details,
    reason: "Header",
    description: "a header without a name",
    excerpt: `Set-Cookie: a=${secret}line\u0000`
  }),
  ClientPayloadError: new Errors.ClientPayloadError({ ...details, reason: "Incomplete", received: 5, expected: 10 }),
  RequestBodyError: new Errors.RequestBodyError({ ...details, reason: "Source" }),
  ContentTypeError: new Errors.ContentTypeError({
    ...details,
    status: 200,
    contentType: "text/html",
    expected: "application/json",
    excerpt: body
  }),
  JsonDecodeError: new Errors.JsonDecodeError({ ...details, position: 12, excerpt: body }),
  ClientResponseError: new Errors.ClientResponseError({
    ...details,
    status: 503,
    reason: "Service Unavailable",
    headers,
    history,
    body
  }),
  TooManyRedirects: new Errors.TooManyRedirects({ ...details, limit: 10, history }),
  UpgradeError: new Errors.UpgradeError({
    ...details,
    reason: "Refused",
    description: "expected 101 with Upgrade: tcp",
    status: 409,
    headers,
    body
  }),
  WSServerHandshakeError: new Errors.WSServerHandshakeError({
    ...details,
    status: 200,
    reason: "OK",
    description: "the server did not switch protocols",
    headers,
    body
  }),
  WebSocketError: new Errors.WebSocketError({ ...details, reason: "Closed", code: 1001, closeReason: "going away" }),
  MiddlewareError: new Errors.MiddlewareError({ ...details, reason: "TokenRefresh", description: "no token" }),
  SessionClosedError: new Errors.SessionClosedError({ ...details, subject: "Session" }),
  PoolSaturatedError: new Errors.PoolSaturatedError({ ...details, waiting: 3, maxQueue: 3 })
} satisfies { readonly [E in Errors.ClientError as E["_tag"]]: E }

export const others = {
  SslContextError: new Errors.SslContextError({
    option: "key",
    description: "the key does not fit the certificate",
    cause: details.cause
  }),
  CookieJarError: new Errors.CookieJarError({
    reason: "Malformed",
    description: "not JSON",
    cause: details.cause
  })
}

export const everyError: ReadonlyArray<Errors.ClientError | Errors.SslContextError | Errors.CookieJarError> = [
  ...Object.values(all),
  ...Object.values(others)
]
