import * as HttpBody from "@effect/platform/HttpBody"
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { type ClientRequest, ClientResponse, Connector, CookieJar, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import { directory, freePort, read, start, write } from "./peer.js"

const kinds = ["good", "expired", "selfSigned", "wrongHost", "untrusted", "mtls", "tls12"] as const

type Kind = (typeof kinds)[number]

class Nginx extends Effect.Tag("Nginx")<
  Nginx,
  {
    readonly plain: string
    readonly brief: string
    readonly socket: string
    readonly secure: (kind: Kind) => string
    readonly log: Effect.Effect<string>
  }
>() {
  static readonly layer = Layer.scoped(
    Nginx,
    Effect.gen(function* () {
      const path = yield* directory
      const certificates = yield* standard()
      const plain = yield* freePort
      const brief = yield* freePort
      const ports = new Map<Kind, number>()
      for (const kind of kinds) ports.set(kind, yield* freePort)
      const pairs = {
        good: certificates.good,
        expired: certificates.expired,
        selfSigned: certificates.selfSigned,
        wrongHost: certificates.wrongHost,
        untrusted: certificates.untrusted,
        mtls: certificates.good,
        tls12: certificates.good
      }
      yield* write(`${path}/ca.pem`, certificates.ca)
      let servers = ""
      for (const kind of kinds) {
        yield* write(`${path}/${kind}.pem`, pairs[kind].cert)
        yield* write(`${path}/${kind}.key`, pairs[kind].key)
        servers += `server {
          listen 127.0.0.1:${ports.get(kind)} ssl;
          ssl_certificate ${path}/${kind}.pem;
          ssl_certificate_key ${path}/${kind}.key;
          ssl_protocols TLSv1.2${kind === "tls12" ? "" : " TLSv1.3"};
          ${kind === "mtls" ? `ssl_client_certificate ${path}/ca.pem; ssl_verify_client on;` : ""}
          location / { return 200 "${kind} $ssl_protocol $ssl_client_verify"; }
          location /kept { return 200 "ok"; add_header X-Connection $connection always; }
          location /nothing { return 204; add_header X-Connection $connection always; }
          location /read { proxy_pass http://127.0.0.1:${plain}/; add_header X-Connection $connection always; }
        }\n`
      }
      yield* write(
        `${path}/nginx.conf`,
        `daemon off; worker_processes 1; pid ${path}/pid; error_log ${path}/error.log;
        events { worker_connections 512; }
        http {
          access_log ${path}/access.log;
          keepalive_requests 100000;
          keepalive_timeout 600s;
          client_body_temp_path ${path}/body; proxy_temp_path ${path}/proxy;
          fastcgi_temp_path ${path}/fastcgi; uwsgi_temp_path ${path}/uwsgi; scgi_temp_path ${path}/scgi;
          server { listen 127.0.0.1:${plain}; listen unix:${path}/nginx.sock; location / { return 200 "$request_uri $connection_requests"; } }
          server { listen 127.0.0.1:${brief}; keepalive_requests 3; location / { return 200 "$connection_requests"; } }
          ${servers}
        }`
      )
      yield* start("/usr/sbin/nginx", ["-c", `${path}/nginx.conf`, "-p", path], [plain, brief, ...ports.values()])
      return {
        plain: `http://127.0.0.1:${plain}`,
        brief: `http://127.0.0.1:${brief}`,
        socket: `${path}/nginx.sock`,
        secure: (kind) => `https://localhost:${ports.get(kind)}`,
        log: read(`${path}/access.log`)
      }
    })
  )
}

const trusting = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { ca } = yield* standard()
    const ssl = yield* Ssl.context({ ca })
    return Session.layer({ connector: { ssl } })
  })
)

