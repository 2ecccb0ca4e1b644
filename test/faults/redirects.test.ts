/**
 * Redirects that try to obtain credentials, cookies, identities, memory or time.
 */
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Redacted, type Scope } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import * as Certificates from "../support/certificates.js"
import { expiring } from "../support/clock.js"
import { invariants } from "../support/invariants.js"
import { basicValue, sessionWithNetrc } from "../support/netrc.js"
import * as Server from "../support/server.js"
import { asked, redirect, type SessionParts, type Site, sessionWith, site, values } from "../support/sites.js"
import { untilValue } from "../support/wait.js"

const { response } = Server

type Tls = { readonly cert: string; readonly key: string }

/** What `Basic` makes of "user:s3cr3t-pass". */
const basic = `Basic ${Buffer.from("user:s3cr3t-pass").toString("base64")}`

/** Everything that came over the wire to a site, as text. */
const received = (at: Server.Server): string =>
  Effect.runSync(at.received)
    .map((bytes) => Buffer.from(bytes).toString("latin1"))
    .join("\n")

/** No secret of the tests, in clear or encoded, is in a text. */
const assertNoSecret = (text: string, where: string): void => {
  for (const secret of ["s3cr3t-", basic.slice("Basic ".length)]) assert.notInclude(text, secret, where)
}

/** Runs a test on sites and a session made before it; all invariants hold after it. */
const safely = <A, E extends ClientError>(
  parts: SessionParts,
  servers: ReadonlyArray<Server.Server>,
  test: Effect.Effect<A, E, Scope.Scope>,
  options: { readonly within?: number; readonly interrupts?: boolean } = {}
) => Effect.map(invariants(test, { ...options, connector: parts.connector, servers, deliveries: 10 }), (exit) => exit)

const tagOf = <A>(exit: Exit.Exit<A, ClientError>): string =>
  Exit.match(exit, {
    onFailure: (cause) => Option.match(Cause.failureOption(cause), { onNone: () => cause._tag, onSome: (e) => e._tag }),
    onSuccess: () => "Success"
  })

const text = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, options).pipe(ClientResponse.text)

/** Certificates for the names of these tests. */
const tlsFor = (names: ReadonlyArray<string>) =>
  Effect.flatMap(Certificates.standard(), ({ authority, ca }) =>
    Effect.map(authority.issue({ names }), (issued): Tls & { readonly ca: string } => ({ ...issued, ca }))
  )

/** Where a redirect leads. */
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

