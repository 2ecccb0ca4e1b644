/**
 * Servers that others wrote, each over HTTP and HTTPS where it can: Apache httpd, lighttpd, HAProxy in front of Apache,
 * and Python's http.server. All serve the same directory, so one table of requests covers them.
 */
import { chmod, copyFile, mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as HttpBody from "@effect/platform/HttpBody"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime, Stream } from "effect"
import { ClientResponse, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import { apacheBase } from "./apache.js"
import { directory, freePort, python, start, write } from "./peer.js"

const names = [
  "Apache httpd",
  "Apache httpd over TLS",
  "HAProxy",
  "HAProxy over TLS",
  "lighttpd",
  "lighttpd over TLS",
  "http.server of HTTP/1.0",
  "http.server of HTTP/1.1"
] as const

type Name = (typeof names)[number]

const apacheConfig = (path: string, plain: number, secure: number) => `
${apacheBase(path, ["dir", "mime", "alias", "cgid", "filter", "deflate"])}
TypesConfig /etc/mime.types
AddType text/plain .txt
ScriptSock ${path}/cgid.sock
Listen 127.0.0.1:${plain}
Listen 127.0.0.1:${secure}
DocumentRoot ${path}/site
ScriptAlias /cgi/ ${path}/cgi/
AddOutputFilterByType DEFLATE text/plain
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
<Directory ${path}>
  Require all granted
</Directory>
<VirtualHost 127.0.0.1:${secure}>
  DocumentRoot ${path}/site
  SSLEngine on
  SSLCertificateFile ${path}/pair.pem
</VirtualHost>
`

const lighttpdConfig = (path: string, plain: number, secure: number) => `
server.modules = ("mod_openssl", "mod_deflate", "mod_cgi", "mod_alias")
server.document-root = "${path}/site"
server.bind = "127.0.0.1"
server.port = ${plain}
server.errorlog = "${path}/lighttpd.log"
server.max-keep-alive-requests = 100000
index-file.names = ("index.html")
mimetype.assign = (".txt" => "text/plain", "" => "application/octet-stream")
deflate.mimetypes = ("text/plain")
deflate.allowed-encodings = ("gzip", "deflate")
alias.url = ("/cgi/" => "${path}/cgi/")
$HTTP["url"] =~ "^/cgi/" { cgi.assign = ("" => "") }
$SERVER["socket"] == "127.0.0.1:${secure}" {
  ssl.engine = "enable"
  ssl.pemfile = "${path}/pair.pem"
}
`

const haproxyConfig = (path: string, plain: number, secure: number, backend: number) => `
global
  maxconn 1000
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend plain
  bind 127.0.0.1:${plain}
  bind 127.0.0.1:${secure} ssl crt ${path}/pair.pem alpn http/1.1
  http-response replace-header Location ^http://(.*) https://\\1 if { ssl_fc }
  default_backend apache
backend apache
  server one 127.0.0.1:${backend}
`

const text = "The quick brown fox jumps over the lazy dog. ".repeat(5000)

/** A script that sends a head as many old programs do: lines of LF alone, a warning of PHP, and a folded line. */
const script = `#!/bin/sh
printf 'HTTP/1.1 200 OK\\nContent-Type: text/plain\\nPHP Warning: oops in line 3\\nX-Folded: one\\n two\\nContent-Length: 2\\n\\nok'
`

class Servers extends Effect.Tag("Servers")<Servers, Readonly<Record<Name, string>>>() {
  static readonly layer = Layer.scoped(
    Servers,
    Effect.gen(function* () {
      const path = yield* directory
      const { good } = yield* standard()
      const ports = yield* Effect.all(Array.from({ length: 8 }, () => freePort))
      const [apache = 0, apacheTls = 0, proxy = 0, proxyTls = 0, light = 0, lightTls = 0, http10 = 0, http11 = 0] =
        ports
      yield* Effect.promise(async () => {
        for (const folder of ["site", "site/folder", "cgi"]) await mkdir(join(path, folder))
      })
      yield* write(`${path}/pair.pem`, `${good.cert}\n${good.key}`)
      yield* write(`${path}/site/text.txt`, text)
      yield* write(`${path}/site/folder/index.html`, "<p>folder</p>")
      yield* write(`${path}/cgi/count`, "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nexec wc -c\n")
      yield* write(`${path}/cgi/nph-old`, script)
      yield* Effect.promise(async () => {
        await copyFile(join(path, "site/text.txt"), join(path, "site/text.bin"))
        for (const name of ["count", "nph-old"]) await chmod(join(path, "cgi", name), 0o755)
        // The servers drop their rights.
        for (const folder of ["site", "site/folder", "cgi"]) await chmod(join(path, folder), 0o755)
      })
      yield* write(`${path}/apache.conf`, apacheConfig(path, apache, apacheTls))
      yield* start("/usr/sbin/apache2", ["-f", `${path}/apache.conf`, "-DFOREGROUND"], [apache, apacheTls])
      yield* write(`${path}/haproxy.conf`, haproxyConfig(path, proxy, proxyTls, apache))
      yield* start("/usr/sbin/haproxy", ["-f", `${path}/haproxy.conf`, "-db"], [proxy, proxyTls])
      yield* write(`${path}/lighttpd.conf`, lighttpdConfig(path, light, lightTls))
      yield* start("/usr/sbin/lighttpd", ["-D", "-f", `${path}/lighttpd.conf`], [light, lightTls])
      for (const [version, port] of [
        ["HTTP/1.0", http10],
        ["HTTP/1.1", http11]
      ] as const) {
        const args = [
          "-m",
          "http.server",
          "--protocol",
          version,
          "--bind",
          "127.0.0.1",
          "-d",
          `${path}/site`,
          `${port}`
        ]
        yield* start(python, args, [port])
      }
      return {
        "Apache httpd": `http://127.0.0.1:${apache}`,
        "Apache httpd over TLS": `https://localhost:${apacheTls}`,
        HAProxy: `http://127.0.0.1:${proxy}`,
        "HAProxy over TLS": `https://localhost:${proxyTls}`,
        lighttpd: `http://127.0.0.1:${light}`,
        "lighttpd over TLS": `https://localhost:${lightTls}`,
        "http.server of HTTP/1.0": `http://127.0.0.1:${http10}`,
        "http.server of HTTP/1.1": `http://127.0.0.1:${http11}`
      }
    })
  )
}

const trusting = Layer.unwrapEffect(
  Effect.gen(function* () {
    const ssl = yield* Ssl.context({ ca: (yield* standard()).ca })
    return Session.layer({ connector: { ssl } })
  })
)

const runtime = ManagedRuntime.make(Layer.merge(Servers.layer, trusting))

describe.each(names)("%s", (name) => {
  const url = (path: string) => Effect.map(Servers, (servers) => servers[name] + path)
  const python = name.startsWith("http.server")
  const test = (title: string, effect: Effect.Effect<void, unknown, Servers | Session.Session>) =>
    it.live(title, () => Effect.provide(effect, runtime))

  if (name === names[0]) {
    beforeAll(() => runtime.runPromise(Effect.asVoid(Servers)), 60_000)
  }
  if (name === names.at(-1)) {
    afterAll(() => runtime.dispose(), 60_000)
  }

  test(
    "serves a text, compressed where it can",
    Effect.gen(function* () {
      const response = yield* Session.get(yield* url("/text.txt")).pipe(
        ClientResponse.use((response) => Effect.map(response.text, (body) => ({ body, headers: response.headers })))
      )
      assert.strictEqual(response.body, text)
      assert.strictEqual(response.headers["content-encoding"], python ? undefined : "gzip")
    })
  )

  test(
    "serves the same bytes as a stream",
    Effect.gen(function* () {
      const sizes = yield* Session.get(yield* url("/text.bin")).pipe(
        ClientResponse.stream,
        Stream.map((chunk) => chunk.byteLength),
        Stream.runSum
      )
      assert.strictEqual(sizes, text.length)
    })
  )

  test(
    "answers HEAD without a body, and the next request",
    Effect.gen(function* () {
      const session = yield* Session.Session
      const head = yield* session
        .head(yield* url("/text.bin"))
        .pipe(ClientResponse.use((response) => Effect.succeed(response.headers["content-length"])))
      assert.strictEqual(head, String(text.length))
      assert.strictEqual((yield* Session.get(yield* url("/text.bin")).pipe(ClientResponse.text)).length, text.length)
    })
  )

  test(
    "answers a path that does not exist with a typed 404",
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Session.get(yield* url("/absent"), { raiseForStatus: true }).pipe(ClientResponse.text)
      )
      assert.deepInclude(error, { _tag: "ClientResponseError", status: 404 })
    })
  )

  test(
    "redirects a folder to its slash",
    Effect.gen(function* () {
      const seen = yield* Session.get(yield* url("/folder")).pipe(
        ClientResponse.use((response) => Effect.map(response.text, (body) => [body, response.history.length]))
      )
      assert.deepStrictEqual(seen, ["<p>folder</p>", 1])
    })
  )

  test(
    "serves 500 requests over as many connections as run at once, or a new one each where it closes them",
    Effect.gen(function* () {
      const session = yield* Session.Session
      const address = yield* url("/folder/index.html")
      yield* session.connector.closeIdle
      const reused = yield* Effect.forEach(
        Array.from({ length: 500 }),
        () =>
          session.get(address).pipe(
            ClientResponse.use((response) =>
              Effect.map(response.text, (body) => {
                assert.strictEqual(body, "<p>folder</p>")
                return response.connection?.reused
              })
            )
          ),
        { concurrency: 20 }
      )
      const opened = reused.filter((again) => again === false).length
      if (name === "http.server of HTTP/1.0") assert.strictEqual(opened, 500)
      else assert.isAtMost(opened, 20)
    })
  )

  if (python) {
    test(
      "refuses a POST, and serves the request after it",
      Effect.gen(function* () {
        const session = yield* Session.Session
        const status = yield* session
          .post(yield* url("/text.txt"), { data: new Uint8Array(300_000) })
          .pipe(ClientResponse.use((response) => Effect.succeed(response.status)))
        assert.strictEqual(status, 501)
        assert.strictEqual((yield* session.get(yield* url("/text.txt")).pipe(ClientResponse.text)).length, text.length)
      })
    )
    return
  }

  test(
    "serves a range",
    Effect.gen(function* () {
      const body = yield* Session.get(yield* url("/text.bin"), { headers: { range: "bytes=4-8" } }).pipe(
        ClientResponse.text
      )
      assert.strictEqual(body, "quick")
    })
  )

  test(
    "answers a validator that matches with 304",
    Effect.gen(function* () {
      const session = yield* Session.Session
      const etag = yield* session
        .get(yield* url("/text.bin"))
        .pipe(ClientResponse.use((response) => Effect.succeed(response.headers.etag ?? "")))
      const status = yield* session
        .get(yield* url("/text.bin"), { headers: { "if-none-match": etag } })
        .pipe(ClientResponse.use((response) => Effect.map(response.text, () => response.status)))
      assert.strictEqual(status, 304)
    })
  )

  const bytes = (size: number) => new Uint8Array(size).fill(120)
  const uploads = {
    "no bytes": () => ({ data: bytes(0) }),
    "a few bytes": () => ({ data: bytes(10) }),
    "a megabyte": () => ({ data: bytes(1_000_000) }),
    "a stream with a length": () => ({
      data: HttpBody.stream(Stream.make(bytes(5000), bytes(5000)), undefined, 10_000)
    }),
    "a megabyte after 100 Continue": () => ({ data: bytes(1_000_000), expect100: true })
  }
  for (const [title, options] of Object.entries(uploads)) {
    test(
      `receives ${title}`,
      Effect.gen(function* () {
        const session = yield* Session.Session
        const size = title.startsWith("no")
          ? 0
          : title.startsWith("a few")
            ? 10
            : title.includes("stream")
              ? 10_000
              : 1e6
        const counted = yield* session.post(yield* url("/cgi/count"), options()).pipe(ClientResponse.text)
        assert.strictEqual(counted.trim(), String(size))
      })
    )
  }

  test(
    "receives a chunked stream",
    Effect.gen(function* () {
      const session = yield* Session.Session
      const data = HttpBody.stream(Stream.rechunk(Stream.make(bytes(5000), bytes(5000)), 1))
      const counted = yield* session.post(yield* url("/cgi/count"), { data }).pipe(ClientResponse.text)
      // lighttpd before 1.4.78 refuses a POST without a length over HTTP/2 too.
      if (name === "lighttpd over TLS") assert.include(counted, "411 Length Required")
      else assert.strictEqual(counted.trim(), "10000")
    })
  )

  if (name.startsWith("Apache")) {
    test(
      "passes on a head of an old script, which is read and closes its connection",
      Effect.gen(function* () {
        const session = yield* Session.Session
        const seen = yield* session
          .get(yield* url("/cgi/nph-old"))
          .pipe(
            ClientResponse.use((response) =>
              Effect.map(response.text, (body) => [body, response.headers["x-folded"], response.deviations])
            )
          )
        assert.deepStrictEqual(seen, ["ok", "one two", ["BareLineFeed", "FoldedLine", "InvalidFieldName"]])
        assert.strictEqual(yield* session.get(yield* url("/folder/")).pipe(ClientResponse.text), "<p>folder</p>")
      })
    )
  }
})
