/**
 * Digest authentication at proxies, for forwarded requests and for tunnels.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Stream } from "effect"
import { Auth, ClientRequest, ClientResponse, Errors, Middleware, Proxy, Session } from "effect-http-session"
import { standard } from "./support/certificates.js"
import {
  assertNoSecret,
  failure,
  originServer,
  text,
  tlsOrigin,
  trusting,
  valueOf,
  withSession
} from "./support/proxied.js"
import { type ProxyServer, proxyServer } from "./support/proxyServer.js"
import { echo, webSocketServer } from "./support/webSocketServer.js"

const right = { user: "us3r", password: "s3cr3t" }

const digest = (options: { readonly preemptive?: boolean; readonly password?: string } = {}) =>
  Middleware.digest(Auth.basic("us3r", options.password ?? "s3cr3t"), { proxy: true, ...options })

/** The method of each request to the proxy, with its nonce and the count of the nonce. */
const flow = (proxy: ProxyServer) =>
  proxy.seen.map(({ method }, index) => {
    const [sent] = valueOf(proxy, "proxy-authorization", index) ?? []
    return `${method} ${sent === undefined ? "-" : `${/nonce="([^"]*)"/.exec(sent)?.[1]} ${/nc=(\d+)/.exec(sent)?.[1]}`}`
  })

