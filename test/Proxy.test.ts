import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { Auth, ClientResponse, Errors, Proxy, Session } from "effect-http-session"
import { userAgent } from "../src/internal/request/automaticHeaders.js"
import { standard } from "./support/certificates.js"
import {
  type Answer,
  basic,
  failure,
  originServer,
  text,
  tlsOrigin,
  trusting,
  valueOf,
  withCredentials,
  withSession
} from "./support/proxied.js"
import { type ProxyServerOptions, proxyServer } from "./support/proxyServer.js"

describe("http:// targets", () => {
  it.scopedLive("are requested in absolute form, with the origin's Host and only credentials for the proxy", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ auth: { user: "us3r", password: "s3cr3t" } })
      const body = yield* withSession(
        text(`http://who:pw@a.test:${origin.port}/p%20q?r=1#f`, {
          proxy: proxy.url,
          proxyAuth: Auth.basic("us3r", "s3cr3t"),
          proxyHeaders: { "x-only-connect": "1" }
        })
      )
      assert.strictEqual(body, "plain")
      assert.strictEqual(proxy.seen.length, 1)
      assert.strictEqual(proxy.seen[0]?.method, "GET")
      assert.strictEqual(proxy.seen[0]?.target, `http://a.test:${origin.port}/p%20q?r=1`)
      assert.deepStrictEqual(valueOf(proxy, "host"), [`a.test:${origin.port}`])
      assert.deepStrictEqual(valueOf(proxy, "proxy-authorization"), [basic])
      assert.deepStrictEqual(valueOf(proxy, "proxy-connection"), [])
      assert.deepStrictEqual(valueOf(proxy, "x-only-connect"), [])
    })
  )

  it.scopedLive("return an error of the proxy as their response", () =>
    Effect.gen(function* () {
      const proxy = yield* proxyServer({ auth: { user: "u", password: "p" } })
      const status = yield* withSession(
        Session.get("http://a.test/", { proxy: proxy.url }).pipe(
          ClientResponse.use((response) => Effect.succeed(response.status))
        )
      )
      assert.strictEqual(status, 407)
    })
  )

  it.scopedLive("reuse their connection to the proxy", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer()
      const url = `http://a.test:${origin.port}/`
      yield* withSession(Effect.zipRight(text(url), text(url)), { proxy: proxy.url })
      assert.deepStrictEqual([proxy.seen.length, proxy.connections()], [2, 1])
    })
  )

  it.scopedLive("do not share a connection if the credentials differ", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer()
      const url = `http://a.test:${origin.port}/`
      yield* withSession(
        Effect.all([
          text(url, { proxy: withCredentials(proxy, "a:1") }),
          text(url, { proxy: withCredentials(proxy, "b:2") }),
          text(url, { proxy: proxy.url })
        ])
      )
      assert.strictEqual(proxy.connections(), 3)
    })
  )
})

