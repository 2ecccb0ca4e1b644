/**
 * Cookies over real sockets: where a session sends them, and which cookies of responses it stores.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Tracing from "effect-http-session/Tracing"
import * as Certificates from "./support/certificates.js"
import { proxyServer } from "./support/proxyServer.js"
import * as Server from "./support/server.js"
import { everyTest, redirect, sessionWith, site, values } from "./support/sites.js"

const { response } = Server

/** Answers with the Cookie header, or "none"; /set?line sets a cookie. */
const echo = (tls?: { readonly cert: string; readonly key: string }) =>
  site((request) => {
    const [path = "", query = ""] = request.target.split("?")
    const lines = path === "/set" ? query.split("&").map((line) => `Set-Cookie: ${decodeURIComponent(line)}`) : []
    return response(200, Buffer.from(request.header("cookie") ?? "none", "latin1").toString("utf8"), lines)
  }, tls)

const sent = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, options).pipe(ClientResponse.text)

describe("the cookies of a session", () => {
  it.scopedLive("are sent to every host that a request names, and are stored in the jar", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { jar, session } = yield* sessionWith({ cookies: { a: "1", b: "two" } })
      assert.strictEqual(yield* sent(session, at.to("a.test")), "a=1; b=two")
      assert.strictEqual(yield* sent(session, at.to("other.test", "/deep/path")), "a=1; b=two")
      const stored = yield* jar.filterCookies(at.to("a.test"))
      assert.deepStrictEqual(
        stored.map((cookie) => [cookie.name, cookie.value, cookie.domain, cookie.hostOnly, cookie.path]),
        [
          ["a", "1", "a.test", true, "/"],
          ["b", "two", "a.test", true, "/"]
        ]
      )
    })
  )

  it.scopedLive("are never sent to a host that only a redirect names, nor to its subdomains", () =>
    Effect.gen(function* () {
      const b = yield* echo()
      const a = yield* site((request) =>
        request.target === "/sub" ? redirect(302, b.to("sub.a.test")) : redirect(302, b.to("b.test"))
      )
      const { session } = yield* sessionWith({ cookies: { own: "s3cr3t-1" } })
      assert.strictEqual(yield* sent(session, a.to("a.test")), "none")
      assert.strictEqual(yield* sent(session, a.to("a.test", "/sub")), "none")
      assert.deepStrictEqual(values(a, "cookie"), [["own=s3cr3t-1"], ["own=s3cr3t-1"]])
      assert.strictEqual(yield* sent(session, b.to("b.test")), "own=s3cr3t-1")
    })
  )

  it.scopedLive("are sent only to the host of baseUrl", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith({ cookies: { own: "1" }, baseUrl: at.to("a.test", "/api/") })
      assert.strictEqual(yield* sent(session, "users"), "own=1")
      assert.strictEqual(yield* sent(session, "/root"), "own=1")
      assert.strictEqual(yield* sent(session, at.to("b.test")), "none")
      assert.strictEqual(yield* sent(session, `//b.test:${at.port}/`), "none")
      assert.strictEqual(yield* sent(session, at.to("sub.a.test")), "none")
    })
  )

  it.scopedLive("can be changed and removed by a server for its host", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith({ cookies: { a: "1", b: "2" } })
      yield* sent(session, at.to("a.test", "/set?a=9%3BPath=/&b=%3BMax-Age=0%3BPath=/"))
      assert.strictEqual(yield* sent(session, at.to("a.test")), "a=9")
      assert.strictEqual(yield* sent(session, at.to("b.test")), "a=1; b=2")
    })
  )

  it.scopedLive("are separate for a derived session, which does not set equal cookies again", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith({ cookies: { a: "1" } })
      assert.strictEqual(yield* sent(session, at.to("a.test")), "a=1")
      yield* sent(session, at.to("a.test", "/set?a=2%3BPath=/"))
      assert.strictEqual(yield* sent(session.with({ timeout: "9 seconds" }), at.to("a.test")), "a=2")
      assert.strictEqual(yield* sent(session.with({ cookies: { b: "3" } }), at.to("a.test")), "a=2; b=3")
    })
  )

  it.scopedLive("are sent to an IP address that a request names, also with a strict jar", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const b = yield* site(() => redirect(302, `${at.url}/`))
      for (const unsafe of [false, true]) {
        const jar = yield* CookieJar.make({ unsafe })
        const { session } = yield* sessionWith({ cookies: { a: "1", é: "ü" } }, { jar })
        assert.strictEqual(yield* sent(session, b.to("b.test")), "none")
        assert.strictEqual(yield* sent(session, `${at.url}/`), "a=1; é=ü")
        assert.strictEqual(yield* sent(session, `${at.url}/`, { cookies: { a: "2" } }), "é=ü; a=2")
      }
      const dummy = yield* sessionWith(
        { cookies: { a: "1" } },
        { jar: Effect.runSync(Effect.provide(CookieJar.CookieJar, CookieJar.layerDummy)) }
      )
      assert.strictEqual(yield* sent(dummy.session, `${at.url}/`), "none")
      assert.strictEqual(yield* sent(dummy.session, at.to("a.test")), "none")
    })
  )

  const refused: ReadonlyArray<readonly [what: string, cookies: ClientRequest.CookiesInput]> = [
    ["no name", { "": "1" }],
    ["a name with a space", { "a b": "1" }],
    ["a name with =", { "a=b": "1" }],
    ["a name with ;", { "a;b": "1" }],
    ["a value with ;", { a: "1; Domain=evil" }],
    ["a value with CR LF", { a: "1\r\nX: y" }],
    ["a value with NUL", { a: "\0" }],
    ["a value with half a surrogate pair", { a: "\ud800" }],
    ["more octets than a cookie may have", { a: "é".repeat(2048) }]
  ]
  for (const [what, cookies] of refused) {
    it.scopedLive(`cause a defect when the session is made: ${what}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(Session.layer({ cookies }))))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die" && String(exit.cause.defect).includes("cookie"))
      })
    )
  }
})

describe("the cookies of a request", () => {
  it.scopedLive("take precedence over cookies of the jar and are not stored", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { jar, session } = yield* sessionWith({ cookies: { a: "1", b: "2" } })
      assert.strictEqual(yield* sent(session, at.to("a.test"), { cookies: { b: "x", c: "y" } }), "a=1; b=x; c=y")
      assert.strictEqual(yield* sent(session, at.to("a.test")), "a=1; b=2")
      assert.strictEqual(yield* jar.size, 2)
    })
  )

  it.scopedLive("are sent with redirects within their origin only", () =>
    Effect.gen(function* () {
      const b = yield* echo()
      const a = yield* site((request) =>
        request.target === "/" ? redirect(302, "/home") : redirect(302, b.to("a.test", "/other-port"))
      )
      const { session } = yield* sessionWith()
      assert.strictEqual(yield* sent(session, a.to("a.test"), { cookies: { c: "s3cr3t-1" } }), "none")
      assert.deepStrictEqual(values(a, "cookie"), [["c=s3cr3t-1"], ["c=s3cr3t-1"]])
    })
  )

  const octets: ReadonlyArray<readonly [name: string, value: string]> = [
    ["quotes", '"quoted; not"'.replace(";", ",")],
    ["equals", "a=b==c"],
    ["percent", "%20%3B%zz"],
    ["json", '{"a":[1,2],"b":"\\"}'],
    ["spaces", "a b  c"],
    ["latin1", "é"],
    ["UTF-8", "€ 😀 日本"],
    ["empty", ""]
  ]
  for (const [name, value] of octets) {
    it.scopedLive(`are sent byte for byte: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* echo()
        const own = yield* sessionWith()
        assert.strictEqual(
          yield* sent(own.session, at.to("a.test"), { cookies: { [name]: value } }),
          `${name}=${value}`
        )
        const shared = yield* sessionWith({ cookies: { [name]: value } })
        assert.strictEqual(yield* sent(shared.session, at.to("a.test")), `${name}=${value}`)
        const { jar, session } = yield* sessionWith()
        yield* jar.updateCookies({ [name]: value }, at.to("a.test"))
        assert.strictEqual(yield* sent(session, at.to("a.test")), `${name}=${value}`)
      })
    )
  }

  it.scopedLive("fail the request if they cannot be sent, and nothing is sent", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith()
      for (const cookies of [{ a: "1\r\nX: y" }, { a: "1;2" }, { "a;b": "1" }, { "": "1" }, { a: "\x7f" }]) {
        const error = yield* Effect.flip(sent(session, at.to("a.test"), { cookies }))
        assert.strictEqual(error._tag, "InvalidRequest")
        if (error._tag === "InvalidRequest") assert.strictEqual(error.option, "cookies")
      }
      assert.strictEqual(yield* at.accepted, 0)
    })
  )
})

