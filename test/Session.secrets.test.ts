/** A session sends secrets only to the host that they belong to, on every path of a request. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import { parseTarget, resolveLocation, Target } from "../src/internal/http/target.js"
import { authorizationOf } from "../src/internal/request/authorization.js"
import { mergeOptions, mergeSessionOptions } from "../src/internal/request/mergeOptions.js"
import { standard } from "./support/certificates.js"
import { basicValue, sessionWithNetrc } from "./support/netrc.js"
import { proxyServer } from "./support/proxyServer.js"
import { response } from "./support/server.js"
import { asked, redirect, sessionWith, site, values } from "./support/sites.js"

const text = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, options).pipe(ClientResponse.text)

/** A server without TLS, and one with TLS whose responses depend on the URL of the first. */
const both = (answer: (plain: string) => string, host = "localhost") =>
  Effect.gen(function* () {
    const { authority, ca } = yield* standard()
    const plain = yield* site(() => response(200))
    const secure = yield* site(() => answer(plain.to(host)), yield* authority.issue({ names: [host] }))
    return { plain, secure, ssl: yield* Ssl.context({ ca }) }
  })

describe("the URL of a request", () => {
  it.scopedLive("has the scheme of baseUrl if it begins with two slashes", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith({ baseUrl: at.to("a.test") })
      yield* text(session, `//other.test:${at.port}/x`)
      const alone = yield* Effect.flip(ClientRequest.make("GET", `//other.test:${at.port}/y`))
      assert.strictEqual(alone._tag === "InvalidURL" && alone.reason, "Relative")
      const secure = parseTarget("https://secure.test/", false)
      const other = secure instanceof Target ? parseTarget(`//other.test:${at.port}/z`, false, secure) : secure
      assert.strictEqual(other instanceof Target && other.url, `https://other.test:${at.port}/z`)
    })
  )

  const base = parseTarget("http://a.test/", false)
  const locations: ReadonlyArray<readonly [string, boolean]> = [
    ["http://127.0.0.1/", true],
    ["http://127.0.0.1:81/0x7f.1", true],
    ["//u@127.0.0.1/", true],
    ["http://2130706433/?127.0.0.1", false],
    ["http://0x7f.1/#127.0.0.1", false],
    ["http://127.0.0.1@0x7f.1/", false],
    ["http://0x7f.1/127.0.0.1", false],
    ["https:0x7f.1/127.0.0.1", false]
  ]
  for (const [location, good] of locations) {
    it(`${location} ${good ? "is" : "is not"} followed, because an IP address needs its canonical spelling`, () => {
      assert.instanceOf(base, Target)
      assert.strictEqual(base instanceof Target && resolveLocation(location, base, true) instanceof Target, good)
    })
  }

  it.scopedLive("can have a scheme of WebSockets for WebSockets only, also if a middleware sets it", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const request = ClientRequest.setUrl(yield* ClientRequest.make("GET", at.to("a.test")), `ws://a.test:${at.port}/`)
      const { session } = yield* sessionWith()
      assert.strictEqual((yield* Effect.flip(session.execute(request).pipe(ClientResponse.text)))._tag, "InvalidURL")
      assert.deepStrictEqual(asked(at), [])
    })
  )
})

describe("a WebSocket", () => {
  it.scopedLive("keeps its tunnel through a proxy if a middleware changes the URL", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      for (const change of [() => `http://127.0.0.1:${at.port}/ws`, (url: string) => `${url}?x=1`]) {
        const proxy = yield* proxyServer()
        const { session } = yield* sessionWith({
          proxy: proxy.url,
          middlewares: [(request, next) => next(ClientRequest.setUrl(request, change(request.url)))]
        })
        yield* Effect.either(session.webSocket(`ws://127.0.0.1:${at.port}/`))
        assert.deepStrictEqual(
          proxy.seen.map(({ method }) => method),
          ["CONNECT"]
        )
      }
    })
  )
})

