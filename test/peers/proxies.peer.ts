import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { createServer as createHttp } from "node:http"
import { createServer as createHttps } from "node:https"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { Auth, ClientResponse, Middleware, Proxy, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import { directory, freePort, read, start, write } from "./peer.js"

interface Proxies {
  readonly http: string
  readonly https: string
  readonly open: string
  readonly withAuth: string
  readonly digest: string
  readonly secure: string
  readonly tinyproxy: string
  readonly dante: string
  readonly log: Effect.Effect<string>
  readonly digestLog: Effect.Effect<string>
  readonly ca: string
}

const listening = (server: ReturnType<typeof createHttp> | ReturnType<typeof createHttps>) =>
  Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

const squidConfig = (options: {
  readonly path: string
  readonly name: string
  readonly listen: string
  readonly auth: "none" | "basic" | "digest"
}) => `
${options.listen}
pid_filename none
access_log stdio:${options.path}/${options.name}.log
cache_log ${options.path}/${options.name}.cache.log
cache deny all
coredump_dir ${options.path}
shutdown_lifetime 0 seconds
${
  options.auth !== "none"
    ? `${
        options.auth === "basic"
          ? `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${options.path}/passwords`
          : `auth_param digest program /usr/lib/squid/digest_file_auth -c ${options.path}/digests
auth_param digest realm peers
auth_param digest check_nonce_count on
auth_param digest nonce_strictness on`
      }
acl known proxy_auth REQUIRED
http_access deny to_localhost !known
http_access allow known
http_access deny all`
    : `acl refused dstdomain refused.test
http_access deny refused
http_access allow all`
}
`

class Peers extends Effect.Tag("Peers")<Peers, Proxies>() {
  static readonly layer = Layer.scoped(
    Peers,
    Effect.gen(function* () {
      const path = yield* directory
      const certificates = yield* standard()
      const echo: Parameters<typeof createHttp>[1] = (request, response) => {
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ url: request.url, headers: request.headers }))
      }
      const http = yield* listening(createHttp(echo))
      const https = yield* listening(createHttps({ cert: certificates.good.cert, key: certificates.good.key }, echo))
      const hash = execFileSync("openssl", ["passwd", "-1", "-salt", "abcdefgh", "s3cret"]).toString().trim()
      yield* write(`${path}/passwords`, `me:${hash}\n`)
      const ha1 = createHash("md5").update("me:peers:s3cret").digest("hex")
      yield* write(`${path}/digests`, `me:peers:${ha1}\n`)
      yield* write(`${path}/proxy.pem`, certificates.good.cert)
      yield* write(`${path}/proxy.key`, certificates.good.key)
      const ports = { open: yield* freePort, auth: yield* freePort, digest: yield* freePort, secure: yield* freePort }
      const tls = `tls-cert=${path}/proxy.pem tls-key=${path}/proxy.key`
      yield* write(
        `${path}/open.conf`,
        squidConfig({ path, name: "open", listen: `http_port 127.0.0.1:${ports.open}`, auth: "none" })
      )
      yield* write(
        `${path}/auth.conf`,
        squidConfig({ path, name: "auth", listen: `http_port 127.0.0.1:${ports.auth}`, auth: "basic" })
      )
      yield* write(
        `${path}/digest.conf`,
        squidConfig({ path, name: "digest", listen: `http_port 127.0.0.1:${ports.digest}`, auth: "digest" })
      )
      yield* write(
        `${path}/secure.conf`,
        squidConfig({ path, name: "secure", listen: `https_port 127.0.0.1:${ports.secure} ${tls}`, auth: "none" })
      )
      yield* start("/usr/sbin/squid", ["-N", "-n", "open", "-f", `${path}/open.conf`], [ports.open])
      yield* start("/usr/sbin/squid", ["-N", "-n", "auth", "-f", `${path}/auth.conf`], [ports.auth])
      yield* start("/usr/sbin/squid", ["-N", "-n", "digest", "-f", `${path}/digest.conf`], [ports.digest])
      yield* start("/usr/sbin/squid", ["-N", "-n", "secure", "-f", `${path}/secure.conf`], [ports.secure])
      const tiny = yield* freePort
      yield* write(
        `${path}/tinyproxy.conf`,
        `Port ${tiny}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\nLogFile "${path}/tinyproxy.log"\nLogLevel Connect\n`
      )
      yield* start("/usr/bin/tinyproxy", ["-d", "-c", `${path}/tinyproxy.conf`], [tiny])
      const dante = yield* freePort
      yield* write(
        `${path}/danted.conf`,
        `logoutput: ${path}/danted.log
internal: 127.0.0.1 port = ${dante}
external: lo
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: root
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`
      )
      yield* start("/usr/sbin/danted", ["-f", `${path}/danted.conf`, "-p", `${path}/danted.pid`], [dante])
      return {
        http: `http://localhost:${http}`,
        https: `https://localhost:${https}`,
        open: `http://127.0.0.1:${ports.open}`,
        withAuth: `http://127.0.0.1:${ports.auth}`,
        digest: `http://127.0.0.1:${ports.digest}`,
        secure: `https://localhost:${ports.secure}`,
        tinyproxy: `http://127.0.0.1:${tiny}`,
        dante: `127.0.0.1:${dante}`,
        log: Effect.zipWith(read(`${path}/open.log`), read(`${path}/auth.log`), (open, auth) => open + auth),
        digestLog: read(`${path}/digest.log`),
        ca: certificates.ca
      }
    })
  )
}

