/**
 * Credentials, cookies and netrc over redirects.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import { basicValue, sessionWithNetrc } from "../support/netrc.js"
import { assertNoSecret, basic, received, safely, tagOf, text, tlsFor } from "../support/redirectFaults.js"
import * as Server from "../support/server.js"
import { asked, redirect, sessionWith, site, values } from "../support/sites.js"

const { response } = Server

/** The origins of a request and of its redirect. */
const crossings: ReadonlyArray<{
  readonly what: string
  readonly from: readonly [scheme: "http" | "https", name: string]
  readonly to: readonly [scheme: "http" | "https", name: string]
}> = [
  { what: "another host", from: ["http", "example.test"], to: ["http", "other.test"] },
  { what: "another port", from: ["http", "example.test"], to: ["http", "example.test"] },
  { what: "https to http", from: ["https", "example.test"], to: ["http", "example.test"] },
  { what: "http to https", from: ["http", "example.test"], to: ["https", "example.test"] },
  { what: "a subdomain", from: ["http", "example.test"], to: ["http", "sub.example.test"] },
  { what: "the domain above", from: ["http", "sub.example.test"], to: ["http", "example.test"] },
  { what: "a longer name", from: ["http", "example.test"], to: ["http", "evilexample.test"] },
  { what: "the name as a prefix", from: ["http", "example.test"], to: ["http", "example.test.evil.test"] },
  { what: "an address for a name", from: ["http", "example.test"], to: ["http", "127.0.0.1"] }
]

/** Ways to set credentials. The first origin receives each of them. */
const credentials: ReadonlyArray<{
  readonly what: string
  readonly header: string
  readonly session?: Session.SessionOptions
  readonly request?: ClientRequest.RequestOptions
  readonly userinfo?: string
}> = [
  { what: "a session header", header: "authorization", session: { headers: { Authorization: "Bearer s3cr3t-t" } } },
  { what: "a header in odd case", header: "authorization", request: { headers: { aUTHORIZATION: "Bearer s3cr3t-t" } } },
  { what: "session auth", header: "authorization", session: { auth: Auth.basic("user", "s3cr3t-pass") } },
  { what: "auth", header: "authorization", request: { auth: Auth.bearer("s3cr3t-t") } },
  { what: "the URL", header: "authorization", userinfo: "user:s3cr3t-pass@" },
  { what: "cookies", header: "cookie", request: { cookies: { sid: "s3cr3t-c" } } },
  { what: "session cookies", header: "cookie", session: { cookies: { sid: "s3cr3t-c" } } },
  { what: "a Cookie header", header: "cookie", request: { headers: { Cookie: "sid=s3cr3t-c" } } },
  {
    what: "Proxy-Authorization",
    header: "proxy-authorization",
    request: { headers: { "Proxy-Authorization": "s3cr3t-p" } }
  },
  {
    what: "Proxy-Authenticate",
    header: "proxy-authenticate",
    request: { headers: { "Proxy-Authenticate": "s3cr3t-p" } }
  },
  { what: "a redacted header", header: "x-tenant", request: { headers: { "X-Tenant": Redacted.make("s3cr3t-h") } } },
  {
    what: "a session's redacted header",
    header: "x-tenant",
    session: { headers: { "X-Tenant": Redacted.make("s3cr3t-h") } }
  },
  { what: "an API key", header: "x-api-key", request: { headers: { "X-API-Key": "s3cr3t-k" } } },
  {
    what: "duplicates",
    header: "x-auth-token",
    request: {
      headers: [
        ["X-Auth-Token", "s3cr3t-1"],
        ["x-auth-token", "s3cr3t-2"]
      ]
    }
  },
  { what: "Host", header: "host", request: { headers: { Host: "s3cr3t-host" } } }
]