describe("the session cookies", () => {
  it.scopedLive("of an https address are not sent without TLS", () =>
    Effect.gen(function* () {
      const { ca, good } = yield* standard()
      const plain = yield* site(() => response(200))
      const secure = yield* site(() => redirect(302, plain.to("127.0.0.1")), good)
      const ssl = yield* Ssl.context({ ca })
      const { session } = yield* sessionWith({ baseUrl: secure.to("127.0.0.1"), cookies: { sid: "1" }, ssl })
      yield* text(session, "/")
      assert.deepStrictEqual([values(secure, "cookie"), values(plain, "cookie")], [[["sid=1"]], [[]]])
    })
  )

  /** A jar of the program, of which the session knows only the effects. */
  const foreign = (jar: CookieJar.CookieJarService, slow = 0): CookieJar.CookieJarService => ({
    ...jar,
    updateCookies: (cookies, url) => Effect.zipRight(Effect.sleep(slow), jar.updateCookies(cookies, url))
  })

  it.scopedLive("of an https host are not sent without TLS if the program provides the jar", () =>
    Effect.gen(function* () {
      const { plain, secure, ssl } = yield* both((url) => redirect(302, url), "site.test")
      const options = { baseUrl: secure.to("site.test"), cookies: { sid: "1" }, ssl }
      const { session } = yield* sessionWith(options, { jar: foreign(yield* CookieJar.make()) })
      yield* text(session, "/")
      assert.deepStrictEqual([values(secure, "cookie"), values(plain, "cookie")], [[["sid=1"]], [[]]])
    })
  )

  it.scopedLive("are sent by concurrent requests and after an interrupted one if the jar is slow", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith({ cookies: { sid: "1" } }, { jar: foreign(yield* CookieJar.make(), 50) })
      yield* Effect.either(Effect.timeout(text(session, at.to("a.test")), "10 millis"))
      yield* Effect.all([text(session, at.to("a.test")), text(session, at.to("a.test"))], { concurrency: 2 })
      assert.deepStrictEqual(values(at, "cookie"), [["sid=1"], ["sid=1"]])
    })
  )
})

describe("a netrc file", () => {
  const content = "machine a.test login user password pw\nmachine localhost login user password pw"

  it.scopedLive(
    "provides the password for a user name in a URL, after redirects, under a baseUrl and for request values",
    () =>
      Effect.gen(function* () {
        const at = yield* site(({ target }) => (target === "/" ? redirect(302, "/end") : response(200)))
        const named = at.to("user@a.test")
        const { session } = yield* sessionWithNetrc(content)
        yield* text(session, named)
        yield* session.execute(yield* ClientRequest.make("GET", `${named}x`)).pipe(ClientResponse.text)
        yield* text((yield* sessionWithNetrc(content, { baseUrl: named })).session, "x")
        assert.deepStrictEqual(values(at, "authorization"), Array(4).fill([basicValue("user", "pw")]))
      })
  )

  it.scopedLive("is not read by a derived session that no longer trusts the environment", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWithNetrc(content)
      yield* text(session.with({ trustEnv: false }), at.to("a.test"))
      yield* text(session.with({}), at.to("a.test"))
      assert.deepStrictEqual(values(at, "authorization"), [[], [basicValue("user", "pw")]])
    })
  )

  it.scopedLive("sends nothing without TLS to a URL that an https page names", () =>
    Effect.gen(function* () {
      const { plain, secure, ssl } = yield* both((url) => response(200, "", [`Link: <${url}>; rel="next"`]))
      const { session } = yield* sessionWithNetrc(content, { ssl })
      yield* Stream.runDrain(Session.paginate(secure.to("localhost"), (page) => page.text)).pipe(
        Effect.provideService(Session.Session, session)
      )
      assert.deepStrictEqual(
        [values(secure, "authorization"), values(plain, "authorization")],
        [[[basicValue("user", "pw")]], [[]]]
      )
    })
  )
})