describe("https:// targets", () => {
  const kinds: ReadonlyArray<readonly [name: string, options: ProxyServerOptions, scheme?: string]> = [
    ["http", {}],
    ["https", { kind: "https" }],
    ["socks5h", { kind: "socks" }],
    ["socks5", { kind: "socks" }, "socks5"],
    ["socks4a", { kind: "socks" }, "socks4a"]
  ]
  for (const [name, options, scheme] of kinds) {
    it.scopedLive(`use a tunnel of an ${name} proxy, which stays open for the next request`, () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        const ssl = yield* trusting
        const origin = yield* tlsOrigin
        const proxy = yield* proxyServer({ ...options, ...(options.kind === "https" ? { tls: good } : {}) })
        const url = scheme === undefined ? proxy.url : proxy.url.replace(/^\w+/, scheme)
        const target = `https://localhost:${origin.port}/`
        const bodies = yield* withSession(Effect.all([text(target), text(target)]), {
          proxy: Proxy.make(url, { ssl })
        })
        assert.deepStrictEqual(bodies, ["secure", "secure"])
        assert.deepStrictEqual([proxy.seen.length, proxy.connections(), origin.connections()], [1, 1, 1])
        const host = scheme === "socks5" ? "127.0.0.1" : "localhost"
        assert.strictEqual(proxy.seen[0]?.target, `${host}:${origin.port}`)
      })
    )
  }

  it.scopedLive("send credentials and headers to the proxy, and the origin sees none of them", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({ auth: { user: "us3r", password: "s3cr3t" } })
      yield* withSession(text(`https://localhost:${origin.port}/x`), {
        proxy: Proxy.make(proxy.url, { auth: Auth.basic("us3r", "s3cr3t"), headers: { "X-Team": "a" } })
      })
      assert.strictEqual(proxy.seen[0]?.method, "CONNECT")
      assert.deepStrictEqual(valueOf(proxy, "proxy-authorization"), [basic])
      assert.deepStrictEqual(valueOf(proxy, "x-team"), ["a"])
      assert.match(origin.seen[0] ?? "", /^GET \/x\n/)
      assert.notMatch(origin.seen[0] ?? "", /proxy-|x-team/i)
    })
  )

  const agents: ReadonlyArray<
    readonly [
      what: string,
      session: Session.SessionOptions,
      headers: Record<string, string>,
      agent: ReadonlyArray<string>
    ]
  > = [
    ["the automatic one of the session", {}, {}, [userAgent]],
    ["the one in the headers of the session", { headers: { "User-Agent": "robot/1" } }, {}, ["robot/1"]],
    ["none if skipAutoHeaders omits it", { skipAutoHeaders: ["user-agent"] }, {}, []],
    ["none if it is redacted", { headers: { "user-agent": Redacted.make("s3cr3t") } }, {}, []],
    ["the one in the headers of the proxy", {}, { "user-agent": "proxied/1" }, ["proxied/1"]],
    [
      "the one of the proxy if the session has one too",
      { headers: { "user-agent": "robot/1" } },
      { "User-Agent": "p/1" },
      ["p/1"]
    ]
  ]
  for (const [what, session, headers, agent] of agents) {
    it.scopedLive(`send a User-Agent with CONNECT: ${what}`, () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        const origin = yield* tlsOrigin
        const proxies = [yield* proxyServer(), yield* proxyServer({ kind: "https", tls: good })]
        for (const proxy of proxies) {
          yield* withSession(text(`https://localhost:${origin.port}/`, { headers: { "user-agent": "request/1" } }), {
            ...session,
            proxy: Proxy.make(proxy.url, { headers, ssl: yield* trusting })
          })
          assert.deepStrictEqual(valueOf(proxy, "user-agent"), agent)
        }
        assert.include(origin.seen[0], "request/1")
      })
    )
  }

  it.scopedLive("do not share a tunnel if credentials or targets differ", () =>
    Effect.gen(function* () {
      const one = yield* tlsOrigin
      const other = yield* tlsOrigin
      const proxy = yield* proxyServer()
      const first = `https://localhost:${one.port}/`
      yield* withSession(
        Effect.all([
          text(first, { proxy: withCredentials(proxy, "a:1") }),
          text(first, { proxy: withCredentials(proxy, "a:2") }),
          text(`https://localhost:${other.port}/`, { proxy: withCredentials(proxy, "a:1") }),
          text(first, { proxy: withCredentials(proxy, "a:1") })
        ])
      )
      assert.deepStrictEqual([proxy.seen.length, one.connections(), other.connections()], [3, 2, 1])
    })
  )

  it.scopedLive("are verified inside the tunnel of any proxy", () =>
    Effect.gen(function* () {
      const { good, wrongHost } = yield* standard()
      const ssl = yield* trusting
      const origin = yield* originServer("wrong", { tls: wrongHost })
      const plain = yield* proxyServer()
      const secure = yield* proxyServer({ kind: "https", tls: good })
      for (const proxy of [Proxy.make(plain.url), Proxy.make(secure.url, { ssl })]) {
        const error = yield* failure(text(`https://localhost:${origin.port}/`), { proxy })
        assert.strictEqual(error._tag, "ClientConnectorCertificateError")
      }
      assert.strictEqual(origin.seen.length, 0)
    })
  )
})