describe("a tunnel with Digest", () => {
  for (const kind of ["http", "https"] as const) {
    it.scopedLive(`of an ${kind} proxy is requested again with an answer, and is kept`, () =>
      Effect.gen(function* () {
        const { good } = yield* standard()
        const origin = yield* tlsOrigin
        const other = yield* tlsOrigin
        const proxy = yield* proxyServer({ kind, tls: good, digest: right })
        const url = `https://localhost:${origin.port}/x`
        const bodies = yield* withSession(
          Effect.all([text(url), text(url), text(`https://localhost:${other.port}/`)]),
          { proxy: Proxy.make(proxy.url, { ssl: yield* trusting }), middlewares: [yield* digest()] }
        )
        assert.deepStrictEqual(bodies, ["secure", "secure", "secure"])
        // The second request uses the open tunnel, so that no count of the nonce is used for it.
        assert.deepStrictEqual(flow(proxy), ["CONNECT -", "CONNECT n1 00000001", "CONNECT n1 00000002"])
        assert.deepStrictEqual([origin.connections(), other.connections()], [1, 1])
        assert.include(valueOf(proxy, "proxy-authorization", 1)?.[0], `uri="localhost:${origin.port}"`)
        assert.notMatch([...origin.seen, ...other.seen].join(), /proxy-|digest/i)
      })
    )
  }

  it.scopedLive("sends the headers of CONNECT again, and carries a body that can be read once", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const { good } = yield* standard()
      const origin = yield* originServer("secure", {
        tls: good,
        answer: (request, response) => {
          request.on("data", (chunk) => bodies.push(String(chunk))).on("end", () => response.end("posted"))
        }
      })
      const proxy = yield* proxyServer({ digest: right })
      const body = yield* withSession(
        Session.post(`https://localhost:${origin.port}/`, {
          data: ClientRequest.oneShot(Stream.make(new TextEncoder().encode("once"))),
          proxy: proxy.url,
          proxyHeaders: { "x-team": "a" }
        }).pipe(ClientResponse.text),
        { middlewares: [yield* digest()] }
      )
      assert.deepStrictEqual([body, bodies.join("")], ["posted", "once"])
      assert.deepStrictEqual([valueOf(proxy, "x-team", 0), valueOf(proxy, "x-team", 1)], [["a"], ["a"]])
      assert.notMatch(origin.seen.join(), /proxy-|digest|x-team/i)
    })
  )

  it.scopedLive("carries a WebSocket without TLS", () =>
    Effect.gen(function* () {
      const origin = yield* webSocketServer(echo)
      const proxy = yield* proxyServer({ digest: right })
      const data = yield* withSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(`ws://chat.test:${origin.port}/`, { proxy: proxy.url })
          yield* socket.send("through")
          return (yield* socket.receive).data
        }).pipe(Effect.scoped),
        { middlewares: [yield* digest()] }
      )
      assert.strictEqual(data, "through")
      assert.deepStrictEqual(flow(proxy), ["CONNECT -", "CONNECT n1 00000001"])
      assert.notMatch(JSON.stringify(origin.handshakes[0]?.headers), /proxy-/i)
    })
  )

  it.scopedLive(
    "that is refused twice fails without a third CONNECT, shows no secret, and sends no credentials in advance afterwards",
    () =>
      Effect.gen(function* () {
        const origin = yield* tlsOrigin
        const proxy = yield* proxyServer({ digest: { ...right, password: "other" } })
        const url = `https://localhost:${origin.port}/`
        const wrong = yield* digest()
        const errors = yield* withSession(Effect.all([Effect.flip(text(url)), Effect.flip(text(url))]), {
          proxy: proxy.url,
          middlewares: [wrong]
        })
        for (const error of errors) {
          assert.instanceOf(error, Errors.ClientHttpProxyError)
          assert.strictEqual(error.status, 407)
          assertNoSecret(error)
        }
        assert.deepStrictEqual(flow(proxy), ["CONNECT -", "CONNECT n1 00000001", "CONNECT -", "CONNECT n3 00000001"])
        assert.strictEqual(origin.connections(), 0)
      })
  )

  it.scopedLive("answers the challenge again if its nonce is stale", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      let old = ""
      const proxy = yield* proxyServer({ digest: { ...right, isStale: (nonce) => nonce === old } })
      const url = `https://localhost:${origin.port}/`
      const session = Effect.gen(function* () {
        yield* text(url)
        yield* Effect.flatMap(Session.Session, ({ connector }) => connector.closeIdle)
        old = "n1"
        return yield* text(url)
      })
      const body = yield* withSession(session, { proxy: proxy.url, middlewares: [yield* digest()] })
      assert.strictEqual(body, "secure")
      assert.deepStrictEqual(flow(proxy), [
        "CONNECT -",
        "CONNECT n1 00000001",
        "CONNECT n1 00000002",
        "CONNECT n2 00000001"
      ])
    })
  )

  it.scopedLive("with preemptive: false is first requested without an answer each time", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({ digest: { ...right, nonce: () => "n" } })
      const url = `https://localhost:${origin.port}/`
      yield* withSession(Effect.zipRight(text(url), text(url)), {
        proxy: proxy.url,
        middlewares: [yield* digest({ preemptive: false })]
      })
      assert.deepStrictEqual(flow(proxy), ["CONNECT -", "CONNECT n 00000001", "CONNECT -"])
      assert.strictEqual(origin.connections(), 1)
    })
  )

  it.scopedLive("is not shared by requests with other credentials", () =>
    Effect.gen(function* () {
      const origin = yield* tlsOrigin
      const proxy = yield* proxyServer({ digest: { ...right, nonce: (n) => `n${n}` } })
      const url = `https://localhost:${origin.port}/`
      const one = yield* digest()
      const other = yield* digest({ password: "wrong" })
      const outcome = yield* withSession(
        Effect.zipRight(text(url, { middlewares: [one] }), Effect.flip(text(url, { middlewares: [other] }))),
        { proxy: proxy.url }
      )
      assert.strictEqual(outcome._tag, "ClientHttpProxyError")
      assert.strictEqual(origin.connections(), 1)
    })
  )
})

describe("a request that a proxy with Digest forwards", () => {
  it.scopedLive("is answered by the absolute URL, on one connection, and the origin sees no credentials", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const proxy = yield* proxyServer({ digest: right })
      const url = `http://a.test:${origin.port}/p?q=1`
      const bodies = yield* withSession(Effect.all([text(url), text(url)]), {
        proxy: proxy.url,
        middlewares: [yield* digest()]
      })
      assert.deepStrictEqual(bodies, ["plain", "plain"])
      assert.deepStrictEqual(flow(proxy), ["GET -", "GET n1 00000001", "GET n1 00000002"])
      assert.include(valueOf(proxy, "proxy-authorization", 1)?.[0], `uri="${url}"`)
      assert.notMatch(origin.seen.join(), /proxy-|digest/i)
    })
  )

  it.scopedLive("shares the nonce with tunnels", () =>
    Effect.gen(function* () {
      const origin = yield* originServer("plain")
      const secure = yield* tlsOrigin
      const proxy = yield* proxyServer({ digest: right })
      yield* withSession(
        Effect.zipRight(text(`http://a.test:${origin.port}/`), text(`https://localhost:${secure.port}/`)),
        { proxy: proxy.url, middlewares: [yield* digest()] }
      )
      assert.deepStrictEqual(flow(proxy), ["GET -", "GET n1 00000001", "CONNECT n1 00000002"])
    })
  )
})

