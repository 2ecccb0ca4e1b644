/** The requests of sessions that share a stored response, over mocks that respond with the number of the request. */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, TestClock } from "effect"
import { Auth, type ClientRequest, ClientResponse, Middleware, Proxy, type Session, Ssl } from "effect-http-session"
import { standard } from "../../../support/certificates.js"
import { recordingStore } from "../../../support/recordingStore.js"
import { cacheable, type Given, type Site, sessionOn, site, text, url } from "./sites.js"

/** Two requesters with one cache. */
const both = (at: Site, a: Given, b: Given) =>
  Effect.gen(function* () {
    const cache = yield* Middleware.cache()
    const withCache = (given: Given): Given => ({
      ...given,
      session: { ...given.session, middlewares: [...(given.session?.middlewares ?? []), cache] }
    })
    const first = yield* sessionOn(at, withCache(a))
    const second = yield* sessionOn(at, withCache(b))
    return { a: text(first, a), b: text(second, b), first, second, cache }
  })

const header = (name: string, value: ClientRequest.HeaderValue): Given => ({ request: { headers: { [name]: value } } })

type Row = readonly [name: string, a: Given, b: Given]

const ssl = (value: Ssl.Ssl): Given => ({ request: { ssl: value } })
const proxied = (options: ClientRequest.RequestOptions, target = url): Given => ({ request: options, url: target })

