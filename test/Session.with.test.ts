/** Options that override others: the one closer to the request takes precedence. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Session from "effect-http-session/Session"
import { standard } from "./support/certificates.js"
import { proxyServer } from "./support/proxyServer.js"
import { response } from "./support/server.js"
import { asked, redirect, sessionWith, site, values } from "./support/sites.js"

const header = { headers: { Authorization: "From header" } }
const bearer = { auth: Auth.bearer("option") }
const off = { auth: false } as const
const basic = (user: string) => `Basic ${Buffer.from(`${user}:p`).toString("base64")}`

type Given = Pick<ClientRequest.RequestOptions, "auth" | "headers">

describe("credentials that override others", () => {
  const rows: ReadonlyArray<readonly [name: string, base: Given, over: Given, sent: ReadonlyArray<string>]> = [
    ["auth over a header", header, bearer, ["Bearer option"]],
    ["auth over auth", { auth: Auth.bearer("old") }, bearer, ["Bearer option"]],
    ["a header over auth", bearer, header, ["From header"]],
    ["a header over one in another case", { headers: { authorization: "old" } }, header, ["From header"]],
    ["auth: false over a header", header, off, []],
    ["auth: false over auth", bearer, off, []],
    ["a header over auth: false", off, header, ["From header"]],
    ["auth over auth: false", off, bearer, ["Bearer option"]],
    ["another header over a header", header, { headers: { "x-a": "1" } }, ["From header"]],
    ["another header over auth", bearer, { headers: { "x-a": "1" } }, ["Bearer option"]]
  ]
  for (const [name, base, over, sent] of rows) {
    it.scopedLive(`take precedence in session.with and in withRequestOptions: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* site(() => response(200))
        const url = at.to("a.test")
        const { session } = yield* sessionWith(base)
        yield* session.with(over).get(url).pipe(ClientResponse.text)
        yield* session.get(url).pipe(ClientResponse.text, Session.withRequestOptions(over))
        const plain = yield* sessionWith()
        yield* plain.session
          .get(url)
          .pipe(ClientResponse.text, Session.withRequestOptions(over), Session.withRequestOptions(base))
        yield* plain.session.get(url, over).pipe(ClientResponse.text, Session.withRequestOptions(base))
        assert.deepStrictEqual(values(at, "authorization"), [sent, sent, sent, sent])
      })
    )
  }

  for (const [name, base] of [
    ["auth", bearer],
    ["a header", header]
  ] as const) {
    it.scopedLive(`in a URL take precedence over ${name}, in baseUrl and in a request`, () =>
      Effect.gen(function* () {
        const at = yield* site(() => response(200))
        const withLogin = at.to("u:p@a.test")
        const { session } = yield* sessionWith(base)
        yield* session.with({ baseUrl: withLogin }).get("/").pipe(ClientResponse.text)
        yield* session.get(withLogin).pipe(ClientResponse.text)
        yield* (yield* sessionWith()).session
          .get(new URL(withLogin))
          .pipe(ClientResponse.text, Session.withRequestOptions(base))
        assert.deepStrictEqual(values(at, "authorization"), [[basic("u")], [basic("u")], [basic("u")]])
      })
    )

    it.scopedLive(`take precedence over those of baseUrl: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* site(() => response(200))
        const { session } = yield* sessionWith({ baseUrl: at.to("u:p@a.test") })
        yield* session.with(base).get("/").pipe(ClientResponse.text)
        yield* session.get("/", base).pipe(ClientResponse.text)
        yield* session.with({}).get("/").pipe(ClientResponse.text)
        const sent = base === bearer ? "Bearer option" : "From header"
        assert.deepStrictEqual(values(at, "authorization"), [[sent], [sent], [basic("u")]])
      })
    )
  }

  it.scopedLive("are refused if one place sets two", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith()
      const twice = { ...header, ...bearer }
      for (const request of [
        session.get(at.to("a.test"), twice),
        session.get(at.to("u:p@a.test"), bearer),
        session.get(at.to("u:p@a.test"), header),
        session.get(at.to("a.test")).pipe(Session.withRequestOptions(twice))
      ]) {
        const error = yield* Effect.flip(Effect.scoped(request))
        assert.strictEqual(error._tag === "InvalidRequest" && error.option, "auth")
      }
      assert.deepStrictEqual(asked(at), [])
    })
  )
})

describe("an iterable that can be read only once", () => {
  /** An iterator, which is empty when it is read a second time. */
  const once = <A>(...items: ReadonlyArray<A>): Iterable<A> => items[Symbol.iterator]() as Iterable<A>

  it.scopedLive("works for a session's headers, cookies and skipAutoHeaders, also in derived sessions", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith({
        headers: once(["x-a", "1"] as const),
        skipAutoHeaders: once("user-agent")
      })
      const other = session.with({ headers: once(["x-b", "2"] as const) })
      for (const one of [session, other, other.with({ timeout: "9 seconds" }), other.with({ skipAutoHeaders: [] })]) {
        yield* one.get(at.to("a.test")).pipe(ClientResponse.text)
      }
      assert.deepStrictEqual(values(at, "x-a"), [["1"], ["1"], ["1"], ["1"]])
      assert.deepStrictEqual(values(at, "x-b"), [[], ["2"], ["2"], ["2"]])
      assert.deepStrictEqual(
        values(at, "user-agent").map((agents) => agents.length),
        [0, 0, 0, 1]
      )
    })
  )

  it.scopedLive("works for a request that is run several times, redirected and resent", () =>
    Effect.gen(function* () {
      const at = yield* site(({ target }) => (target === "/" ? redirect(302, "/next") : response(200)))
      const { session } = yield* sessionWith()
      const request = session.get(at.to("a.test"), {
        headers: once(["x-a", "1"] as const),
        cookies: once(["c", "1"] as const),
        skipAutoHeaders: once("user-agent")
      })
      yield* ClientResponse.text(request)
      yield* ClientResponse.text(request)
      assert.deepStrictEqual(values(at, "x-a"), [["1"], ["1"], ["1"], ["1"]])
      assert.deepStrictEqual(values(at, "cookie"), [["c=1"], ["c=1"], ["c=1"], ["c=1"]])
      assert.deepStrictEqual(values(at, "user-agent"), [[], [], [], []])
    })
  )

  it.scopedLive("works for proxyHeaders in each tunnel", () =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const at = yield* site(() => response(200), good)
      const proxy = yield* proxyServer()
      const { session } = yield* sessionWith(
        { proxy: proxy.url, proxyHeaders: once(["x-p", "1"] as const), ssl: false },
        { connector: { forceClose: true } }
      )
      for (const one of [session, session, session.with({})]) {
        yield* one.get(at.to("127.0.0.1")).pipe(ClientResponse.text)
      }
      assert.deepStrictEqual(
        proxy.seen.map(({ headers }) => headers.filter(([name]) => name.toLowerCase() === "x-p").length),
        [1, 1, 1]
      )
    })
  )

  it.scopedLive("works in withRequestOptions for many requests", () =>
    Effect.gen(function* () {
      const at = yield* site(() => response(200))
      const { session } = yield* sessionWith()
      const get = session.get(at.to("a.test"), { headers: { "x-b": "2" } }).pipe(ClientResponse.text)
      yield* Stream.runDrain(Stream.repeatEffect(get).pipe(Stream.take(2))).pipe(
        Session.withRequestOptions({ headers: once(["x-a", "1"] as const), skipAutoHeaders: once("user-agent") })
      )
      assert.deepStrictEqual(values(at, "x-a"), [["1"], ["1"]])
      assert.deepStrictEqual(values(at, "user-agent"), [[], []])
    })
  )
})