const trusting = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { ca } = yield* standard()
    return Session.layer({ connector: { ssl: yield* Ssl.context({ ca }) }, timeout: "15 seconds" })
  })
)

interface Echo {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

const echoOf = (value: unknown): Echo => value as Echo

layer(Layer.merge(Peers.layer, trusting), { timeout: "60 seconds", excludeTestServices: true })("proxies", (it) => {
  const through = (proxy: Proxy.Input, target: "http" | "https") =>
    Effect.flatMap(Peers, (peers) => Session.get(`${peers[target]}/path`, { proxy }).pipe(ClientResponse.json))

  for (const target of ["http", "https"] as const) {
    it.effect(`squid, open, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const echo = echoOf(yield* through(peers.open, target))
        assert.strictEqual(echo.url, "/path")
        assert.isUndefined(echo.headers["proxy-authorization"])
        // A tunnel is logged when it ends.
        const session = yield* Session.Session
        yield* session.connector.closeIdle
        const line = target === "http" ? /GET http:\/\/localhost:\d+\/path/ : /CONNECT localhost:\d+/
        const log = yield* Effect.repeat(peers.log, {
          until: (text) => line.test(text),
          schedule: Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(100))
        }).pipe(Effect.zipRight(peers.log))
        assert.match(log, line)
      })
    )

    it.effect(`squid with credentials, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const proxy = Proxy.make(peers.withAuth, { auth: Auth.basic("me", "s3cret") })
        const echo = echoOf(yield* through(proxy, target))
        assert.isUndefined(echo.headers["proxy-authorization"])
        assert.notInclude(JSON.stringify(echo), "s3cret")
      })
    )

    it.effect(`squid with the wrong credentials, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const proxy = Proxy.make(peers.withAuth, { auth: Auth.basic("me", "wrong") })
        const outcome = yield* Session.get(`${peers[target]}/path`, { proxy }).pipe(
          ClientResponse.use((response) => Effect.succeed(response.status)),
          Effect.catchTag("ClientHttpProxyError", (error) => Effect.succeed(error.status))
        )
        assert.strictEqual(outcome, 407)
      })
    )

    it.effect(`squid over TLS, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const proxy = Proxy.make(peers.secure, { ssl: yield* Ssl.context({ ca: peers.ca }) })
        assert.strictEqual(echoOf(yield* through(proxy, target)).url, "/path")
      })
    )

    it.effect(`tinyproxy, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        assert.strictEqual(echoOf(yield* through(peers.tinyproxy, target)).url, "/path")
      })
    )

    it.effect(`squid with Digest, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const session = yield* Session.Session
        const digest = yield* Middleware.digest(Auth.basic("me", "s3cret"), { proxy: true })
        const options = { proxy: peers.digest, middlewares: [digest] }
        // The second is sent ahead; squid counts the nonces, and refuses a number that comes twice or is left out.
        for (const path of ["/one", "/two"]) {
          const echo = echoOf(yield* Session.get(`${peers[target]}${path}`, options).pipe(ClientResponse.json))
          assert.strictEqual(echo.url, path)
          assert.isUndefined(echo.headers["proxy-authorization"])
          yield* session.connector.closeIdle
        }
        const lines = (log: string) => {
          const what = target === "http" ? /GET http:\/\/localhost:\d+\/(one|two) / : /CONNECT localhost:\d+ /
          return log.split("\n").filter((line) => what.test(line))
        }
        const served = (log: string) => lines(log).filter((line) => /\/200 .* me /.test(line))
        const log = yield* Effect.repeat(peers.digestLog, {
          until: (text) => served(text).length === 2,
          schedule: Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(100))
        }).pipe(Effect.zipRight(peers.digestLog))
        assert.strictEqual(served(log).length, 2)
        assert.strictEqual(lines(log).filter((line) => line.includes("/407 ")).length, 1)
      })
    )

    it.effect(`squid with a wrong password by Digest, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const digest = yield* Middleware.digest(Auth.basic("me", "wrong"), { proxy: true })
        const outcome = yield* Session.get(`${peers[target]}/path`, {
          proxy: peers.digest,
          middlewares: [digest]
        }).pipe(
          ClientResponse.use((response) => Effect.succeed(response.status)),
          Effect.catchTag("ClientHttpProxyError", (error) => Effect.succeed(error.status))
        )
        assert.strictEqual(outcome, 407)
      })
    )

    for (const scheme of ["socks5", "socks5h"]) {
      it.effect(`dante by ${scheme}, to ${target}`, () =>
        Effect.gen(function* () {
          const peers = yield* Peers
          assert.strictEqual(echoOf(yield* through(`${scheme}://${peers.dante}`, target)).url, "/path")
        })
      )
    }

    // Dante refuses names by SOCKS4a for every client.
    it.effect(`dante by socks4a, to an address, to ${target}`, () =>
      Effect.gen(function* () {
        const peers = yield* Peers
        const echo = yield* Session.get(`${peers[target].replace("localhost", "127.0.0.1")}/path`, {
          proxy: `socks4a://${peers.dante}`
        }).pipe(ClientResponse.json)
        assert.strictEqual(echoOf(echo).url, "/path")
      })
    )
  }

  it.effect("a proxy's certificate that nobody trusts is the proxy's fault", () =>
    Effect.gen(function* () {
      const peers = yield* Peers
      const error = yield* Effect.flip(through(peers.secure, "http"))
      assert.strictEqual(error._tag, "ClientProxyConnectionError")
    })
  )

  it.effect("a refused CONNECT is typed", () =>
    Effect.gen(function* () {
      const peers = yield* Peers
      const error = yield* Effect.flip(
        Session.get("https://refused.test/", { proxy: peers.open }).pipe(ClientResponse.text)
      )
      assert.strictEqual(error._tag, "ClientHttpProxyError")
      if (error._tag === "ClientHttpProxyError") assert.strictEqual(error.status, 403)
    })
  )

  it.effect("a forward connection serves another origin", () =>
    Effect.gen(function* () {
      const peers = yield* Peers
      yield* through(peers.open, "http")
      const reused = yield* Session.get(`${peers.http.replace("localhost", "127.0.0.1")}/other`, {
        proxy: peers.open
      }).pipe(ClientResponse.use((response) => Effect.succeed([response.status, response.connection.reused])))
      assert.deepStrictEqual(reused, [200, true])
    })
  )

  it.effect("a forward connection and a tunnel are kept alive", () =>
    Effect.gen(function* () {
      const peers = yield* Peers
      for (const target of ["http", "https"] as const) {
        yield* through(peers.open, target)
        const reused = yield* Session.get(`${peers[target]}/again`, { proxy: peers.open }).pipe(
          ClientResponse.use((response) => Effect.succeed(response.connection.reused))
        )
        assert.isTrue(reused)
      }
    })
  )
})