/** Pairs that must not share a response. Every secret contains "s3cret". */
const apart: Effect.Effect<ReadonlyArray<Row>> = Effect.gen(function* () {
  const { authority, ca, client, untrustedAuthority } = yield* standard()
  const other = yield* authority.issue({ names: ["other"], client: true })
  const context = (options: Ssl.ContextOptions) => Effect.orDie(Ssl.context(options))
  const trusting = yield* context({ ca })
  const fingerprint = (digit: string) => Ssl.fingerprint(digit.repeat(64))
  const http = "http://a.test/x"
  const proxy = "http://proxy.test:3128"
  const secure = (ssl: Ssl.Ssl) => Proxy.make("https://proxy.test:3128", { ssl })
  const basic = (password: string) => Auth.basic("u", password)
  return [
    ["no verification and verification", ssl(false), {}],
    ["a pin and none", ssl(fingerprint("a")), {}],
    ["two pins", ssl(fingerprint("a")), ssl(fingerprint("b"))],
    ["a pin and no verification", ssl(fingerprint("a")), ssl(false)],
    ["another authority and the bundled ones", ssl(trusting), {}],
    ["two authorities", ssl(trusting), ssl(yield* context({ ca: untrustedAuthority.ca.cert }))],
    ["a context that verifies and one that does not", ssl(trusting), ssl(yield* context({ ca, verify: false }))],
    [
      "two client certificates",
      ssl(yield* context({ ca, cert: client.cert, key: client.key })),
      ssl(yield* context({ ca, cert: other.cert, key: other.key }))
    ],
    ["a client certificate and none", ssl(yield* context({ ca, cert: client.cert, key: client.key })), ssl(trusting)],
    ["two lists of ALPN", ssl(yield* context({ ca, alpn: ["http/1.1"] })), ssl(yield* context({ ca, alpn: ["x"] }))],
    ["two versions of TLS", ssl(yield* context({ ca, minVersion: "TLSv1.3" })), ssl(trusting)],
    ["a serverHostname and none", { request: { serverHostname: "b.test" } }, {}],
    ["a session's ssl and none", { session: { ssl: false } }, {}],
    ["a Host header and none", header("Host", "b.test"), {}],
    ["two Host headers", header("Host", "b.test"), header("Host", "c.test")],
    ["X-Forwarded-Host and none", header("X-Forwarded-Host", "b.test"), {}],
    ["a proxy and none", proxied({ proxy }), {}],
    ["a proxy and none, for http", proxied({ proxy }, http), { url: http }],
    ["two proxies", proxied({ proxy }), proxied({ proxy: "http://proxy.test:3129" })],
    ["SOCKS and http", proxied({ proxy: "socks5://proxy.test:1080" }), proxied({ proxy: "http://proxy.test:1080" })],
    [
      "SOCKS that resolves and that does not",
      proxied({ proxy: "socks5://proxy.test:1080" }),
      proxied({ proxy: "socks5h://proxy.test:1080" })
    ],
    [
      "two passwords of SOCKS",
      proxied({ proxy: "socks5://u:s3cret1@proxy.test:1080" }),
      proxied({ proxy: "socks5://u:s3cret2@proxy.test:1080" })
    ],
    [
      "two passwords of a proxy",
      proxied({ proxy, proxyAuth: basic("s3cret1") }, http),
      proxied({ proxy, proxyAuth: basic("s3cret2") }, http)
    ],
    [
      "two values of proxyHeaders",
      proxied({ proxy, proxyHeaders: { "x-route": "s3cret1" } }),
      proxied({ proxy, proxyHeaders: { "x-route": "s3cret2" } })
    ],
    [
      "a proxy that is verified and one that is not",
      proxied({ proxy: secure(true) }),
      proxied({ proxy: secure(false) })
    ],
    [
      "a proxy of the environment and none",
      { session: { trustEnv: true }, env: { https_proxy: "http://u:s3cret@proxy.test" } },
      {}
    ],
    ["Basic of two users", { request: { auth: basic("s3cret1") } }, { request: { auth: basic("s3cret2") } }],
    ["a token and none", { request: { auth: Auth.bearer("s3cret") } }, {}],
    ["two Authorization headers", header("authorization", "X s3cret1"), header("authorization", "X s3cret2")],
    ["credentials of a session and none", { session: { auth: basic("s3cret") } }, {}],
    ["credentials in the URL and none", { url: "https://u:s3cret@a.test/x" }, {}],
    ["two passwords in the URL", { url: "https://u:s3cret1@a.test/x" }, { url: "https://u:s3cret2@a.test/x" }],
    ["two Cookie headers", header("Cookie", "a=s3cret1"), header("Cookie", "a=s3cret2")],
    ["cookies of the request and none", { request: { cookies: { a: "s3cret" } } }, {}],
    ["cookies of two sessions", { session: { cookies: { a: "s3cret1" } } }, { session: { cookies: { a: "s3cret2" } } }],
    ["two values of X-Api-Key", header("X-Api-Key", "s3cret1"), header("X-Api-Key", "s3cret2")],
    ["X-Auth-Token and none", header("X-Auth-Token", "s3cret"), {}],
    ["Private-Token and none", header("private-token", "s3cret"), {}],
    ["a subscription key and none", header("Ocp-Apim-Subscription-Key", "s3cret"), {}],
    ["two users", header("X-Remote-User", "s3cret1"), header("X-Remote-User", "s3cret2")],
    ["a redacted header and none", header("X-Plain", Redacted.make("s3cret")), {}],
    [
      "two values of a redacted header",
      header("X-Plain", Redacted.make("s3cret1")),
      header("X-Plain", Redacted.make("s3cret2"))
    ],
    ["a redacted header and a plain one", header("X-Plain", Redacted.make("s3cret")), header("X-Plain", "other")],
    ["a header of a session and none", { session: { headers: { "X-Api-Key": "s3cret" } } }, {}]
  ]
})

const together: Effect.Effect<ReadonlyArray<Row>> = Effect.gen(function* () {
  const { ca } = yield* standard()
  const context = Effect.orDie(Ssl.context({ ca }))
  const proxy = "http://u:s3cret@proxy.test:3128"
  return [
    ["nothing given", {}, {}],
    ["ssl: true and nothing", ssl(true), {}],
    ["contexts with equal options", ssl(yield* context), ssl(yield* context)],
    ["the URL's own host as Host", header("Host", "A.test"), {}],
    [
      "equal credentials, given differently",
      { url: "https://u:s3cret@a.test/x" },
      { request: { auth: Auth.basic("u", "s3cret") } }
    ],
    ["equal redacted values", header("X-Plain", Redacted.make("s3cret")), header("X-Plain", Redacted.make("s3cret"))],
    ["equal proxies, given differently", proxied({ proxy }), proxied({ proxy: Proxy.make(proxy) })],
    ["other names of the program", header("User-Agent", "a"), header("User-Agent", "b")],
    ["identifiers of requests", header("X-Request-Id", "1"), header("X-Request-Id", "2")],
    ["TLS settings for http", { ...ssl(false), url: "http://a.test/" }, { url: "http://a.test/" }],
    ["limits", { request: { timeout: "1 minute", maxBodySize: 10 } }, {}]
  ]
})