layer(Layer.merge(Nginx.layer, trusting), { timeout: "60 seconds", excludeTestServices: true })("nginx", (it) => {
  const text = (kind: Kind) =>
    Effect.flatMap(Nginx, (nginx) => Session.get(nginx.secure(kind)).pipe(ClientResponse.text))

  it.effect("is trusted for its good certificate, by TLS 1.3 and 1.2", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* text("good"), "good TLSv1.3 NONE")
      assert.strictEqual(yield* text("tls12"), "tls12 TLSv1.2 NONE")
    })
  )

  it.effect("is refused by tag and reason", () =>
    Effect.gen(function* () {
      const reason = (kind: Kind) =>
        text(kind).pipe(
          Effect.as("trusted"),
          Effect.catchTag("ClientConnectorSSLError", (error) => Effect.succeed(error.reason)),
          Effect.catchTag("ClientConnectorCertificateError", (error) => Effect.succeed(error.reason))
        )
      assert.deepStrictEqual(
        [yield* reason("expired"), yield* reason("selfSigned"), yield* reason("wrongHost"), yield* reason("untrusted")],
        ["Expired", "SelfSigned", "HostnameMismatch", "UntrustedIssuer"]
      )
    })
  )

  const bytes = (size: number) => new Uint8Array(size).fill(120)
  const streamed = (length?: number) =>
    HttpBody.stream(Stream.rechunk(Stream.make(...Array.from({ length: 5 }, () => bytes(1000))), 1), undefined, length)
  const shapes: ReadonlyArray<readonly [string, "GET" | "HEAD" | "POST", string, ClientRequest.RequestOptions]> = [
    ["GET", "GET", "/kept", {}],
    ["HEAD", "HEAD", "/kept", {}],
    ["GET that is answered by 204", "GET", "/nothing", {}],
    ["POST of bytes", "POST", "/read", { data: bytes(5000) }],
    ["POST of many bytes", "POST", "/read", { data: bytes(500_000) }],
    ["POST of a chunked stream", "POST", "/read", { data: streamed() }],
    ["POST of a stream with a length", "POST", "/read", { data: streamed(5000) }]
  ]
  for (const kind of ["good", "tls12"] as const) {
    for (const concurrency of [10, 50]) {
      for (const [name, method, path, options] of shapes) {
        const count = method === "POST" ? 300 : 1000
        it.scoped(
          `serves ${count} requests over at most ${concurrency} connections, TLS ${kind === "good" ? 1.3 : 1.2}: ${name}`,
          () =>
            Effect.gen(function* () {
              const url = `${(yield* Nginx).secure(kind)}${path}`
              const session = yield* Session.Session
              yield* session.connector.closeIdle
              const connections = new Set<string | undefined>()
              yield* Effect.forEach(
                Array.from({ length: count }),
                () =>
                  session.request(method, url, options).pipe(
                    ClientResponse.use((response) =>
                      Effect.zipRight(
                        response.text,
                        Effect.sync(() => connections.add(response.headers["x-connection"]))
                      )
                    )
                  ),
                { concurrency, discard: true }
              )
              assert.isFalse(connections.has(undefined))
              assert.isAtMost(connections.size, concurrency)
            })
        )
      }
    }
  }

  it.effect("asks for a certificate and gets it only where it was configured", () =>
    Effect.gen(function* () {
      const nginx = yield* Nginx
      const certificates = yield* standard()
      const bare = yield* Session.get(nginx.secure("mtls")).pipe(
        ClientResponse.use((response) => Effect.succeed(response.status)),
        Effect.catchTag("ClientConnectorSSLError", (error) => Effect.succeed(error.reason))
      )
      assert.include([400, "Handshake"], bare)
      const { cert, key } = certificates.client
      const ssl = yield* Ssl.context({ ca: certificates.ca, cert, key })
      const answer = yield* Session.get(nginx.secure("mtls"), { ssl }).pipe(ClientResponse.text)
      assert.strictEqual(answer, "mtls TLSv1.3 SUCCESS")
    })
  )

  it.effect("meets a pin or does not", () =>
    Effect.gen(function* () {
      const nginx = yield* Nginx
      const { selfSigned, good } = yield* standard()
      const pinned = yield* Session.get(nginx.secure("selfSigned"), { ssl: Ssl.fingerprint(selfSigned.sha256) }).pipe(
        ClientResponse.text
      )
      assert.strictEqual(pinned, "selfSigned TLSv1.3 NONE")
      const error = yield* Effect.flip(
        Session.get(nginx.secure("selfSigned"), { ssl: Ssl.fingerprint(good.sha256) }).pipe(ClientResponse.text)
      )
      assert.strictEqual(error._tag, "FingerprintMismatch")
    })
  )

  it.effect("answers over a Unix socket", () =>
    Effect.gen(function* () {
      const nginx = yield* Nginx
      const layer = Session.layerWithoutDependencies().pipe(
        Layer.provide([Connector.layerUnix({ path: nginx.socket }), CookieJar.layer()])
      )
      const answer = yield* Session.get("http://anything.test/path").pipe(ClientResponse.text, Effect.provide(layer))
      assert.strictEqual(answer, "/path 1")
    })
  )

  it.effect("closes after three requests, and no GET fails of it", () =>
    Effect.gen(function* () {
      const nginx = yield* Nginx
      const answers = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, index) => index),
        () => Session.get(nginx.brief).pipe(ClientResponse.text),
        { concurrency: 7 }
      )
      assert.isTrue(answers.every((answer) => ["1", "2", "3"].includes(answer)))
      const session = yield* Session.Session
      assert.strictEqual((yield* session.connector.stats).acquired, 0)
    })
  )

  it.effect("serves a thousand requests over few connections", () =>
    Effect.gen(function* () {
      const nginx = yield* Nginx
      const fibers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, index) => index),
        (index) =>
          Effect.fork(
            Effect.map(Session.get(`${nginx.plain}/${index}`).pipe(ClientResponse.text), (answer) => [index, answer])
          )
      )
      for (const [index, answer] of yield* Fiber.join(Fiber.all(fibers))) {
        assert.isTrue(String(answer).startsWith(`/${index} `))
      }
    })
  )
})
