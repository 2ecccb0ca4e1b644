/**
 * Faults between a client, its proxies and its origins, over real sockets. test/internal/proxy and
 * test/internal/network/dial have the single replies to CONNECT and the environment.
 */
import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, type Scope } from "effect"
import { Auth, Connector, CookieJar, Errors, Proxy, Session, Ssl } from "effect-http-session"
import { standard } from "../support/certificates.js"
import {
  type Answer,
  assertNoSecret,
  basic,
  failure,
  originServer,
  text,
  tlsOrigin,
  trusting,
  valueOf,
  withCredentials,
  withSession
} from "../support/proxied.js"
import { proxyServer } from "../support/proxyServer.js"

const auth = { user: "us3r", password: "s3cr3t" }

const under = (variables: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const redirectTo =
  (to: () => string): Answer =>
  (_request, response) => {
    response.writeHead(302, { location: to() }).end()
  }

/** A proxy that replies to each CONNECT with these bytes, and the bytes that it received after the CONNECT. */
const replying = (reply: string): Effect.Effect<{ url: string; after: () => string }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ server: Net.Server; url: string; after: () => string }>((resume) => {
      let received = ""
      const server = Net.createServer((socket) => {
        let answered = false
        socket
          .on("error", () => {})
          .on("data", (chunk) => {
            received += chunk.toString("latin1")
            if (answered || !received.includes("\r\n\r\n")) return
            answered = true
            socket.write(reply, "latin1")
          })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const after = () => received.slice(received.indexOf("\r\n\r\n") + 4)
        resume(Effect.succeed({ server, url: `http://127.0.0.1:${port}`, after }))
      })
    }),
    ({ server }) => Effect.sync(() => void server.close())
  )

describe("a reply to CONNECT", () => {
  const inner = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
  const rows: ReadonlyArray<readonly [what: string, reply: string, tag: string]> = [
    ["a refusal with a body", "HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nevil", "ClientHttpProxyError"],
    [
      "a redirect",
      "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
      "ClientHttpProxyError"
    ],
    ["garbage", "evil evil\r\n\r\n", "ClientProxyConnectionError"],
    ["200 with a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nevil body", "ClientConnectorSSLError"],
    [
      "200 with a chunked body",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
      "ClientConnectorSSLError"
    ],
    ["200 and a response in the same packet", `HTTP/1.1 200 OK\r\n\r\n${inner}`, "ClientConnectorSSLError"]
  ]
  for (const [what, reply, tag] of rows) {
    it.scopedLive(`is not taken as the response: ${what} causes ${tag}`, () =>
      Effect.gen(function* () {
        const proxy = yield* replying(reply)
        const error = yield* failure(
          text("https://a.test/s3cr3t-path", { proxy: proxy.url, headers: { "x-inner": "s3cr3t" } })
        )
        assert.strictEqual(error._tag, tag)
        // The client has sent at most the beginning of a TLS handshake.
        assert.notInclude(proxy.after(), "s3cr3t")
      })
    )
  }

  it.scopedLive("is not taken as the response to an http request in the tunnel if it arrives before the request", () =>
    Effect.gen(function* () {
      const proxy = yield* replying(`HTTP/1.1 200 OK\r\n\r\n${inner}`)
      const error = yield* failure(
        Effect.scoped(
          Effect.flatMap(Session.Session, (session) => session.webSocket("ws://a.test/", { proxy: proxy.url }))
        )
      )
      assert.strictEqual(error._tag, "ClientProxyConnectionError")
      assert.strictEqual(proxy.after(), "")
    })
  )
})