describe("requests that share no response", () => {
  it.scoped("differ in trust, peer or user, in either order", () =>
    Effect.gen(function* () {
      for (const [name, a, b] of yield* apart) {
        const seen = recordingStore()
        const at = yield* site()
        yield* Effect.gen(function* () {
          const { a: first, b: second } = yield* both(at, a, b)
          const bodies = [yield* first, yield* second, yield* first, yield* second]
          assert.deepStrictEqual(bodies, ["1", "2", "1", "2"], name)
        }).pipe(Effect.provide(seen.layer))
        assert.isAbove(seen.written.length, 0)
        const written = seen.written.join()
        assert.notInclude(written, "s3cret", name)
        for (const secret of ["u:s3cret", "u:s3cret1"]) {
          assert.notInclude(written, Buffer.from(secret).toString("base64").slice(0, 10), name)
        }
      }
    })
  )

  it.scoped("do not wait for each other's responses", () =>
    Effect.gen(function* () {
      for (const [name, a, b] of yield* apart) {
        const at = yield* site()
        const { a: first, b: second } = yield* both(at, a, b)
        const bodies = yield* Effect.all([first, second, first, second], { concurrency: "unbounded" })
        assert.deepStrictEqual([bodies[0] === bodies[2], bodies[1] === bodies[3]], [true, true], name)
        assert.notStrictEqual(bodies[0], bodies[1], name)
        assert.strictEqual(at.calls(), 2, name)
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("validate and remove their entries separately", () =>
    Effect.gen(function* () {
      for (const [name, a, b] of yield* apart) {
        // The third request validates the first response, and gets another that is not stored.
        const at = yield* site((_, call) =>
          call === 3
            ? new Response("3", { headers: { "cache-control": "no-store" } })
            : cacheable(call, { etag: '"x"' })
        )
        const seen = recordingStore()
        yield* Effect.gen(function* () {
          const { a: first, b: second } = yield* both(at, a, b)
          yield* first
          yield* TestClock.adjust("50 seconds")
          yield* second
          yield* TestClock.adjust("20 seconds")
          assert.deepStrictEqual([yield* first, yield* second, yield* first], ["3", "2", "4"], name)
        }).pipe(Effect.provide(seen.layer))
      }
    })
  )

  it.scoped("lose their entries together after an unsafe method (RFC 9111 section 4.4)", () =>
    Effect.gen(function* () {
      for (const [name, a, b] of yield* apart) {
        const at = yield* site()
        const { a: first, b: second, second: session } = yield* both(at, a, b)
        yield* Effect.all([first, second])
        yield* session.post(b.url ?? url, b.request).pipe(ClientResponse.text)
        assert.deepStrictEqual([yield* first, yield* second], ["4", "5"], name)
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("include those of another mock", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* site(), yield* site()]
      const cache = yield* Middleware.cache()
      const session: Session.SessionOptions = { middlewares: [cache] }
      yield* text(yield* sessionOn(one, { session }), {})
      yield* text(yield* sessionOn(two, { session }), {})
      assert.deepStrictEqual([one.calls(), two.calls()], [1, 1])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("requests that share a response", () => {
  it.scoped("have the same peer, trust and user", () =>
    Effect.gen(function* () {
      for (const [name, a, b] of yield* together) {
        const at = yield* site()
        const { a: first, b: second } = yield* both(at, a, b)
        assert.deepStrictEqual([yield* first, yield* second], ["1", "1"], name)
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("public and s-maxage", () => {
  for (const directives of ["public, max-age=60", "max-age=60, s-maxage=60", "max-age=60, must-revalidate"]) {
    it.scoped(`${directives} shares no response between credentials, because the cache is private`, () =>
      Effect.gen(function* () {
        const at = yield* site((_, call) => cacheable(call, { "cache-control": directives }))
        const token = (value: string): Given => ({ request: { auth: Auth.bearer(value) } })
        const { a, b } = yield* both(at, token("a"), token("b"))
        assert.deepStrictEqual([yield* a, yield* b, yield* a, yield* b], ["1", "2", "1", "2"])
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  }
})

describe("Proxy.route", () => {
  it.scoped("is called once for each request that is sent, and separates responses by its choice", () =>
    Effect.gen(function* () {
      const chosen: Array<string> = []
      let count = 0
      const proxy = Proxy.route(() => {
        const next = ["http://one.test:1", undefined][count++ % 2]
        chosen.push(next ?? "direct")
        return next
      })
      const at = yield* site()
      const session = yield* sessionOn(at, { session: { proxy, middlewares: [yield* Middleware.cache()] } })
      const get = text(session, {})
      assert.deepStrictEqual([yield* get, yield* get, yield* get, yield* get], ["1", "2", "1", "2"])
      assert.strictEqual(chosen.length, 4)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped(
    "is called again for each attempt of a retry inside the cache, and a response by another route is not stored",
    () =>
      Effect.gen(function* () {
        let count = 0
        const proxy = Proxy.route(() => ["http://one.test:1", undefined][count++ % 2])
        const at = yield* site((_, call) => (call === 1 ? new Response("", { status: 503 }) : cacheable(call)))
        const session = yield* sessionOn(at, {
          session: {
            proxy,
            middlewares: [yield* Middleware.cache(), Middleware.retry({ times: 1, schedule: undefined })]
          }
        })
        const fiber = yield* Effect.fork(text(session, {}))
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* Fiber.join(fiber), "2")
        assert.strictEqual(count, 2)
        // The third request uses the proxy like the first attempt, so that it must not get the direct response.
        assert.strictEqual(yield* text(session, {}), "3")
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("a stale response", () => {
  it.scoped("is refreshed in the background for its own identity only", () =>
    Effect.gen(function* () {
      const at = yield* site((_, call) => cacheable(call, { "cache-control": "max-age=10, stale-while-revalidate=60" }))
      const { a, b } = yield* both(at, ssl(false), {})
      assert.deepStrictEqual([yield* a, yield* b], ["1", "2"])
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* a, "1")
      yield* Effect.repeatN(Effect.yieldNow(), 50)
      assert.strictEqual(at.calls(), 3)
      assert.strictEqual(yield* a, "3")
      assert.strictEqual(yield* b, "2")
      yield* Effect.repeatN(Effect.yieldNow(), 50)
      assert.strictEqual(yield* b, "4")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("replaces an error of its own peer only", () =>
    Effect.gen(function* () {
      const at = yield* site((_, call) =>
        call === 1
          ? cacheable(call, { "cache-control": "max-age=1, stale-if-error=600" })
          : new Response("broken", { status: 503 })
      )
      const { a, b } = yield* both(at, ssl(false), {})
      assert.strictEqual(yield* a, "1")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* b, "broken")
      assert.strictEqual(yield* a, "1")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("a HEAD response", () => {
  it.scoped("that differs removes the entry of its own identity only", () =>
    Effect.gen(function* () {
      const at = yield* site((request, call) => cacheable(call, { etag: request.method === "HEAD" ? '"y"' : '"x"' }))
      const { a, b, first } = yield* both(at, ssl(false), {})
      yield* a
      yield* TestClock.adjust("50 seconds")
      yield* b
      yield* TestClock.adjust("20 seconds")
      yield* first.head(url, { ssl: false }).pipe(ClientResponse.text)
      assert.strictEqual(yield* b, "2")
      assert.strictEqual(yield* a, "4")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("entries of an older version", () => {
  it.scoped("answer no request", () =>
    Effect.gen(function* () {
      const seen = recordingStore()
      const at = yield* site()
      yield* Effect.gen(function* () {
        const first = yield* sessionOn(at, { session: { middlewares: [yield* Middleware.cache()] } })
        yield* text(first, {})
        for (const [key, value] of seen.map) {
          seen.map.set(key, value.replace('"version":2', '"version":1').replaceAll(/"identity":"[^"]*"/g, '"who":""'))
        }
        assert.strictEqual(yield* text(first, {}), "2")
        assert.strictEqual(yield* text(first, {}), "2")
      }).pipe(Effect.provide(seen.layer))
    })
  )
})
