import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either } from "effect"
import type { Session } from "effect-http-session"
import {
  assertNoSecret,
  basic,
  originServer,
  text,
  tlsOrigin,
  trusting,
  valueOf,
  withCredentials,
  withSession
} from "./support/proxied.js"
import { proxyServer } from "./support/proxyServer.js"

describe("trustEnv", () => {
  const fromEnvironment = <A, E>(
    variables: Record<string, string>,
    effect: Effect.Effect<A, E, Session.Session>,
    options: Session.SessionOptions = { trustEnv: true }
  ) =>
    withSession(effect, options).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
    )

  it.scopedLive("uses the environment's proxy", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer()
      const body = yield* fromEnvironment({ http_proxy: proxy.url }, text(`http://a.test:${origin.port}/`))
      assert.deepStrictEqual([body, proxy.seen.length], ["plain", 1])
    })
  )

  for (const [what, variables, options, request] of [
    ["is off by default", {}, {}, {}],
    ["is overridden by proxy: false", {}, { trustEnv: true }, { proxy: false }],
    ["connects directly to a host in NO_PROXY", { NO_PROXY: "127.0.0.1" }, { trustEnv: true }, {}],
    ["ignores HTTP_PROXY in a CGI program", { REQUEST_METHOD: "GET" }, { trustEnv: true }, {}]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const origin = yield* originServer("plain")
        const proxy = yield* proxyServer()
        const body = yield* fromEnvironment(
          { HTTP_PROXY: proxy.url, ...variables },
          text(`http://127.0.0.1:${origin.port}/`, request),
          options
        )
        assert.deepStrictEqual([body, proxy.seen.length], ["plain", 0])
      })
    )
  }

  it.scopedLive("sends proxyHeaders with CONNECT, but not to an origin", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({ auth: { user: "us3r", password: "s3cr3t" } })
      const variables = { HTTPS_PROXY: withCredentials(proxy) }
      const url = `https://localhost:${origin.port}/`
      const ssl = yield* trusting
      for (const [options, request] of [
        [{ proxyHeaders: { "x-team": "a" } }, {}],
        [{}, { proxyHeaders: { "x-team": "a" } }],
        [{ proxyHeaders: { "x-team": "b" } }, { proxyHeaders: { "x-team": "a" } }]
      ] as const) {
        yield* fromEnvironment(variables, text(url, { ...request, ssl }), { trustEnv: true, ...options })
      }
      assert.strictEqual(proxy.seen.length, 3)
      for (const index of proxy.seen.keys()) {
        assert.deepStrictEqual(valueOf(proxy, "x-team", index), ["a"])
        assert.deepStrictEqual(valueOf(proxy, "proxy-authorization", index), [basic])
      }
      for (const seen of origin.seen) assert.notMatch(seen, /x-team|proxy-/i)
    })
  )

  it.scopedLive("accepts the schemes socks:// and socks4:// of desktop settings", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ kind: "socks" })
      for (const scheme of ["socks", "socks4"]) {
        const body = yield* fromEnvironment(
          { ALL_PROXY: proxy.url.replace(/^\w+/, scheme) },
          text(`http://a.test:${origin.port}/`)
        )
        assert.strictEqual(body, "plain")
      }
      assert.deepStrictEqual(
        proxy.seen.map(({ addressType, method, target }) => [method, addressType, target]),
        [
          ["SOCKS5", "name", `a.test:${origin.port}`],
          ["SOCKS4", "name", `a.test:${origin.port}`]
        ]
      )
    })
  )

  it.scopedLive("connects directly to hosts that match a glob of NO_PROXY", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer()
      const variables = { HTTP_PROXY: proxy.url, NO_PROXY: "*.localhost" }
      assert.strictEqual(yield* fromEnvironment(variables, text(`http://app.localhost:${origin.port}/`)), "plain")
      assert.strictEqual(proxy.seen.length, 0)
      assert.strictEqual(yield* fromEnvironment(variables, text(`http://localhost:${origin.port}/`)), "plain")
      assert.strictEqual(proxy.seen.length, 1)
    })
  )

  it.scopedLive("fails if the environment's proxy is invalid, and does not connect directly", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      for (const value of ["gopher://us3r:s3cr3t@p.test", "http://us3r:s3cr3t@p.test:port"]) {
        const result = yield* fromEnvironment(
          { HTTP_PROXY: value },
          Effect.either(text(`http://127.0.0.1:${origin.port}/`))
        )
        assert.isTrue(Either.isLeft(result) && result.left._tag === "InvalidURL")
        if (Either.isLeft(result)) {
          assert.include(result.left.message, "HTTP_PROXY, from the environment")
          assert.include(result.left.message, "://p.test")
        }
        assertNoSecret(result)
      }
      assert.strictEqual(origin.connections(), 0)
    })
  )
})