/** How credentials are given. Each is seen at the first origin. */
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
    it.scopedLive(`stay there, also on the next hop and on the way back: ${what}`, () =>
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
          // Cookies belong to a host, whatever its port and scheme (RFC 6265bis section 8.5).
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

  it.scopedLive("are sent along within the origin", () =>
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

  it.scopedLive("stay behind with Secure cookies after a downgrade, which the history shows", () =>
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
  it.scopedLive("of the first URL are sent along within the origin, and never shown", () =>
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

  it.scopedLive("are everything before the last @, which is not part of the host", () =>
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

  /** [entry of B, what B gets] */
  const rows: ReadonlyArray<readonly [entry: string, arrives: ReadonlyArray<string>]> = [
    ["machine b.test login ub password pb", [basicValue("ub", "pb")]],
    ["machine b.test login ub", []],
    ["machine b.test", []],
    ["default", []],
    ["default login d", []],
    ["", []]
  ]
  for (const [entry, arrives] of rows) {
    it.scopedLive(`has an entry for each hop: ${entry || "none"}`, () =>
      Effect.gen(function* () {
        const { a, b } = yield* chain
        const parts = yield* sessionWithNetrc(`machine a.test login ua password s3cr3t-a\n${entry}\n`)
        assert.strictEqual(tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test")))), "Success")
        assert.deepStrictEqual(values(a, "authorization"), [[basicValue("ua", "s3cr3t-a")]])
        const [got = []] = values(b, "authorization")
        assert.notInclude(got.join(), Buffer.from("s3cr3t-a").toString("base64").slice(0, 8))
        // An entry without a password says nothing, or a password that is empty; A's is never in it.
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

describe("names and identities over redirects", () => {
  it.scopedLive("select cookies by the URL's host and not by the Host header", () =>
    Effect.gen(function* () {
      const a = yield* site((request) =>
        request.target === "/" ? redirect(302, "/2", ["Set-Cookie: c=1; Path=/"]) : response(200)
      )
      const parts = yield* sessionWith()
      yield* text(parts.session, a.to("a.test"), { headers: { Host: "virtual.test" } })
      assert.deepStrictEqual(values(a, "host"), [["virtual.test"], ["virtual.test"]])
      assert.deepStrictEqual(values(a, "cookie"), [[], ["c=1"]])
      assert.strictEqual((yield* parts.jar.entries)[0]?.domain, "a.test")
    })
  )

  it.scopedLive("use the next origin's name for TLS", () =>
    Effect.gen(function* () {
      const tlsA = yield* tlsFor(["inner.test"])
      const tlsB = yield* tlsFor(["b.test"])
      const b = yield* site(() => response(200, "b"), tlsB)
      const a = yield* site(() => redirect(302, b.to("b.test")), tlsA)
      const parts = yield* sessionWith({ ssl: yield* Ssl.context({ ca: tlsA.ca }) })
      const request = text(parts.session, a.to("a.test"), { serverHostname: "inner.test" })
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], request)), "Success")
    })
  )

  it.scopedLive("use a client certificate at its origin only, also on the way back", () =>
    Effect.gen(function* () {
      const { ca, client } = yield* Certificates.standard()
      const tls = yield* tlsFor(["a.test", "b.test"])
      const https = yield* Effect.promise(() => import("node:https"))
      const seen: Array<string> = []
      const serve = (name: string, location: (url: string) => string | undefined) =>
        Effect.acquireRelease(
          Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
            const server = https.createServer(
              { cert: tls.cert, key: tls.key, ca, requestCert: true, rejectUnauthorized: false },
              (request, reply) => {
                const socket = request.socket
                const authorized = "authorized" in socket && socket.authorized === true
                seen.push(`${name}${request.url} ${authorized}`)
                const to = location(request.url ?? "")
                if (to === undefined) reply.end()
                else reply.writeHead(302, { location: to }).end()
              }
            )
            server.listen(0, "127.0.0.1", () => {
              const address = server.address()
              resume(
                Effect.succeed({
                  port: typeof address === "object" && address !== null ? address.port : 0,
                  close: () => {
                    server.close()
                    server.closeAllConnections()
                  }
                })
              )
            })
          }),
          ({ close }) => Effect.sync(close)
        )
      let away = ""
      const a = yield* serve("a", (url) => (url === "/" ? "/2" : url === "/2" ? away : undefined))
      const b = yield* serve("b", () => `https://a.test:${a.port}/back`)
      away = `https://b.test:${b.port}/`
      const identity = yield* Ssl.context({ ca, cert: client.cert, key: client.key })
      const anew: Session.SessionOptions["onRedirect"] = ({ next }) =>
        Effect.option(ClientRequest.make("GET", next.url))
      for (const [session, request] of [
        [{ ssl: identity }, {}],
        [{}, { ssl: identity }],
        [{ ssl: identity, onRedirect: anew }, {}]
      ] as const) {
        seen.length = 0
        const parts = yield* sessionWith(session)
        yield* text(parts.session, `https://a.test:${a.port}/`, request)
        assert.deepStrictEqual(seen, ["a/ true", "a/2 true", "b/ false", "a/back false"])
        yield* parts.connector.closeIdle
      }
    })
  )

  it.scopedLive("send no credentials of a session with baseUrl to absolute URLs", () =>
    Effect.gen(function* () {
      const home = yield* site(() => response(200))
      const evil = yield* site(() => response(200))
      for (const options of [
        { headers: { Authorization: "Bearer s3cr3t-t", "X-Api-Key": "s3cr3t-k" }, cookies: { sid: "s3cr3t-c" } },
        { auth: Auth.basic("user", "s3cr3t-pass"), headers: { "X-Tenant": Redacted.make("s3cr3t-h") } }
      ] satisfies ReadonlyArray<Session.SessionOptions>) {
        const parts = yield* sessionWith({ baseUrl: home.to("home.test", "/api/"), ...options })
        for (const url of [evil.to("evil.test"), `//evil.test:${evil.port}/`, home.to("evil.test")]) {
          yield* text(parts.session, url)
        }
        for (const url of [`\\\\evil.test:${evil.port}/`, `/\\evil.test:${evil.port}/`, `\\evil`]) {
          assert.strictEqual(tagOf(yield* Effect.exit(text(parts.session, url))), "InvalidURL", url)
        }
        yield* text(parts.session, "here")
      }
      assertNoSecret(received(evil), "the other host")
      const requests = (yield* home.requests).filter((request) => request.header("host")?.startsWith("evil.test"))
      assertNoSecret(JSON.stringify(requests.map(({ headers }) => headers)), "the other name")
      assert.lengthOf(requests, 2)
    })
  )
})

describe("a redirect", () => {
  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
  const head = (to: string, fields: ReadonlyArray<string>) =>
    ["HTTP/1.1 302 Found", `Location: ${to}`, ...fields, "", ""].join("\r\n")
  const bodies: ReadonlyArray<readonly [what: string, play: (to: string) => Server.Play]> = [
    ["an endless body", (to) => Server.plays(Server.send(head(to, [])), Server.repeat("x".repeat(65536)))],
    [
      "an endless chunked body",
      (to) =>
        Server.plays(
          Server.send(head(to, ["Transfer-Encoding: chunked"])),
          Server.repeat(`4000\r\n${"x".repeat(0x4000)}\r\n`)
        )
    ],
    [
      "a body of one gibibyte",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1073741824"])), Server.repeat("x".repeat(65536)))
    ],
    [
      "a gzip bomb, small on the wire",
      (to) =>
        Server.plays(
          Server.send(head(to, ["Content-Encoding: gzip", `Content-Length: ${bomb.length}`])),
          Server.send(bomb)
        )
    ],
    [
      "a body that drips",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.drip("x".repeat(1000), 1, 20))
    ],
    [
      "a body that is cut",
      (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.send("x"), Server.reset)
    ],
    ["a body that never comes", (to) => Server.plays(Server.send(head(to, ["Content-Length: 1000"])), Server.stall)]
  ]
  for (const [what, play] of bodies) {
    it.scopedLive(`with ${what} is followed promptly and reads little`, () =>
      Effect.gen(function* () {
        const end = yield* site(() => response(200, "end"))
        let written = 0
        const a = yield* Server.server([
          (peer) =>
            Effect.zipRight(peer.request, play(end.to("b.test"))(peer)).pipe(
              Effect.ensuring(
                Effect.sync(() => {
                  written = peer.socket.bytesWritten
                })
              )
            )
        ])
        const parts = yield* sessionWith()
        const exit = yield* safely(parts, [a, end], text(parts.session, `http://a.test:${a.port}/`), { within: 1000 })
        assert.strictEqual(tagOf(exit), "Success")
        // What both kernels buffer beside the 64 KiB that are drained.
        assert.isBelow(written, 32 * 1024 * 1024)
      })
    )
  }

  it.scopedLive("to a hop that does not answer ends in one timeout and leaves nothing open", () =>
    Effect.gen(function* () {
      const b = yield* Server.always(Server.plays(Server.request, Server.stall))
      const silent = (count: number) => untilValue(b.requests, (all) => all.length === count)
      const a = yield* site(() => redirect(302, `http://b.test:${b.port}/`))
      const parts = yield* sessionWith()
      const request = text(parts.session, a.to("a.test"), { timeout: { headers: "5 seconds" } })
      const late = expiring(request, silent(1), 5000)
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], late, { within: 500 })), "SocketTimeoutError")
      const total = expiring(text(parts.session, a.to("a.test"), { timeout: "5 seconds" }), silent(2), 5000)
      assert.strictEqual(tagOf(yield* safely(parts, [a, b], total, { within: 500 })), "TotalTimeoutError")
    })
  )

  it.scopedLive("that is interrupted between two hops leaves nothing open", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200))
      const a = yield* site(() => redirect(302, b.to("b.test"), [], "body"))
      const parts = yield* sessionWith()
      const between = Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          text(parts.session, a.to("a.test"), {
            onRedirect: () => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)
          })
        )
        yield* Deferred.await(reached)
        return yield* Fiber.interrupt(fiber)
      })
      const exit = yield* safely(parts, [a, b], Effect.asVoid(between), { within: 1000 })
      assert.strictEqual(tagOf(exit), "Success")
      assert.deepStrictEqual(asked(b), [])
    })
  )
})

