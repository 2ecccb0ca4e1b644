import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Errors, Proxy } from "effect-http-session"
import { expiring } from "./support/clock.js"
import { assertNoSecret, basic, failure, originServer, text, tlsOrigin, withCredentials } from "./support/proxied.js"
import { proxyServer } from "./support/proxyServer.js"
import { until } from "./support/wait.js"

describe("a proxy", () => {
  it.scopedLive("that refuses a tunnel causes a ClientHttpProxyError without credentials", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({
        refuse: { status: 403, reason: "Forbidden", headers: { "X-Why": "policy" }, body: `no, ${basic}` }
      })
      const error = yield* failure(text(`https://localhost:${origin.port}/`, { proxy: withCredentials(proxy) }))
      assert.instanceOf(error, Errors.ClientHttpProxyError)
      assert.deepStrictEqual([error.status, error.reason, error.proxy], [403, "Forbidden", proxy.url])
      assert.strictEqual(error.headers["x-why"], "policy")
      assert.isTrue(Errors.isProxyError(error))
      assertNoSecret(error)
      assertNoSecret(error.body)
      assert.strictEqual(origin.connections(), 0)
    })
  )

  it.scopedLive("that refuses credentials gets one request only", () =>
    Effect.gen(function* () {
      const proxy = yield* proxyServer({ auth: { user: "us3r", password: "right" } })
      const error = yield* failure(text("https://a.test/", { proxy: withCredentials(proxy) }))
      assert.instanceOf(error, Errors.ClientHttpProxyError)
      assert.strictEqual(error.status, 407)
      assert.strictEqual(proxy.seen.length, 1)
      assertNoSecret(error)
    })
  )

  for (const scheme of ["http", "https", "socks5h"]) {
    it.scopedLive(`of scheme ${scheme} that is down causes an error, and the target is not connected directly`, () =>
      Effect.gen(function* () {
        const origin = yield* originServer("plain")
        // No other process can listen there, because the origin holds the port.
        const down = `127.0.0.2:${origin.port}`
        const proxy = `${scheme}://us3r:s3cr3t@${down}`
        const error = yield* failure(text(`http://127.0.0.1:${origin.port}/`, { proxy }))
        assert.instanceOf(error, Errors.ClientProxyConnectionError)
        assert.deepStrictEqual([error.reason, error.code], ["Connect", "ECONNREFUSED"])
        assert.strictEqual(error.proxy, `${scheme}://${down}`)
        assert.strictEqual(origin.connections(), 0)
        assertNoSecret(error)
      })
    )
  }

  it.scopedLive("that refuses with a SOCKS reply causes a typed error", () =>
    Effect.gen(function* () {
      const proxy = yield* proxyServer({ kind: "socks", reply: 2 })
      const error = yield* failure(text("http://a.test/", { proxy: proxy.url }))
      assert.instanceOf(error, Errors.ClientProxyConnectionError)
      assert.deepStrictEqual([error.reason, error.code], ["Socks", "EACCES"])
    })
  )

  it.scopedLive("that does not answer causes a timeout of phase proxy", () =>
    Effect.gen(function* () {
      let asked = 0
      const port = yield* Effect.acquireRelease(
        Effect.async<Net.Server>((resume) => {
          const server = Net.createServer((socket) => {
            socket.on("error", () => {}).once("data", () => asked++)
            socket.resume()
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.sync(() => {
            server.close()
          })
      ).pipe(
        Effect.map((server) => {
          const address = server.address()
          return typeof address === "object" && address !== null ? address.port : 0
        })
      )
      for (const scheme of ["http", "socks5h"]) {
        for (const timeout of [{ proxy: "1 minute" }, { connect: "1 minute" }, { total: "1 minute" }] as const) {
          const before = asked
          const error = yield* expiring(
            failure(text("https://a.test/", { proxy: `${scheme}://127.0.0.1:${port}`, timeout })),
            until(() => asked > before),
            60_000
          )
          assert.isTrue(Errors.isServerTimeoutError(error), String(error))
          assert.strictEqual(error.phase, "proxy")
        }
      }
    })
  )

  for (const [what, proxy, tag] of [
    ["an unknown scheme", "gopher://us3r:s3cr3t@p.test", "InvalidURL"],
    ["no scheme", "p.test:3128", "InvalidURL"],
    ["CRLF in credentials", "http://us3r:s3cr3t%0d%0a@p.test", "InvalidURL"],
    ["CRLF in a header", Proxy.make("http://p.test", { headers: { "x-a": "s3cr3t\r\n" } }), "InvalidRequest"]
  ] as const) {
    it.scopedLive(`with ${what} causes ${tag}, and nothing is sent`, () =>
      Effect.gen(function* () {
        const error = yield* failure(text("http://127.0.0.1:1/", { proxy }))
        assert.strictEqual(error._tag, tag)
        assertNoSecret(error)
      })
    )
  }
})
