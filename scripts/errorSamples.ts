/**
 * Makes an instance of every error and of each of its reasons for the catalogue, by a failing request if that is
 * simple.
 */
import { Headers } from "@effect/platform"
import { Data, DateTime, Duration, Effect, Layer, Stream } from "effect"
import {
  ClientRequest,
  ClientResponse,
  Connector,
  CookieJar,
  Errors,
  Middleware,
  Session,
  Ssl
} from "effect-http-session"

/** Every error of the package. */
export type AnyError = Errors.ClientError | Errors.SslContextError | Errors.CookieJarError

type Sample = Effect.Effect<AnyError>

const host = "api.example"
const url = `https://${host}/orders`
const at = (phase: NonNullable<Errors.Details["phase"]>) => ({ method: "GET", url, host, port: 443, phase }) as const

/** The error of an effect that must fail with an error of this package. */
const errorOf = <A, E>(effect: Effect.Effect<A, E>): Sample =>
  effect.pipe(
    Effect.flip,
    Effect.flatMap((error) =>
      Errors.isClientError(error) || isSetupError(error) ? Effect.succeed(error) : Effect.die(error)
    ),
    Effect.orDieWith(() => new Error("expected a failure, got a success"))
  )

const isSetupError = (error: unknown): error is Errors.SslContextError | Errors.CookieJarError =>
  error instanceof Errors.SslContextError || error instanceof Errors.CookieJarError

/** Runs a program on a session whose requests `handler` answers. */
const answered = <A, E>(
  program: Effect.Effect<A, E, Session.Session>,
  handler: Connector.MockHandler = () => new Response("ok"),
  options: Session.SessionOptions = {}
): Sample =>
  errorOf(
    Effect.provide(
      program,
      Session.layerWithoutDependencies(options).pipe(Layer.provide([Connector.layerMock(handler), CookieJar.layer()]))
    )
  )

const text = ClientResponse.text(Session.get(url))
const html = () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } })

const invalidUrls: ReadonlyArray<Sample> = [
  errorOf(ClientRequest.make("GET", "https://api.example:port/")),
  errorOf(ClientRequest.make("GET", "ftp://files.example/")),
  errorOf(ClientRequest.make("GET", "https://api..example/")),
  answered(text, () => new Response(null, { status: 302, headers: { location: "ftp://files.example/" } })),
  answered(ClientResponse.text(Session.get("/orders"))),
  Effect.succeed(
    new Errors.InvalidURL({
      ...at("connect"),
      url: "http://proxy.example:0",
      reason: "Host",
      description: "the proxy's port is 0 (HTTPS_PROXY, from the environment)",
      proxy: true
    })
  ),
  errorOf(ClientRequest.make("GET", "https:api.example/")),
  errorOf(ClientRequest.make("GET", "https://ada@home@api.example/"))
]

const certificate: Ssl.Certificate = {
  subject: "CN=www.example",
  issuer: "CN=Example Authority",
  names: ["www.example"],
  validFrom: DateTime.unsafeMake("2026-01-01T00:00:00Z"),
  validTo: DateTime.unsafeMake("2026-04-01T00:00:00Z"),
  sha256: "b".repeat(64)
}

const tls = (reason: Errors.ClientConnectorSSLError["reason"], code: string) =>
  new Errors.ClientConnectorSSLError({ ...at("tls"), reason, code, certificate })