describe("redirects", () => {
  it.scopedLive("send the answer only to the proxy that sent the challenge", () =>
    Effect.gen(function* () {
      const last = yield* originServer("last")
      const second = yield* originServer("second", {
        answer: (_, response) => response.writeHead(302, { location: `http://127.0.0.1:${last.port}/` }).end()
      })
      const first = yield* originServer("first", {
        answer: (_, response) => response.writeHead(302, { location: `http://b.test:${second.port}/` }).end()
      })
      const one = yield* proxyServer({ digest: right })
      const two = yield* proxyServer()
      const body = yield* withSession(text(`http://a.test:${first.port}/`), {
        proxy: Proxy.route(({ hostname }) =>
          hostname === "a.test" ? one.url : hostname === "b.test" ? two.url : undefined
        ),
        middlewares: [yield* digest()]
      })
      assert.strictEqual(body, "last")
      assert.deepStrictEqual([flow(one), flow(two)], [["GET -", "GET n1 00000001"], ["GET -"]])
      assert.notMatch([...first.seen, ...second.seen, ...last.seen].join(), /proxy-|digest/i)
    })
  )
})

describe("Digest for a proxy", () => {
  it.scopedLive("does not answer a challenge of an origin inside a tunnel", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const origin = yield* originServer("secure", {
        tls: good,
        answer: (_, response) => {
          response.writeHead(407, { "proxy-authenticate": 'Digest realm="x", nonce="y", qop="auth"' }).end("own")
        }
      })
      const proxy = yield* proxyServer()
      const body = yield* withSession(text(`https://localhost:${origin.port}/`), {
        proxy: proxy.url,
        middlewares: [yield* digest()]
      })
      assert.strictEqual(body, "own")
      assert.strictEqual(origin.seen.length, 1)
    })
  )

  for (const [what, challenge] of [
    ["the challenge has another scheme", 'Basic realm="test"'],
    ["the hash is unknown", 'Digest realm="r", nonce="n", algorithm=WHIRLPOOL'],
    ["the challenge is missing", ""]
  ] as const) {
    it.scopedLive(`fails with the first error if ${what}`, () =>
      Effect.gen(function* () {
        const proxy = yield* proxyServer({ refuse: { status: 407, headers: { "Proxy-Authenticate": challenge } } })
        const error = yield* failure(text("https://a.test/"), { proxy: proxy.url, middlewares: [yield* digest()] })
        assert.strictEqual(error._tag, "ClientHttpProxyError")
        assert.strictEqual(proxy.seen.length, 1)
      })
    )
  }

  it.scopedLive("answers neither for a proxy with its own credentials nor after 403", () =>
    Effect.gen(function* () {
      const proxy = yield* proxyServer({ digest: right })
      const refusing = yield* proxyServer({
        refuse: { status: 403, headers: { "Proxy-Authenticate": 'Digest realm="r", nonce="n"' } }
      })
      const middlewares = [yield* digest()]
      const own = yield* failure(text("https://a.test/", { proxy: proxy.url.replace("://", "://a:b@") }), {
        middlewares
      })
      const forbidden = yield* failure(text("https://a.test/", { proxy: refusing.url }), { middlewares })
      assert.deepStrictEqual([own._tag, forbidden._tag], ["ClientHttpProxyError", "ClientHttpProxyError"])
      assert.deepStrictEqual([proxy.seen.length, refusing.seen.length], [1, 1])
    })
  )

  it.scopedLive("hashes an empty body if the proxy offers only auth-int", () =>
    Effect.gen(function* () {
      const answers: Array<string> = []
      const proxy = yield* proxyServer({
        refuse: { status: 407, headers: { "Proxy-Authenticate": 'Digest realm="r", nonce="n", qop="auth-int"' } }
      })
      yield* withSession(Effect.either(Session.post("https://a.test/", { text: "body" }).pipe(ClientResponse.text)), {
        proxy: proxy.url,
        middlewares: [yield* digest()]
      }).pipe(Effect.tap((result) => assert.isTrue(Either.isLeft(result))))
      answers.push(...(valueOf(proxy, "proxy-authorization", 1) ?? []))
      assert.include(answers.join(), "qop=auth-int")
    })
  )
})