describe("credentials and headers bound to an origin", () => {
  for (const { from, to, what } of crossings) {
    it.scopedLive(`are not sent to ${what}, nor after a redirect back`, () =>
      Effect.gen(function* () {
        const tls = yield* tlsFor([from[1], to[1]])
        let away = ""
        const a = yield* site(
          (request) => (request.target === "/back" ? response(200, "back") : redirect(302, away)),
          from[0] === "https" ? tls : undefined
        )
        const b = yield* site(
          (request) => (request.target === "/b" ? redirect(302, "/b2") : redirect(302, a.to(from[1], "/back"))),
          to[0] === "https" ? tls : undefined
        )
        away = b.to(to[1], "/b")
        const context = yield* Ssl.context({ ca: tls.ca })
        for (const given of credentials) {
          // Cookies belong to a host with all ports and schemes (RFC 6265bis section 8.5).
          if (given.what === "session cookies" && from[1] === to[1]) continue
          const parts = yield* sessionWith({ ssl: context, ...given.session })
          const start = a.to(from[1], "/a").replace("://", `://${given.userinfo ?? ""}`)
          const before = { a: (yield* a.requests).length, b: (yield* b.requests).length }
          const exit = yield* safely(parts, [a, b], text(parts.session, start, given.request))
          assert.strictEqual(tagOf(exit), "Success", given.what)
          const [first, back] = (yield* a.requests).slice(before.a)
          const onB = (yield* b.requests).slice(before.b)
          const show = (request: Server.LoggedRequest | undefined) => JSON.stringify(request?.headers)
          assert.match(show(first), /s3cr3t-|dXNlcj/, `${given.what} arrives`)
          assert.strictEqual(onB.length, 2)
          for (const request of onB) assertNoSecret(show(request), `${given.what} at the other origin`)
          // Jar cookies of A apply again: the session's own are in the jar.
          if (given.what !== "session cookies") assertNoSecret(show(back), `${given.what} on the way back`)
          else assert.include(show(back), "s3cr3t-c")
        }
        assertNoSecret(received(b), "the other origin")
      })
    )
  }

  it.scopedLive("are refused before anything is sent if Authorization is set twice", () =>
    Effect.gen(function* () {
      const a = yield* site(() => response(200))
      const parts = yield* sessionWith()
      const exit = yield* safely(
        parts,
        [a],
        text(parts.session, a.to("a.test"), {
          headers: [
            ["authorization", "s3cr3t-1"],
            ["AUTHORIZATION", "s3cr3t-2"]
          ]
        })
      )
      assert.strictEqual(tagOf(exit), "InvalidRequest")
      assert.deepStrictEqual(asked(a), [])
    })
  )

  it.scopedLive("are sent with redirects within the origin", () =>
    Effect.gen(function* () {
      const a = yield* site((request) => (request.target === "/end" ? response(200) : redirect(302, "/end")))
      for (const given of credentials) {
        const parts = yield* sessionWith(given.session ?? {})
        const start = a.to("a.test").replace("://", `://${given.userinfo ?? ""}`)
        const count = (yield* a.requests).length
        assert.strictEqual(tagOf(yield* safely(parts, [a], text(parts.session, start, given.request))), "Success")
        const [first, second] = values(a, given.header).slice(count)
        assert.isNotEmpty(first, given.what)
        assert.deepStrictEqual(second, first, given.what)
      }
    })
  )

  it.scopedLive("and Secure cookies are not sent after a redirect to http, which the history shows", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["example.test"])
      const plain = yield* site(() => response(200, "plain"))
      const secure = yield* site(
        () =>
          redirect(302, plain.to("example.test"), [
            "Set-Cookie: secure=s3cr3t-1; Secure; Path=/",
            "Set-Cookie: plain=1; Path=/"
          ]),
        tls
      )
      const parts = yield* sessionWith({ ssl: yield* Ssl.context({ ca: tls.ca }) })
      const history = parts.session
        .get(secure.to("example.test"))
        .pipe(ClientResponse.use((last) => Effect.succeed([...last.history, last].map(({ url }) => url))))
      assert.deepStrictEqual(yield* history, [secure.to("example.test"), plain.to("example.test")])
      assert.deepStrictEqual(values(plain, "cookie"), [["plain=1"]])
    })
  )
})