const connecting: ReadonlyArray<AnyError> = [
  new Errors.ClientConnectorError({ ...at("connect"), reason: "Connect", code: "ECONNREFUSED" }),
  new Errors.ClientConnectorError({ ...at("connect"), reason: "AddressPolicy", code: "EACCES" }),
  new Errors.ClientConnectorDNSError({ ...at("dns"), code: "ENOTFOUND" }),
  new Errors.UnixClientConnectorError({
    ...at("connect"),
    url: "http://docker/version",
    path: "/var/run/docker.sock",
    code: "ENOENT"
  }),
  tls("Expired", "CERT_HAS_EXPIRED"),
  tls("NotYetValid", "CERT_NOT_YET_VALID"),
  tls("SelfSigned", "DEPTH_ZERO_SELF_SIGNED_CERT"),
  tls("UntrustedIssuer", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
  tls("Revoked", "CERT_REVOKED"),
  tls("Protocol", "ERR_SSL_WRONG_VERSION_NUMBER"),
  tls("Protocol", "ERR_TLS_ALPN_PROTOCOL"),
  tls("Handshake", "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE"),
  new Errors.ClientConnectorCertificateError({
    ...at("tls"),
    reason: "HostnameMismatch",
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    certificate
  }),
  new Errors.FingerprintMismatch({ ...at("tls"), expected: "a".repeat(64), got: certificate.sha256, certificate }),
  ...(["Connect", "Dns", "Tls", "Socks"] as const).map(
    (reason) =>
      new Errors.ClientProxyConnectionError({
        ...at("proxy"),
        proxy: "http://proxy.example:3128",
        reason,
        code: { Connect: "ECONNREFUSED", Dns: "ENOTFOUND", Tls: "CERT_HAS_EXPIRED", Socks: "ECONNREFUSED" }[reason]
      })
  ),
  ...(
    [
      [407, "Proxy Authentication Required"],
      [503, "Service Unavailable"]
    ] as const
  ).map(
    ([status, reason]) =>
      new Errors.ClientHttpProxyError({
        ...at("proxy"),
        proxy: "http://proxy.example:3128",
        status,
        reason,
        headers: Headers.empty,
        body: ""
      })
  ),
  new Errors.PoolSaturatedError({ ...at("queue"), waiting: 1000, maxQueue: 1000 })
]

const limit = Duration.seconds(10)

const exchanging: ReadonlyArray<AnyError> = [
  new Errors.ConnectionTimeoutError({ ...at("connect"), timeout: "connect", limit }),
  new Errors.SocketTimeoutError({ ...at("headers"), timeout: "headers", limit }),
  new Errors.TotalTimeoutError({ ...at("body"), timeout: "total", limit }),
  new Errors.ServerDisconnectedError({ ...at("headers"), reused: true, received: 0 }),
  new Errors.ClientOSError({ ...at("headers"), code: "ECONNRESET", syscall: "read" }),
  ...(
    [
      ["REFUSED_STREAM", "Stream", true],
      ["NO_ERROR", "Connection", true],
      ["ENHANCE_YOUR_CALM", "Connection", true],
      ["INTERNAL_ERROR", "Stream", false],
      ["HTTP_1_1_REQUIRED", "Stream", false]
    ] as const
  ).map(
    ([code, scope, unprocessed]) =>
      new Errors.StreamResetError({ ...at("headers"), code, scope, unprocessed, debug: "" })
  ),
  ...(
    [
      ["StatusLine", 'expected a status line that begins with "HTTP/1.", got "S"', "SSH-2.0-OpenSSH_9.2"],
      ["Header", "expected a colon after the field name, got CR", "no colon here"],
      ["Framing", "expected one Content-Length, got different ones", "Content-Length: 6"],
      ["Limit", "expected at most 1000 fields (http1.maxHeaders)", "x-field: 1001"],
      ["Unsolicited", "expected no bytes before a request", "HTTP/1.1 408 Request Timeout"]
    ] as const
  ).map(
    ([reason, description, excerpt]) => new Errors.BadHttpMessage({ ...at("headers"), reason, description, excerpt })
  ),
  ...(["Incomplete", "Framing", "Decompression", "LineTooLong"] as const).map(
    (reason) =>
      new Errors.ClientPayloadError({
        ...at("body"),
        reason,
        received: 1024,
        ...(reason === "Incomplete" ? { expected: 4096 } : {})
      })
  ),
  new Errors.ClientPayloadError({ ...at("body"), reason: "Incomplete", received: 1024, code: "INTERNAL_ERROR" })
]

const broken = () => new Response('{"id": 1', { headers: { "content-type": "application/json" } })

/** Bodies that are read in a way that they do not allow. */
const misread: ReadonlyArray<Sample> = [
  answered(ClientResponse.text(Session.get(url, { maxBodySize: 1 }))),
  answered(
    ClientResponse.use(Session.get(url), (response) =>
      Effect.zipRight(Stream.runDrain(response.stream), Stream.runDrain(response.stream))
    )
  ),
  answered(Effect.flatMap(Effect.scoped(Session.get(url)), (response) => response.text)),
  answered(ClientResponse.json(Session.get(url)), html),
  answered(ClientResponse.json(Session.get(url)), broken),
  answered(ClientResponse.text(Session.get(url, { raiseForStatus: true })), () => new Response("", { status: 404 })),
  answered(ClientResponse.text(Session.get(url, { raiseForStatus: true })), () => new Response("", { status: 503 })),
  answered(text, () => new Response(null, { status: 302, headers: { location: "/orders" } }))
]

class Unreadable extends Data.TaggedError("Unreadable")<{}> {}

const post = (options: ClientRequest.RequestOptions, handler?: Connector.MockHandler): Sample =>
  answered(ClientResponse.text(Session.post(url, options)), handler)

const moved: Connector.MockHandler = () => new Response(null, { status: 307, headers: { location: "/moved" } })

/** Requests whose options or body cannot be sent. */
const unsendable: ReadonlyArray<Sample> = [
  post({ json: {}, text: "" }),
  post({ data: Stream.fail(new Unreadable()) }),
  post({ data: Stream.make(Uint8Array.of(1)), headers: { "content-length": "2" } }),
  post({ json: { total: 1n } }),
  post({ data: ClientRequest.oneShot(Stream.make(Uint8Array.of(1))) }, moved)
]

const middlewareErrors: ReadonlyArray<AnyError> = [
  new Errors.MiddlewareError({
    ...at("queue"),
    reason: "CircuitOpen",
    description: "https://api.example failed too often; the next request is allowed in 25000 ms"
  }),
  new Errors.MiddlewareError({
    ...at("queue"),
    reason: "RateLimited",
    description: "at most 10 requests per 1000 ms; the next is allowed in 400 ms"
  })
]

const inMiddlewares: ReadonlyArray<Sample> = [
  Effect.flatMap(Middleware.bearerRefresh({ token: Effect.fail(new Unreadable()) }), (bearer) =>
    answered(text, undefined, { middlewares: [bearer] })
  ),
  Effect.flatMap(
    Middleware.make(() => Effect.fail(new Unreadable())),
    (failing) => answered(text, undefined, { middlewares: [failing] })
  )
]

const upgrades: ReadonlyArray<AnyError> = [
  ...(
    [
      ["Refused", "the server does not change protocols", 409],
      ["Protocol", "expected Upgrade to be one of those offered (tcp)", 101],
      ["Unexpected", "expected a response, got another protocol; use Session.upgrade for it", 101],
      ["Broken", "the connection broke", undefined],
      ["Closed", "the program closed the connection", undefined],
      ["Timeout", "no bytes arrived within receiveTimeout", undefined]
    ] as const
  ).map(([reason, description, status]) => new Errors.UpgradeError({ ...at("headers"), reason, description, status })),
  ...(
    [
      ["Closed", 1008],
      ["Protocol", 1002],
      ["TooLarge", 1009],
      ["Heartbeat", 1006],
      ["Abnormal", 1006],
      ["Timeout", 1006]
    ] as const
  ).map(
    ([reason, code]) =>
      new Errors.WebSocketError({
        method: "GET",
        url: "wss://api.example/feed",
        reason,
        code,
        closeReason: reason === "Closed" ? "not allowed" : undefined
      })
  )
]

const closed = Effect.flatMap(Session.Session, (session) =>
  Effect.zipRight(session.close, Effect.scoped(session.get(url)))
)

const setup: ReadonlyArray<Sample> = [
  errorOf(Ssl.context({ ca: "not a certificate" })),
  errorOf(Effect.flatMap(CookieJar.make(), (jar) => jar.fromJson({ cookies: "none" }))),
  errorOf(Effect.flatMap(CookieJar.make(), (jar) => jar.set({ name: "id", value: "a;b", domain: "api.example" }))),
  Effect.succeed(
    new Errors.CookieJarError({ reason: "TooLarge", description: "expected at most 64 MiB in the file cookies.json" })
  )
]

/** All samples. */
export const errorSamples: Effect.Effect<ReadonlyArray<AnyError>> = Effect.all([
  ...invalidUrls,
  ...[...connecting, ...exchanging, ...middlewareErrors, ...upgrades].map((error) => Effect.succeed(error)),
  ...misread,
  ...unsendable,
  ...inMiddlewares,
  answered(Effect.scoped(Session.webSocket("wss://api.example/feed"))),
  answered(closed),
  ...setup
])