describe("the cookies of responses", () => {
  it.scopedLive("are set and used on every hop, and the response shows those of the last hop", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/3"
          ? response(200, request.header("cookie") ?? "none", ["Set-Cookie: three=3"])
          : redirect(302, `/${Number(request.target.slice(1)) + 1}`, [
              `Set-Cookie: c${request.target.slice(1)}=1; Path=/`
            ])
      )
      const { jar, session } = yield* sessionWith()
      const last = yield* session
        .get(at.to("a.test", "/1"))
        .pipe(ClientResponse.use((found) => Effect.map(found.text, (text) => ({ text, cookies: found.cookies }))))
      assert.strictEqual(last.text, "c1=1; c2=1")
      assert.deepStrictEqual(Object.keys(last.cookies.cookies), ["three"])
      assert.deepStrictEqual(values(at, "cookie"), [[], ["c1=1"], ["c1=1; c2=1"]])
      assert.strictEqual(yield* jar.size, 3)
    })
  )

  it.scopedLive("are stored if the response is an error, or exceeds the limit of redirects", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/loop"
          ? redirect(302, "/loop", ["Set-Cookie: loop=1; Path=/"])
          : response(500, request.header("cookie") ?? "none", ["Set-Cookie: error=1; Path=/"])
      )
      const { session } = yield* sessionWith({ raiseForStatus: true })
      assert.strictEqual((yield* Effect.flip(sent(session, at.to("a.test"))))._tag, "ClientResponseError")
      assert.strictEqual((yield* Effect.flip(sent(session, at.to("a.test", "/loop"))))._tag, "TooManyRedirects")
      assert.strictEqual(yield* sent(session, at.to("a.test"), { raiseForStatus: false }), "error=1; loop=1")
    })
  )

  it.scopedLive("of 1xx are ignored", () =>
    Effect.gen(function* () {
      const at = yield* site(
        () =>
          `HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\nHTTP/1.1 102 Busy\r\nSet-Cookie: busy=1\r\n\r\n${response(200, "ok", ["Set-Cookie: last=1"])}`
      )
      const { jar, session } = yield* sessionWith()
      assert.strictEqual(yield* sent(session, at.to("a.test")), "ok")
      assert.deepStrictEqual(
        (yield* jar.entries).map(({ name }) => name),
        ["last"]
      )
    })
  )

  it.scopedLive("of CONNECT are ignored, whether the proxy opens the tunnel or refuses", () =>
    Effect.gen(function* () {
      const { ca, good } = yield* Certificates.standard()
      const at = yield* echo(good)
      const refusing = yield* proxyServer({
        refuse: { status: 407, headers: { "Set-Cookie": "proxy=1; Path=/" }, body: "no" }
      })
      const opening = yield* proxyServer({ opening: "HTTP/1.1 200 OK\r\nSet-Cookie: proxy=1; Path=/\r\n\r\n" })
      const { jar, session } = yield* sessionWith({ ssl: yield* Ssl.context({ ca }) })
      const error = yield* Effect.flip(sent(session, at.to("localhost"), { proxy: refusing.url }))
      assert.strictEqual(error._tag, "ClientHttpProxyError")
      assert.strictEqual(yield* jar.size, 0)
      assert.strictEqual(yield* sent(session, at.to("localhost", "/set?own=1"), { proxy: opening.url }), "none")
      assert.deepStrictEqual(
        (yield* jar.entries).map(({ name }) => name),
        ["own"]
      )
    })
  )

  it.scopedLive("are dropped if they are malformed or belong to another host, and the others are stored", () =>
    Effect.gen(function* () {
      const at = yield* site(() =>
        response(200, "", [
          "Set-Cookie: =",
          "Set-Cookie: a=1; Domain=b.test",
          "Set-Cookie: evil=1; Domain=test",
          "Set-Cookie: __Host-x=1; Path=/",
          "Set-Cookie: s=1; Secure",
          "Set-Cookie: good=1"
        ])
      )
      const { jar, session } = yield* sessionWith()
      yield* sent(session, at.to("a.test"))
      assert.deepStrictEqual(
        (yield* jar.entries).map(({ name }) => name),
        ["good"]
      )
    })
  )

  it.scopedLive("are sent to subdomains only with Domain, and to any port and scheme of their host", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const other = yield* echo()
      const { session } = yield* sessionWith()
      yield* sent(session, at.to("www.site.test", "/set?host=1%3BPath=/&domain=1%3BDomain=site.test%3BPath=/"))
      assert.strictEqual(yield* sent(session, other.to("www.site.test")), "host=1; domain=1")
      assert.strictEqual(yield* sent(session, other.to("api.site.test")), "domain=1")
      assert.strictEqual(yield* sent(session, other.to("evilsite.test")), "none")
    })
  )

  it.scopedLive("with Secure are sent over https and to origins that count as secure", () =>
    Effect.gen(function* () {
      const { authority, ca } = yield* Certificates.standard()
      const secure = yield* echo(yield* authority.issue({ names: ["site.test"] }))
      const plain = yield* echo()
      const other = yield* echo()
      const jar = yield* CookieJar.make({ treatAsSecureOrigin: other.to("site.test", "") })
      const { session } = yield* sessionWith({ ssl: yield* Ssl.context({ ca }) }, { jar })
      yield* sent(session, secure.to("site.test", "/set?s=1%3BSecure%3BPath=/&p=1%3BPath=/"))
      assert.strictEqual(yield* sent(session, secure.to("site.test")), "s=1; p=1")
      assert.strictEqual(yield* sent(session, plain.to("site.test")), "p=1")
      assert.strictEqual(yield* sent(session, other.to("site.test")), "s=1; p=1")
    })
  )

  it.scopedLive("with Secure are stored from and sent to http://localhost and its subdomains", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith()
      for (const host of ["localhost", "app.localhost"]) {
        assert.strictEqual(yield* sent(session, at.to(host, "/set?s=1%3BSecure")), "none")
        assert.strictEqual(yield* sent(session, at.to(host)), "s=1")
      }
      yield* sent(session, at.to("site.test", "/set?s=1%3BSecure"))
      assert.strictEqual(yield* sent(session, at.to("site.test")), "none")
    })
  )

  it.scopedLive("cause a signal with the reason and without the value if the jar rejects them", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith()
      const rejected = (url: string) =>
        Effect.map(Tracing.collect(sent(session, url)), ([, signals]) => {
          // The query of the request contains the cookies to set.
          const rejections = signals
            .filter(({ _tag }) => _tag === "CookieRejected")
            .map((signal) => ({ ...signal, url }))
          assert.notInclude(JSON.stringify(rejections).replaceAll(JSON.stringify(url), ""), "s3cr3t")
          return signals.flatMap((signal) =>
            signal._tag === "CookieRejected" ? [`${signal.name} ${signal.domain} ${signal.reason}`] : []
          )
        })
      const from = (host: string, ...lines: ReadonlyArray<string>) =>
        rejected(at.to(host, `/set?${lines.map(encodeURIComponent).join("&")}`))
      assert.deepStrictEqual(
        yield* from(
          "www.site.test",
          "kept=s3cr3t",
          "a=s3cr3t; Secure",
          "b=s3cr3t; Domain=other.test",
          "c=s3cr3t; Domain=test",
          "d=s3cr3t; SameSite=None",
          "__Host-e=s3cr3t; Path=/",
          "__Secure-f=s3cr3t",
          "s3cr3t",
          "\u0001=s3cr3t",
          `g=${"s3cr3t".repeat(700)}`,
          "h=s3cr3t; Domain=site.test"
        ),
        [
          "a www.site.test Insecure",
          "b other.test Domain",
          "c test PublicSuffix",
          "d www.site.test SameSite",
          "__Host-e www.site.test Prefix",
          "__Secure-f www.site.test Prefix",
          " www.site.test Nameless",
          " www.site.test Malformed",
          "g www.site.test TooLarge"
        ]
      )
      assert.deepStrictEqual(yield* from("127.0.0.1", "a=s3cr3t"), ["a 127.0.0.1 Address"])
      const many = Array.from({ length: 52 }, (_, index) => `n${index}=s3cr3t`)
      assert.deepStrictEqual(yield* from("many.test", ...many), ["n50 many.test TooMany", "n51 many.test TooMany"])
      assert.deepStrictEqual(yield* from("kept.test", "a=1", "a=; Max-Age=0"), [])
    })
  )

  it.scopedLive("cause a signal if they would shadow a Secure cookie", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { jar, session } = yield* sessionWith()
      yield* jar.setCookies(["a=1; Secure"], "https://site.test/")
      const [, signals] = yield* Tracing.collect(sent(session, at.to("site.test", "/set?a=2")))
      const seen = signals.map((signal) => (signal._tag === "CookieRejected" ? signal.reason : signal._tag))
      assert.deepStrictEqual(
        seen.filter((each) => each === "Shadow" || each === "RequestEnd"),
        ["Shadow", "RequestEnd"]
      )
    })
  )

  it.scopedLive("cause no signal if a dummy jar ignores them", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith({}, { jar: yield* CookieJar.make({ maxCookies: 0 }) })
      const [, signals] = yield* Tracing.collect(sent(session, at.to("site.test", "/set?a=2&b=1%3BSecure")))
      assert.isFalse(signals.some(({ _tag }) => _tag === "CookieRejected"))
    })
  )

  it.scopedLive("of IP addresses are stored in unsafe jars only", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const strict = yield* sessionWith()
      yield* sent(strict.session, `${at.url}/set?a=1`)
      assert.strictEqual(yield* strict.jar.size, 0)
      const { session } = yield* sessionWith({}, { jar: yield* CookieJar.make({ unsafe: true }) })
      yield* sent(session, `${at.url}/set?a=1`)
      assert.strictEqual(yield* sent(session, `${at.url}/`), "a=1")
      assert.strictEqual(yield* sent(session, at.to("localhost")), "none")
    })
  )

  it.scopedLive("are sent back byte for byte in any encoding", () =>
    Effect.gen(function* () {
      const latin1 = Buffer.from(
        'HTTP/1.1 200 OK\r\nSet-Cookie: l=\xe9\r\nSet-Cookie: q="a b,c"\r\nContent-Length: 0\r\n\r\n',
        "latin1"
      )
      const at = yield* Server.server([
        Server.plays(Server.request, Server.send(latin1), Server.request, Server.respond(200))
      ])
      const { session } = yield* sessionWith()
      yield* sent(session, `http://a.test:${at.port}/`)
      yield* sent(session, `http://a.test:${at.port}/`)
      assert.deepStrictEqual(values(at, "cookie"), [[], ['l=\xe9; q="a b,c"']])
    })
  )
})