describe("session cookies of an https baseUrl", () => {
  it.scopedLive("are Secure, so that a redirect to http does not send them", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["a.test"])
      const b = yield* site(() => response(200))
      const a = yield* site(
        (request) => (request.target === "/" ? redirect(302, "/2") : redirect(302, b.to("a.test"))),
        tls
      )
      const ssl = yield* Ssl.context({ ca: tls.ca })
      const parts = yield* sessionWith({ ssl, baseUrl: a.to("a.test"), cookies: { sid: "s3cr3t-c" } })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, ""))), "Success")
      assert.deepStrictEqual(values(a, "cookie"), [["sid=s3cr3t-c"], ["sid=s3cr3t-c"]])
      assert.deepStrictEqual(values(b, "cookie"), [[]])
      yield* text(parts.session, b.to("a.test"))
      assert.deepStrictEqual(values(b, "cookie"), [[], []])
    })
  )
})

describe("credentials in URLs", () => {
  it.scopedLive("of the first URL are sent with redirects within the origin, and never shown", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200))
      const a = yield* site((request) =>
        request.target === "/" ? redirect(302, "relative") : redirect(302, b.to("b.test"))
      )
      const parts = yield* sessionWith()
      const url = a.to("a.test").replace("://", "://user:s3cr3t-pass@")
      const shown = yield* parts.session
        .get(url)
        .pipe(
          ClientResponse.use((last) =>
            Effect.succeed(
              [...last.history, last].map((hop) => `${hop.url} ${hop.realUrl} ${hop.requestInfo.url} ${hop}`)
            )
          )
        )
      assertNoSecret(shown.join(), "the history")
      assert.deepStrictEqual(values(a, "authorization"), [[basic], [basic]])
      assert.deepStrictEqual(values(b, "authorization"), [[]])
      assert.notMatch(received(a) + received(b), /user:|referer/i)
    })
  )

  it.scopedLive("of a Location are sent to its origin alone", () =>
    Effect.gen(function* () {
      const c = yield* site(() => response(200))
      const b = yield* site((request) =>
        request.target === "/b" ? redirect(302, "/b2") : redirect(302, c.to("c.test"))
      )
      const a = yield* site(() => redirect(302, b.to("b.test", "/b").replace("://", "://user:s3cr3t-pass@")))
      const parts = yield* sessionWith({ auth: Auth.bearer("t") })
      const exit = yield* safely(parts, [a, b, c], text(parts.session, a.to("a.test")))
      assert.strictEqual(tagOf(exit), "Success")
      assert.deepStrictEqual(values(a, "authorization"), [["Bearer t"]])
      assert.deepStrictEqual(values(b, "authorization"), [[basic], [basic]])
      assert.deepStrictEqual(values(c, "authorization"), [[]])
    })
  )

  it.scopedLive("of a Location replace those of the same origin", () =>
    Effect.gen(function* () {
      let home = ""
      const a = yield* site((request) =>
        request.target === "/" ? redirect(302, `${home}end`.replace("://", "://user:s3cr3t-pass@")) : response(200)
      )
      home = a.to("a.test")
      const parts = yield* sessionWith()
      yield* text(parts.session, home, { headers: { Authorization: "Bearer t" } })
      assert.deepStrictEqual(values(a, "authorization"), [["Bearer t"], [basic]])
    })
  )

  it.scopedLive("of a Location are not sent from https to http", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["a.test"])
      const b = yield* site(() => response(200))
      const a = yield* site(() => redirect(302, b.to("b.test").replace("://", "://user:s3cr3t-pass@")), tls)
      const parts = yield* sessionWith({ ssl: yield* Ssl.context({ ca: tls.ca }) })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test")))), "Success")
      assert.deepStrictEqual(values(b, "authorization"), [[]])
    })
  )

  it.scopedLive("of a Location that fails are never shown", () =>
    Effect.gen(function* () {
      const locations = ["http://user:s3cr3t-pass@", "ftp://user:s3cr3t-pass@a.test/", "http://user:s3cr3t-pass@a b/"]
      for (const location of locations) {
        const a = yield* site(() => redirect(302, location))
        const parts = yield* sessionWith()
        assert.strictEqual(tagOf(yield* safely(parts, [a], text(parts.session, a.to("a.test")))), "InvalidURL")
      }
    })
  )

  it.scopedLive("end at the last @ before the host", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200, "b"))
      const a = yield* site(() => redirect(302, `http://a.test:@b.test:${b.port}/`))
      const parts = yield* sessionWith()
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test")))), "Success")
      assert.deepStrictEqual(values(b, "host"), [[`b.test:${b.port}`]])
    })
  )
})

