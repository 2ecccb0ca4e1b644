import { mkdtemp, rm, writeFile } from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Layer, Redacted } from "effect"
import { Auth, type ClientRequest, ClientResponse, Errors, Proxy, Session } from "effect-http-session"
import { userAgent } from "../src/internal/request/automaticHeaders.js"
import { standard } from "./support/certificates.js"
import { expiring } from "./support/clock.js"
import {
  type Answer,
  assertNoSecret,
  basic,
  failure,
  type Origin,
  originServer,
  text,
  tlsOrigin,
  trusting,
  valueOf,
  withCredentials,
  withSession
} from "./support/proxied.js"
import { type ProxyServerOptions, proxyServer } from "./support/proxyServer.js"
import { until } from "./support/wait.js"

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

  it.scopedLive("get the proxy's answer as their response", () =>
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
    it.scopedLive(`use a tunnel of an ${name} proxy, which is kept`, () =>
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
    ["the automatic one", {}, {}, [userAgent]],
    ["one in its headers", { headers: { "User-Agent": "robot/1" } }, {}, ["robot/1"]],
    ["none where it is left out", { skipAutoHeaders: ["user-agent"] }, {}, []],
    ["none where it is secret", { headers: { "user-agent": Redacted.make("s3cr3t") } }, {}, []],
    ["the proxy's where that has one", {}, { "user-agent": "proxied/1" }, ["proxied/1"]],
    ["the proxy's in place of its own", { headers: { "user-agent": "robot/1" } }, { "User-Agent": "p/1" }, ["p/1"]]
  ]
  for (const [what, session, headers, agent] of agents) {
    it.scopedLive(`tell the proxy the session's User-Agent: ${what}`, () =>
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
    it.scopedLive(`with a certificate ${what} fail as a proxy error, whatever the request's ssl option is`, () =>
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

  it.scopedLive("that refuses credentials is asked once", () =>
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
        // No other process can listen there, for the origin holds the port.
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

  it.scopedLive("that refuses by SOCKS causes a typed error", () =>
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
    ["gives way to proxy: false", {}, { trustEnv: true }, { proxy: false }],
    ["gives way to NO_PROXY", { NO_PROXY: "127.0.0.1" }, { trustEnv: true }, {}],
    ["takes no HTTP_PROXY in a CGI program", { REQUEST_METHOD: "GET" }, { trustEnv: true }, {}]
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

  it.scopedLive("sends proxyHeaders with CONNECT, and to no origin", () =>
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

  it.scopedLive("takes the socks:// and socks4:// of desktop settings", () =>
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

  it.scopedLive("leaves globs of NO_PROXY to a direct connection", () =>
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

describe("netrc", () => {
  const netrcFile = (lines: string) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "netrc-"))),
        (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
      ),
      (folder) => join(folder, "netrc")
    ).pipe(Effect.tap((path) => Effect.promise(() => writeFile(path, lines))))

  const authorizations = (origin: Origin) =>
    origin.seen.map((request) => /^authorization\n(.*)$/im.exec(request)?.[1] ?? "none")

  const encoded = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`

  const rows: ReadonlyArray<{
    readonly what: string
    readonly lines: string
    readonly userinfo?: string
    readonly options?: ClientRequest.RequestOptions
    readonly session?: Session.SessionOptions
    readonly sent: string
  }> = [
    { what: "gives a target its credentials", lines: "machine 127.0.0.1 login u password p", sent: encoded("u:p") },
    { what: "gives default to any", lines: "default login d password e", sent: encoded("d:e") },
    { what: "gives nothing of other machines", lines: "machine other.test login u password p", sent: "none" },
    {
      what: "is not read without trustEnv",
      lines: "machine 127.0.0.1 login u password p",
      session: {},
      sent: "none"
    },
    {
      what: "is beaten by the URL",
      lines: "machine 127.0.0.1 login u password p",
      userinfo: "x:y@",
      sent: encoded("x:y")
    },
    {
      what: "gives no other's password to a name in the URL",
      lines: "machine 127.0.0.1 login other password p",
      userinfo: "user@",
      sent: encoded("user:")
    },
    {
      what: "gives a name in the URL the password of that login",
      lines: "machine 127.0.0.1 login other password o\nmachine 127.0.0.1 login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "gives a name in the URL the password of default for that login",
      lines: "default login user password p",
      userinfo: "user@",
      sent: encoded("user:p")
    },
    {
      what: "gives nothing to a password without a name",
      lines: "machine 127.0.0.1 login user password p",
      userinfo: ":x@",
      sent: encoded(":x")
    },
    {
      what: "is beaten by auth",
      lines: "machine 127.0.0.1 login u password p",
      options: { auth: Auth.bearer("t") },
      sent: "Bearer t"
    },
    {
      what: "is beaten by a header",
      lines: "machine 127.0.0.1 login u password p",
      options: { headers: { authorization: "Own x" } },
      sent: "Own x"
    },
    {
      what: "is switched off by auth: false",
      lines: "machine 127.0.0.1 login u password p",
      options: { auth: false },
      sent: "none"
    }
  ]
  for (const { lines, options, sent, session = { trustEnv: true }, userinfo = "", what } of rows) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const origin = yield* originServer("plain")
        const path = yield* netrcFile(lines)
        yield* withSession(text(`http://${userinfo}127.0.0.1:${origin.port}/`, options), session).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
        )
        assert.deepStrictEqual(authorizations(origin), [sent])
      })
    )
  }

  for (const [what, lines, options, sent] of [
    [
      "a machine's own, on each hop",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b password 2",
      {},
      [encoded("a:1"), encoded("b:2")]
    ],
    ["nothing where the second has none", "machine 127.0.0.1 login a password 1", {}, [encoded("a:1"), "none"]],
    [
      "nothing if the second has no password",
      "machine 127.0.0.1 login a password 1\nmachine localhost login b",
      {},
      [encoded("a:1"), "none"]
    ],
    [
      "the second's in place of a token for the first",
      "machine localhost login b password 2",
      { auth: Auth.bearer("t") },
      ["Bearer t", encoded("b:2")]
    ]
  ] as const) {
    it.scopedLive(`across origins: ${what}`, () =>
      Effect.gen(function* () {
        const last = yield* originServer("last")
        const first = yield* originServer("first", {
          answer: (_request, response) => {
            response.writeHead(302, { location: `http://localhost:${last.port}/` }).end()
          }
        })
        const path = yield* netrcFile(lines)
        yield* withSession(text(`http://127.0.0.1:${first.port}/`, options), { trustEnv: true }).pipe(
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", path]])))
        )
        assert.deepStrictEqual([...authorizations(first), ...authorizations(last)], [...sent])
      })
    )
  }
})