describe("credentials", () => {
  it.scopedLive("in URLs are not used if the session has auth: false and the request does not set auth", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith({ auth: false })
      for (const options of [undefined, {}, { timeout: "5 seconds" }] as const) {
        yield* text(session, at.to("u:p@a.test"), options)
      }
      assert.deepStrictEqual(values(at, "authorization"), [[], [], []])
    })
  )

  it.scopedLive("of the session are not sent with a request that a hook makes for another origin", () =>
    Effect.gen(function* () {
      const away = yield* site(() => response(200))
      const home = yield* site(({ target }) =>
        redirect(302, target === "/" ? "/here" : target === "/here" ? away.to("b.test") : "/")
      )
      const { session } = yield* sessionWith({
        auth: Auth.basic("u", "p"),
        headers: { "X-Api-Key": Redacted.make("k") },
        onRedirect: ({ next }) => Effect.map(Effect.orDie(ClientRequest.make("GET", next.url)), Option.some)
      })
      yield* text(session, home.to("a.test"))
      assert.deepStrictEqual(
        [home, away].map((at) => [values(at, "authorization"), values(at, "x-api-key")]),
        [
          [
            [[basicValue("u", "p")], [basicValue("u", "p")]],
            [["k"], ["k"]]
          ],
          [[[]], [[]]]
        ]
      )
    })
  )

  it.scopedLive("of a request take precedence over those of withRequestOptions", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith()
      const outer = Session.withRequestOptions({ auth: Auth.basic("outer", "x"), cookies: { c: "outer" } })
      const own = [
        yield* ClientRequest.make("GET", at.to("a.test"), { auth: Auth.basic("own", "1"), cookies: { c: "own" } }),
        yield* ClientRequest.make("GET", at.to("a.test"), { headers: { authorization: "Own 2" } }),
        yield* ClientRequest.make("GET", at.to("own:3@a.test"))
      ]
      for (const request of own) yield* session.execute(request).pipe(ClientResponse.text, outer)
      yield* text(session, at.to("a.test"), { headers: { authorization: "Own 4" } }).pipe(outer)
      assert.deepStrictEqual(values(at, "authorization"), [
        [basicValue("own", "1")],
        ["Own 2"],
        [basicValue("own", "3")],
        ["Own 4"]
      ])
      assert.deepStrictEqual(values(at, "cookie")[0], ["c=own"])
    })
  )

  it("of a proxy are not sent to another proxy", () => {
    const base = { proxy: "http://one.test", proxyAuth: Auth.basic("u", "p"), proxyHeaders: { "x-key": "k" } }
    for (const merge of [mergeOptions, mergeSessionOptions]) {
      assert.deepStrictEqual(merge(base, { proxy: "http://two.test" }), { proxy: "http://two.test" })
      assert.deepStrictEqual(merge(base, { timeout: "1 second" }), { ...base, timeout: "1 second" })
    }
  })

  it.scopedLive("by Digest with -sess continue to count for requests that got the same nonce", () =>
    Effect.gen(function* () {
      let last = 0
      const at = yield* site((request) => {
        const count = Number.parseInt(/nc=(\w+)/.exec(request.header("authorization") ?? "")?.[1] ?? "0", 16)
        const challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'
        if (count <= last) return response(401, "", [challenge])
        last = count
        return response(200)
      })
      const { session } = yield* sessionWith({ middlewares: [yield* Middleware.digest(Auth.basic("u", "p"))] })
      const status = session.get(at.to("a.test")).pipe(ClientResponse.use(({ status }) => Effect.succeed(status)))
      assert.deepStrictEqual(yield* Effect.all([status, status, status], { concurrency: 3 }), [200, 200, 200])
    })
  )

  it.scopedLive("with a wiped token fail with a typed error", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const token = Redacted.make("t")
      Redacted.unsafeWipe(token)
      const { session } = yield* sessionWith({
        middlewares: [yield* Middleware.bearerRefresh({ token: Effect.succeed(token) })]
      })
      const error = yield* Effect.flip(text(session, at.to("a.test")))
      assert.strictEqual(error._tag === "MiddlewareError" && error.reason, "TokenRefresh")
    })
  )

  it.scopedLive("of a proxy are not sent to another proxy that execute names", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const [one, two] = [yield* proxyServer(), yield* proxyServer()]
      const { session } = yield* sessionWith()
      const url = `http://127.0.0.1:${at.port}/`
      const request = yield* ClientRequest.make("GET", url, { proxy: one.url, proxyAuth: Auth.basic("u", "p") })
      yield* session.execute(request).pipe(ClientResponse.text)
      yield* session.execute(request, { proxy: two.url }).pipe(ClientResponse.text)
      const sent = [one, two].map(({ seen }) =>
        seen.map(({ headers }) => headers.filter(([name]) => name.toLowerCase() === "proxy-authorization").length)
      )
      assert.deepStrictEqual(sent, [[1], [0]])
    })
  )

  it("are not sent after they were wiped", () => {
    const password = Redacted.make("p")
    const credentials = Auth.basic("u", password)
    assert.strictEqual(authorizationOf(credentials)._tag, "Right")
    Redacted.unsafeWipe(password)
    assert.strictEqual(authorizationOf(credentials)._tag, "Left")
  })
})

describe("a session", () => {
  it.scopedLive("shows no secret when it is printed", () =>
    Effect.gen(function* () {
      const { session } = yield* sessionWith({
        baseUrl: "https://u:s3cr3t@a.test/",
        headers: { "X-Api-Key": Redacted.make("s3cr3t"), cookie: "s3cr3t" },
        cookies: { a: "s3cr3t" },
        proxy: "http://u:s3cr3t@b.test"
      })
      const shown = inspect(session, { depth: 12 }) + JSON.stringify(session)
      assert.notInclude(shown, "s3cr3t")
      assert.include(shown, "https://a.test/")
    })
  )

  it.scopedLive("passes no params to a redirect hook, because the URL already has them", () =>
    Effect.gen(function* () {
      const at = yield* site(({ target }) => (target.startsWith("/?") ? redirect(302, "/end?b=2") : response(200)))
      const { session } = yield* sessionWith({
        onRedirect: ({ next }) =>
          Effect.map(Effect.orDie(ClientRequest.make("GET", next.url, next.options)), Option.some)
      })
      yield* text(session, at.to("a.test"), { params: { a: "1" } })
      assert.deepStrictEqual(asked(at), ["GET /?a=1", "GET /end?b=2"])
    })
  )
})