describe("Proxy-Authorization", () => {
  it.scopedLive("is sent in CONNECT only, also after the tunnel was reused", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({ auth })
      const url = `https://localhost:${origin.port}/`
      yield* withSession(Effect.zipRight(text(url), text(url)), { proxy: withCredentials(proxy) })
      assert.strictEqual(origin.seen.length, 2)
      assert.deepStrictEqual([proxy.seen.length, valueOf(proxy, "proxy-authorization")], [1, [basic]])
      assert.notMatch(origin.seen.join(), /proxy-/i)
    })
  )

  it.scopedLive("is sent with every forwarded request, also on a reused connection", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ auth })
      const urls = [`http://a.test:${origin.port}/`, `http://b.test:${origin.port}/`]
      yield* withSession(
        Effect.forEach(urls, (url) => text(url)),
        { proxy: withCredentials(proxy) }
      )
      assert.deepStrictEqual(
        proxy.seen.map((_, index) => valueOf(proxy, "proxy-authorization", index)),
        [[basic], [basic]]
      )
    })
  )

  const own = { headers: { "Proxy-Authorization": "Basic s3cr3t" } }
  for (const [what, scheme, kind, withUser] of [
    ["of the caller's is refused before a tunnel", "https", "http", false],
    ["of the caller's is refused before SOCKS", "http", "socks", false],
    ["of the caller's is refused beside the proxy's credentials", "http", "http", true]
  ] as const) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const proxy = yield* proxyServer({ kind })
        const error = yield* failure(
          text(`${scheme}://a.test/`, { ...own, proxy: withUser ? withCredentials(proxy, "a:b") : proxy.url })
        )
        assert.instanceOf(error, Errors.InvalidRequest)
        assert.strictEqual(error.option, "proxy-authorization")
        assertNoSecret(error)
        assert.strictEqual(proxy.connections(), 0)
      })
    )
  }

  it.scopedLive("of the caller is sent to a proxy that forwards, and not with a redirect to another origin", () =>
    Effect.gen(function* () {
      const last = yield* originServer("last")
      const first = yield* originServer("first", { answer: redirectTo(() => `http://b.test:${last.port}/`) })
      const proxy = yield* proxyServer()
      yield* withSession(text(`http://a.test:${first.port}/`, { ...own, proxy: proxy.url }))
      assert.deepStrictEqual(
        [valueOf(proxy, "proxy-authorization", 0), valueOf(proxy, "proxy-authorization", 1)],
        [["Basic s3cr3t"], []]
      )
    })
  )
})

const outcome = (result: string | Errors.ClientError): string =>
  typeof result === "string"
    ? result
    : result._tag === "ClientProxyConnectionError"
      ? `${result._tag} ${result.reason}`
      : result._tag

describe("TLS to the proxy and to the origin", () => {
  it.scopedLive("does not share a request's authority, pin or client certificate", () =>
    Effect.gen(function* () {
      const { ca, client, good } = yield* standard()
      const origin = yield* originServer("secure", { tls: good })
      const proxy = yield* proxyServer({ kind: "https", tls: good })
      const demanding = yield* proxyServer({ kind: "https", tls: { ...good, ca, requestCert: true } })
      const url = `https://localhost:${origin.port}/`
      const trusted = yield* trusting
      const identity = yield* Ssl.context({ ca, cert: client.cert, key: client.key })
      const otherPin = Ssl.fingerprint("00".repeat(32))
      const get = (ssl: Ssl.Ssl, through: Proxy.Proxy) =>
        withSession(Effect.merge(text(url, { ssl, proxy: through })).pipe(Effect.map(outcome)))
      const reasons = {
        authority: yield* get(identity, Proxy.make(proxy.url)),
        identity: yield* get(identity, Proxy.make(demanding.url, { ssl: trusted })),
        pinOfTheOrigin: yield* get(otherPin, Proxy.make(proxy.url, { ssl: trusted })),
        pinOfTheProxy: yield* get(trusted, Proxy.make(proxy.url, { ssl: otherPin })),
        both: yield* get(trusted, Proxy.make(demanding.url, { ssl: identity }))
      }
      assert.deepStrictEqual(reasons, {
        authority: "ClientProxyConnectionError Tls",
        identity: "ClientProxyConnectionError Tls",
        pinOfTheOrigin: "FingerprintMismatch",
        pinOfTheProxy: "ClientProxyConnectionError Tls",
        both: "secure"
      })
      assert.strictEqual(origin.seen.length, 1)
    })
  )
})