describe("a limit on the second hop", () => {
  const to = (b: Site, options: ClientRequest.RequestOptions & { readonly session?: Session.SessionOptions }) =>
    Effect.gen(function* () {
      const { session: given, ...request } = options
      const a = yield* site(() => redirect(302, b.to("b.test")))
      const parts = yield* sessionWith(given)
      return tagOf(yield* safely(parts, [a, b], text(parts.session, a.to("a.test"), request)))
    })

  it.scopedLive("applies to maxBodySize", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200, "x".repeat(100)))
      assert.strictEqual(yield* to(b, { maxBodySize: 99 }), "ClientPayloadError")
      assert.strictEqual(yield* to(b, { session: { maxBodySize: 99 } }), "ClientPayloadError")
    })
  )

  it.scopedLive("applies to the size of a head", () =>
    Effect.gen(function* () {
      const b = yield* site(() => response(200, "", [`X: ${"x".repeat(1_000_000)}`]))
      assert.strictEqual(yield* to(b, {}), "BadHttpMessage")
    })
  )

  it.scopedLive("applies to decompression", () =>
    Effect.gen(function* () {
      const layers = ["Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip"]
      const b = yield* site(() => response(200, "x", layers))
      assert.strictEqual(yield* to(b, {}), "ClientPayloadError")
    })
  )

  it.scopedLive("applies to verification and pins", () =>
    Effect.gen(function* () {
      const tls = yield* tlsFor(["b.test"])
      const { untrusted } = yield* Certificates.standard()
      const context = yield* Ssl.context({ ca: tls.ca })
      const trusted = yield* site(() => response(200), tls)
      const unknown = yield* site(() => response(200), untrusted)
      assert.strictEqual(yield* to(trusted, { ssl: context }), "Success")
      assert.strictEqual(yield* to(unknown, { ssl: context }), "ClientConnectorSSLError")
      assert.strictEqual(yield* to(trusted, { ssl: Ssl.fingerprint("00".repeat(32)) }), "FingerprintMismatch")
    })
  )
})