describe("https:// proxies", () => {
  it.scopedLive("forward http:// targets", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const ssl = yield* trusting
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ kind: "https", tls: good })
      const url = `http://a.test:${origin.port}/`
      assert.strictEqual(yield* withSession(text(url), { proxy: Proxy.make(proxy.url, { ssl }) }), "plain")
      assert.strictEqual(proxy.seen[0]?.target, url)
    })
  )

  for (const [what, which] of [
    ["for another name", "wrongHost"],
    ["expired", "expired"],
    ["of an unknown authority", "untrusted"]
  ] as const) {
    it.scopedLive(`with a certificate ${what} fail as a proxy error, even if the request has ssl: false`, () =>
      Effect.gen(function* () {
        const certificates = yield* standard()
        const ssl = yield* trusting
        const origin = yield* tlsOrigin
        const proxy = yield* proxyServer({ kind: "https", tls: certificates[which] })
        const error = yield* failure(
          text(`https://localhost:${origin.port}/`, { ssl: false, proxy: Proxy.make(proxy.url, { ssl }) })
        )
        assert.instanceOf(error, Errors.ClientProxyConnectionError)
        assert.strictEqual(error.reason, "Tls")
        assert.isTrue(Errors.isTlsError(error.cause))
        assert.deepStrictEqual([proxy.seen.length, origin.connections()], [0, 0])
      })
    )
  }

  it.scopedLive("do not disable the verification of the origin by their own settings", () =>
    Effect.gen(function* () {
      const { untrusted } = yield* standard()
      const origin = yield* originServer("untrusted", { tls: untrusted })
      const proxy = yield* proxyServer({ kind: "https", tls: untrusted })
      const error = yield* failure(text(`https://localhost:${origin.port}/`), {
        proxy: Proxy.make(proxy.url, { ssl: false })
      })
      assert.strictEqual(error._tag, "ClientConnectorSSLError")
      assert.strictEqual(proxy.seen.length, 1)
    })
  )
})

describe("redirects through a proxy", () => {
  const redirectTo =
    (to: () => string): Answer =>
    (_request, response) => {
      response.writeHead(302, { location: to() }).end()
    }

  it.scopedLive("choose the proxy for each hop, and its credentials stay with it", () =>
    Effect.gen(function* () {
      const last = yield* tlsOrigin
      const first = yield* originServer("first", { answer: redirectTo(() => `https://localhost:${last.port}/`) })
      const one = yield* proxyServer()
      const two = yield* proxyServer()
      const body = yield* withSession(text(`http://a.test:${first.port}/`), {
        proxy: Proxy.route((target) => (target.protocol === "http:" ? withCredentials(one) : two.url))
      })
      assert.strictEqual(body, "secure")
      assert.deepStrictEqual(valueOf(one, "proxy-authorization"), [basic])
      assert.strictEqual(two.seen[0]?.method, "CONNECT")
      assert.deepStrictEqual(valueOf(two, "proxy-authorization"), [])
      assert.notMatch(last.seen.join(), /proxy-/i)
    })
  )

  it.scopedLive("send no Proxy-Authorization to a target without a proxy", () =>
    Effect.gen(function* () {
      const last = yield* originServer("last")
      const first = yield* originServer("first", { answer: redirectTo(() => `http://127.0.0.1:${last.port}/`) })
      const proxy = yield* proxyServer()
      const provider = ConfigProvider.fromMap(
        new Map([
          ["HTTP_PROXY", withCredentials(proxy)],
          ["NO_PROXY", "127.0.0.0/8"]
        ])
      )
      const body = yield* withSession(text(`http://a.test:${first.port}/`), { trustEnv: true }).pipe(
        Effect.provide(Layer.setConfigProvider(provider))
      )
      assert.strictEqual(body, "last")
      assert.strictEqual(proxy.seen.length, 1)
      assert.deepStrictEqual(valueOf(proxy, "proxy-authorization"), [basic])
      assert.notMatch(last.seen.join(), /proxy-/i)
    })
  )
})