describe("the jar", () => {
  it.scopedLive("of one layer is shared by all sessions that use the layer", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const Jar = CookieJar.layer()
      const Parts = Layer.mergeAll(Connector.layerTcp({ resolver: everyTest }), Jar)
      const two = Effect.gen(function* () {
        const first = yield* Session.make()
        const second = yield* Session.make({ cookies: { own: "1" } })
        const jar = yield* CookieJar.CookieJar
        assert.strictEqual(first.cookieJar, jar)
        yield* sent(first, at.to("a.test", "/set?a=1"))
        return yield* sent(second, at.to("a.test"))
      })
      assert.strictEqual(yield* two.pipe(Effect.provide(Parts), Effect.scoped), "a=1; own=1")
      const separate = Effect.gen(function* () {
        yield* sent(yield* Session.Session, at.to("a.test", "/set?a=1"))
        return yield* Effect.provide(
          Effect.flatMap(Session.Session, (session) => sent(session, at.to("a.test"))),
          Session.layer({ connector: { resolver: everyTest } })
        )
      })
      assert.strictEqual(
        yield* separate.pipe(Effect.provide(Session.layer({ connector: { resolver: everyTest } }))),
        "none"
      )
    })
  )

  it.scopedLive("of the context is used by layerWithoutDependencies", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const jar = yield* CookieJar.make()
      yield* jar.updateCookies({ shared: "1" })
      const layer = Session.layerWithoutDependencies().pipe(
        Layer.provide([Connector.layerTcp({ resolver: everyTest }), Layer.succeed(CookieJar.CookieJar, jar)])
      )
      const header = yield* Effect.provide(
        Effect.flatMap(Session.Session, (session) => sent(session, at.to("a.test"))),
        layer
      )
      assert.strictEqual(header, "shared=1")
    })
  )

  it.scopedLive("of layerDummy stores and sends nothing, and the request's own cookies are sent", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const layer = Session.layerWithoutDependencies().pipe(
        Layer.provide([Connector.layerTcp({ resolver: everyTest }), CookieJar.layerDummy])
      )
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* sent(session, at.to("a.test", "/set?a=1"))
        assert.strictEqual(yield* sent(session, at.to("a.test")), "none")
        assert.strictEqual(yield* sent(session, at.to("a.test"), { cookies: { b: "2" } }), "b=2")
      }).pipe(Effect.provide(layer))
    })
  )

  /** A jar of the program, of which the session knows only the effects. */
  const foreign = Effect.map(CookieJar.make(), (inner) => {
    const calls: Array<string> = []
    const jar: CookieJar.CookieJarService = {
      ...inner,
      setCookies: (lines, url) =>
        Effect.zipRight(
          Effect.sync(() => calls.push(`set ${[...lines].join()} from ${new URL(String(url)).pathname}`)),
          inner.setCookies(lines, url)
        ),
      cookieHeader: (url) =>
        Effect.zipRight(
          Effect.sync(() => calls.push(`header for ${new URL(String(url)).pathname}`)),
          inner.cookieHeader(url)
        )
    }
    return { jar, calls }
  })

  it.scopedLive("of the program is read on every hop, and stores the cookies of the session", () =>
    Effect.gen(function* () {
      const at = yield* site((request) =>
        request.target === "/end"
          ? response(200, Buffer.from(request.header("cookie") ?? "none", "latin1").toString())
          : redirect(302, "/end", ["Set-Cookie: a=1; Path=/"])
      )
      const { calls, jar } = yield* foreign
      const { session } = yield* sessionWith({ cookies: { own: "é" } }, { jar })
      assert.strictEqual(yield* sent(session, at.to("a.test")), "own=é; a=1")
      assert.deepStrictEqual(calls.slice(0, 3), ["header for /", "set a=1; Path=/ from /", "header for /end"])
      const b = yield* site(() => redirect(302, at.to("c.test", "/end")))
      assert.strictEqual(yield* sent(session, b.to("b.test")), "none")
      assert.deepStrictEqual(values(b, "cookie"), [[Buffer.from("own=é").toString("latin1")]])
    })
  )

  it.scopedLive("of the program fails only its own request with a defect", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { jar } = yield* foreign
      let broken = true
      const { connector, session } = yield* sessionWith(
        {},
        {
          jar: {
            ...jar,
            setCookies: (lines, url) => (broken ? Effect.die("broken jar") : jar.setCookies(lines, url))
          }
        }
      )
      const exit = yield* Effect.exit(sent(session, at.to("a.test", "/set?a=1")))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      broken = false
      assert.strictEqual(yield* sent(session, at.to("a.test")), "none")
      assert.deepInclude(yield* connector.stats, { acquired: 0 })
    })
  )

  it.scopedLive("of the program cannot exceed the request's total limit", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { jar } = yield* foreign
      const { session } = yield* sessionWith({}, { jar: { ...jar, cookieHeader: () => Effect.never } })
      const error = yield* Effect.flip(sent(session, at.to("a.test"), { timeout: "50 millis" }))
      assert.strictEqual(error._tag, "TotalTimeoutError")
    })
  )

  it.scopedLive("adds its cookies after a Cookie header of the request", () =>
    Effect.gen(function* () {
      const at = yield* echo()
      const { session } = yield* sessionWith({ cookies: { jar: "1" } })
      const header = yield* sent(session, at.to("a.test"), { headers: { cookie: "h=1" }, cookies: { own: "1" } })
      assert.strictEqual(header, "h=1; jar=1; own=1")
      assert.deepStrictEqual(values(at, "cookie"), [["h=1; jar=1; own=1"]])
    })
  )
})