describe("a connection to a proxy", () => {
  it.scopedLive("that forwards is shared by all origins", () =>
    Effect.gen(function* () {
      const one = yield* originServer("one")
      const two = yield* originServer("two")
      const proxy = yield* proxyServer()
      const stats = yield* withSession(
        Effect.gen(function* () {
          const session = yield* Session.Session
          const bodies = []
          for (const url of [
            `http://a.test:${one.port}/`,
            `http://b.test:${two.port}/`,
            `http://127.0.0.1:${one.port}/`
          ]) {
            bodies.push(yield* text(url))
          }
          assert.deepStrictEqual(bodies, ["one", "two", "one"])
          return yield* session.connector.stats
        }),
        { proxy: proxy.url }
      )
      assert.deepStrictEqual([proxy.seen.length, proxy.connections()], [3, 1])
      assert.deepStrictEqual([...stats.perKey.keys()], [`via ${proxy.url}`])
    })
  )

  it.scopedLive("that forwards is never used for a tunnel, nor a tunnel for another origin or a direct request", () =>
    Effect.gen(function* () {
      const plain = yield* originServer("plain")
      const secure = yield* tlsOrigin
      const proxy = yield* proxyServer()
      const urls = [`http://localhost:${plain.port}/`, `https://localhost:${secure.port}/`]
      yield* withSession(
        Effect.gen(function* () {
          for (const url of [...urls, ...urls]) yield* text(url, { proxy: proxy.url })
          for (const url of urls) yield* text(url, { proxy: false })
        })
      )
      assert.deepStrictEqual(
        [proxy.seen.map(({ method }) => method), proxy.connections()],
        [["GET", "CONNECT", "GET"], 2]
      )
      assert.deepStrictEqual(secure.connections(), 2)
    })
  )

  it.scopedLive("is not shared with other settings of the same proxy", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const ssl = yield* trusting
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ kind: "https", tls: good })
      const url = `http://a.test:${origin.port}/`
      const proxies = [
        Proxy.make(proxy.url, { ssl }),
        Proxy.make(proxy.url, { ssl, auth: Auth.basic("a", "1") }),
        Proxy.make(proxy.url, { ssl, auth: Auth.basic("a", "2") }),
        Proxy.make(proxy.url, { ssl: false }),
        Proxy.make(proxy.url, { ssl })
      ]
      yield* withSession(Effect.forEach(proxies, (each) => text(url, { proxy: each })))
      assert.strictEqual(proxy.connections(), 4)
    })
  )

  it.scopedLive("counts against limitPerHost by origin", () =>
    Effect.gen(function* () {
      let waiting: Array<() => void> = []
      const answer: Answer = (_, response) => {
        waiting.push(() => response.end("done"))
        if (waiting.length < 2) return
        for (const end of waiting) end()
        waiting = []
      }
      const one = yield* originServer("one", { answer })
      const two = yield* originServer("two", { answer })
      const proxy = yield* proxyServer()
      // The origins respond only when both requests have arrived.
      const bodies = yield* withSession(
        Effect.all([text(`http://a.test:${one.port}/`), text(`http://b.test:${two.port}/`)], {
          concurrency: "unbounded"
        }),
        { proxy: proxy.url, timeout: "15 seconds", connector: { limitPerHost: 1 } }
      )
      assert.deepStrictEqual([bodies, proxy.connections()], [["done", "done"], 2])
    })
  )

  it.scopedLive("is refused for an address that the policy refuses, even if the connection exists", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer()
      const urls = [
        `http://a.test:${origin.port}/`,
        `http://127.0.0.2:${origin.port}/`,
        `http://a.test:${origin.port}/`
      ]
      const outcomes = yield* withSession(
        Effect.forEach(urls, (url) =>
          Effect.merge(text(url)).pipe(Effect.map((value) => (typeof value === "string" ? value : value._tag)))
        ),
        { proxy: proxy.url, connector: { addressPolicy: { deny: ["127.0.0.2/32"] } } }
      )
      assert.deepStrictEqual(outcomes, ["plain", "ClientConnectorError", "plain"])
      assert.deepStrictEqual([proxy.seen.length, proxy.connections()], [2, 1])
    })
  )
})