describe("netrc over redirects", () => {
  const chain = Effect.gen(function* () {
    const b = yield* site(() => response(200))
    const a = yield* site(() => redirect(302, b.to("b.test")))
    return { a, b }
  })

  /** [netrc entry of B, the Authorization that B receives] */
  const rows: ReadonlyArray<readonly [entry: string, arrives: ReadonlyArray<string>]> = [
    ["machine b.test login ub password pb", [basicValue("ub", "pb")]],
    ["machine b.test login ub", []],
    ["machine b.test", []],
    ["default", []],
    ["default login d", []],
    ["", []]
  ]
  for (const [entry, arrives] of rows) {
    it.scopedLive(`sends to the second host the credentials of its own entry: ${entry || "none"}`, () =>
      Effect.gen(function* () {
        const { a, b } = yield* chain
        const parts = yield* sessionWithNetrc(`machine a.test login ua password s3cr3t-a\n${entry}\n`)
        assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test")))), "Success")
        assert.deepStrictEqual(values(a, "authorization"), [[basicValue("ua", "s3cr3t-a")]])
        const [got = []] = values(b, "authorization")
        assert.notInclude(got.join(), Buffer.from("s3cr3t-a").toString("base64").slice(0, 8))
        // For an entry without a password B may get no credentials or an empty password, but never the password of A.
        assert.isTrue(got.length === 0 || arrives.includes(got[0] ?? ""), got.join())
      })
    )
  }

  it.scopedLive("does not send a Bearer token for one host to another with its own entry", () =>
    Effect.gen(function* () {
      const { a, b } = yield* chain
      const parts = yield* sessionWithNetrc("machine b.test login ub password pb\n")
      const request = text(parts.session, a.to("a.test"), { auth: Auth.bearer("s3cr3t-t") })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], request)), "Success")
      assert.deepStrictEqual(values(b, "authorization"), [[basicValue("ub", "pb")]])
    })
  )

  it.scopedLive("does not send the password of another login to a URL with a user name", () =>
    Effect.gen(function* () {
      const a = yield* site(() => response(200))
      const parts = yield* sessionWithNetrc("machine a.test login other password s3cr3t-o\n")
      yield* text(parts.session, a.to("a.test").replace("://", "://user@"))
      const [sent = []] = values(a, "authorization")
      for (const value of sent) {
        assert.notInclude(Buffer.from(value.slice("Basic ".length), "base64").toString(), "s3cr3t-o")
      }
    })
  )

  it.scopedLive("is not read on any hop with auth: false", () =>
    Effect.gen(function* () {
      const { a, b } = yield* chain
      const parts = yield* sessionWithNetrc("machine a.test login u password p\nmachine b.test login u password p\n")
      yield* text(parts.session, a.to("a.test"), { auth: false })
      assert.deepStrictEqual([...values(a, "authorization"), ...values(b, "authorization")], [[], []])
    })
  )

  it.scopedLive("sends no entry without TLS after a redirect from https", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["a.test"])
      const b = yield* site((request) => (request.target === "/" ? redirect(302, "/2") : response(200)))
      const a = yield* site(() => redirect(302, b.to("a.test")), tls)
      const parts = yield* sessionWithNetrc("machine a.test login user password s3cr3t-pass\n", {
        ssl: yield* Ssl.context({ ca: tls.ca })
      })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test")))), "Success")
      assert.deepStrictEqual(values(a, "authorization"), [[basic]])
      assert.deepStrictEqual(values(b, "authorization"), [[], []])
      yield* text(parts.session, b.to("a.test"))
      assert.deepStrictEqual(values(b, "authorization").slice(2), [[basic], [basic]])
    })
  )
})