describe("proxies of the environment", () => {
  it.scopedLive(
    "have the credentials that the environment had when each session was made, also on a shared connector",
    () =>
      Effect.gen(function* () {
        const origin = yield* tlsOrigin
        const proxy = yield* proxyServer()
        const url = `https://localhost:${origin.port}/`
        const ssl = yield* trusting
        const once = (userinfo: string) =>
          text(url).pipe(
            Effect.provide(Session.layerWithoutDependencies({ trustEnv: true })),
            under({ HTTPS_PROXY: withCredentials(proxy, userinfo) })
          )
        yield* Effect.zipRight(once("a:old"), once("a:new")).pipe(
          Effect.provide([Connector.layerTcp({ ssl }), CookieJar.layer()])
        )
        const sent = proxy.seen.map((_, index) => valueOf(proxy, "proxy-authorization", index)?.[0]?.slice(6))
        assert.deepStrictEqual(
          sent.map((value) => Buffer.from(value ?? "", "base64").toString()),
          ["a:old", "a:new"]
        )
      })
  )

  it.scopedLive("are chosen by scheme, and ALL_PROXY is the fallback", () =>
    Effect.gen(function* () {
      const plain = yield* originServer("plain")
      const secure = yield* tlsOrigin
      const http = yield* proxyServer()
      const all = yield* proxyServer({ kind: "socks" })
      yield* withSession(
        Effect.zipRight(text(`http://a.test:${plain.port}/`), text(`https://localhost:${secure.port}/`)),
        { trustEnv: true }
      ).pipe(under({ HTTP_PROXY: http.url, ALL_PROXY: all.url }))
      assert.deepStrictEqual(
        [http.seen.map(({ method }) => method), all.seen.map(({ method }) => method)],
        [["GET"], ["SOCKS5"]]
      )
    })
  )

  it.scopedLive("cause an error if they are down, and nothing is connected directly", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const port = yield* Effect.scoped(Effect.map(proxyServer(), (proxy) => proxy.port))
      const error = yield* failure(text(`http://127.0.0.1:${origin.port}/`), { trustEnv: true }).pipe(
        under({ HTTP_PROXY: `http://127.0.0.1:${port}` })
      )
      assert.strictEqual(error._tag, "ClientProxyConnectionError")
      assert.strictEqual(origin.connections(), 0)
    })
  )
})

describe("redirects through proxies of the environment", () => {
  const chain = (statuses: { readonly noProxy?: string }) =>
    Effect.gen(function* () {
      const last = yield* tlsOrigin
      const first = yield* originServer("first", { answer: redirectTo(() => `https://localhost:${last.port}/`) })
      const one = yield* proxyServer({ auth })
      const two = yield* proxyServer()
      const body = yield* withSession(text(`http://a.test:${first.port}/`), { trustEnv: true }).pipe(
        under({
          HTTP_PROXY: withCredentials(one),
          HTTPS_PROXY: two.url,
          ...(statuses.noProxy === undefined ? {} : { NO_PROXY: statuses.noProxy })
        })
      )
      assert.strictEqual(body, "secure")
      assert.deepStrictEqual(valueOf(one, "proxy-authorization"), [basic])
      assert.notMatch([...first.seen, ...last.seen].join(), /proxy-/i)
      return two
    })

  it.scopedLive("send no credentials of the first proxy to the second", () =>
    Effect.gen(function* () {
      const two = yield* chain({})
      assert.deepStrictEqual([two.seen.length, valueOf(two, "proxy-authorization")], [1, []])
    })
  )

  it.scopedLive("send no credentials of a proxy to a host of NO_PROXY", () =>
    Effect.gen(function* () {
      const two = yield* chain({ noProxy: "localhost" })
      assert.strictEqual(two.seen.length, 0)
    })
  )

  it.scopedLive("do not send a session's proxy credentials to a request's proxy", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const one = yield* proxyServer({ auth })
      const two = yield* proxyServer()
      const url = `http://a.test:${origin.port}/`
      yield* withSession(Effect.zipRight(text(url), text(url, { proxy: two.url })), {
        proxy: one.url,
        proxyAuth: Auth.basic("us3r", "s3cr3t"),
        proxyHeaders: { "x-team": "a" }
      })
      assert.deepStrictEqual(valueOf(one, "proxy-authorization"), [basic])
      assert.deepStrictEqual(valueOf(two, "proxy-authorization"), [])
    })
  )
})
