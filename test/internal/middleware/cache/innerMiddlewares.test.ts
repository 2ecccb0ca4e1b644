/**
 * Cookies and middlewares that change requests inside the cache: the shared responses.
 */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FiberRef, Layer, Redacted, TestClock } from "effect"
import { Auth, ClientRequest, ClientResponse, CookieJar, Middleware } from "effect-http-session"
import { type Answer, cacheable, sessionOn, site, text, url } from "./sites.js"

describe("cookies of the jar", () => {
  const setsCookie: Answer = (request, call) =>
    new URL(request.url).pathname === "/login"
      ? new Response("in", { headers: { "set-cookie": `id=${new URL(request.url).search.slice(1)}; Path=/` } })
      : cacheable(call, { vary: "Cookie" })

  const jars: ReadonlyArray<readonly [string, Layer.Layer<CookieJar.CookieJar>]> = [
    ["the package's", CookieJar.layer()],
    // Another object with the same members counts as a custom jar.
    [
      "a custom",
      Layer.effect(
        CookieJar.CookieJar,
        Effect.map(CookieJar.make(), (jar): CookieJar.CookieJarService => ({ ...jar }))
      )
    ]
  ]
  for (const [name, jar] of jars) {
    it.scoped(`keep the responses of two logins apart, with ${name} jar`, () =>
      Effect.gen(function* () {
        const at = yield* site(setsCookie)
        const session = yield* sessionOn(at, { jar, session: { middlewares: [yield* Middleware.cache()] } })
        const login = (user: string) => session.get(`https://a.test/login?${user}`).pipe(ClientResponse.text)
        const get = text(session, {})
        const anonymous = yield* get
        yield* login("anna")
        const anna = yield* get
        yield* login("ben")
        const ben = yield* get
        assert.strictEqual(new Set([anonymous, anna, ben]).size, 3)
        assert.strictEqual(yield* get, ben)
        yield* login("anna")
        assert.strictEqual(yield* get, anna)
        yield* session.cookieJar.clear()
        assert.strictEqual(yield* get, anonymous)
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  }

  it.scoped("that change during the request keep its response out of the cache", () =>
    Effect.gen(function* () {
      const at = yield* site()
      const cache = yield* Middleware.cache()
      const jar = yield* CookieJar.make()
      let user = "anna"
      const session = yield* sessionOn(at, {
        jar: Layer.succeed(CookieJar.CookieJar, jar),
        session: {
          middlewares: [
            cache,
            (request, next) => Effect.zipRight(Effect.orDie(jar.updateCookies([["id", user]], url)), next(request))
          ]
        }
      })
      yield* jar.updateCookies([["id", "ben"]], url)
      assert.strictEqual(yield* text(session, {}), "1")
      user = "ben"
      yield* jar.updateCookies([["id", "ben"]], url)
      assert.strictEqual(yield* text(session, {}), "2")
      assert.strictEqual(yield* text(session, {}), "2")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("middlewares inside the cache", () => {
  const bearer = (token: string) => Middleware.bearerRefresh({ token: Effect.succeed(Redacted.make(token)) })

  it.scoped("that add credentials by bearerRefresh bypass the cache", () =>
    Effect.gen(function* () {
      const at = yield* site()
      const cache = yield* Middleware.cache()
      const plain = yield* sessionOn(at, { session: { middlewares: [cache] } })
      const anna = yield* sessionOn(at, { session: { middlewares: [cache, yield* bearer("a")] } })
      assert.strictEqual(yield* text(plain, {}), "1")
      assert.deepStrictEqual([yield* text(anna, {}), yield* text(anna, {})], ["2", "3"])
      assert.strictEqual(yield* text(plain, {}), "1")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("use separate entries for the tokens of a bearerRefresh outside the cache", () =>
    Effect.gen(function* () {
      const at = yield* site()
      const cache = yield* Middleware.cache()
      const of = (token: string) =>
        Effect.flatMap(bearer(token), (outer) => sessionOn(at, { session: { middlewares: [outer, cache] } }))
      const [anna, ben] = [yield* of("a"), yield* of("b")]
      const bodies = [yield* text(anna, {}), yield* text(ben, {}), yield* text(anna, {}), yield* text(ben, {})]
      assert.deepStrictEqual(bodies, ["1", "2", "1", "2"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("include digest, whose responses have separate entries", () =>
    Effect.gen(function* () {
      const at = yield* site((request, call) =>
        request.headers.has("authorization")
          ? cacheable(call)
          : new Response("", {
              status: 401,
              headers: { "www-authenticate": 'Digest realm="r", nonce="n", qop="auth"' }
            })
      )
      const cache = yield* Middleware.cache()
      const of = (user: string) =>
        Effect.flatMap(Middleware.digest(Auth.basic(user, "p")), (inner) =>
          sessionOn(at, { session: { middlewares: [cache, inner] } })
        )
      const [anna, ben] = [yield* of("a"), yield* of("b")]
      const bodies = [yield* text(anna, {}), yield* text(ben, {}), yield* text(anna, {}), yield* text(ben, {})]
      assert.deepStrictEqual(bodies, ["2", "4", "2", "4"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  const changes: ReadonlyArray<
    readonly [string, (request: ClientRequest.ClientRequest) => ClientRequest.ClientRequest]
  > = [
    ["key", ClientRequest.setHeader("X-Api-Key", "a")],
    ["redacted header", ClientRequest.setHeader("X-Plain", Redacted.make("a"))],
    ["Host", ClientRequest.setHeader("Host", "b.test")],
    ["URL", ClientRequest.setUrl("https://a.test/other")]
  ]
  for (const [name, change] of changes) {
    it.scoped(`that change ${name} of a request keep its response out of the cache`, () =>
      Effect.gen(function* () {
        const at = yield* site()
        const cache = yield* Middleware.cache()
        const changed = yield* sessionOn(at, {
          session: { middlewares: [cache, (request, next) => next(change(request))] }
        })
        const plain = yield* sessionOn(at, { session: { middlewares: [cache] } })
        assert.deepStrictEqual(
          [yield* text(changed, {}), yield* text(changed, {}), yield* text(plain, {})],
          ["1", "2", "3"]
        )
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  }

  it.scoped("that add credentials of the calling fiber share no response with other fibers", () =>
    Effect.gen(function* () {
      const user = yield* FiberRef.make("")
      const at = yield* site()
      const session = yield* sessionOn(at, {
        session: {
          middlewares: [
            yield* Middleware.cache(),
            (request, next) =>
              Effect.flatMap(FiberRef.get(user), (name) =>
                next(name === "" ? request : ClientRequest.setHeader(request, "Authorization", `Bearer ${name}`))
              )
          ]
        }
      })
      const as = (name: string) => Effect.locally(text(session, {}), user, name)
      assert.deepStrictEqual([yield* as("anna"), yield* as("ben"), yield* as("anna")], ["1", "2", "3"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("that change a header of Vary keep the response out of the cache", () =>
    Effect.gen(function* () {
      const at = yield* site((_, call) => cacheable(call, { vary: "Accept-Language" }))
      let language = "de"
      const session = yield* sessionOn(at, {
        session: {
          middlewares: [
            yield* Middleware.cache(),
            (request, next) => next(ClientRequest.setHeader(request, "Accept-Language", language))
          ]
        }
      })
      const first = yield* text(session, {})
      language = "en"
      assert.deepStrictEqual([first, yield* text(session, {})], ["1", "2"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped(
    "that cause a 304 to other credentials do not refresh the entry, and the request is repeated without conditions",
    () =>
      Effect.gen(function* () {
        const at = yield* site((request, call) =>
          request.headers.has("if-none-match") ? new Response(null, { status: 304 }) : cacheable(call, { etag: '"x"' })
        )
        const cache = yield* Middleware.cache()
        let key: string | undefined
        const session = yield* sessionOn(at, {
          session: {
            middlewares: [
              cache,
              (request, next) => next(key === undefined ? request : ClientRequest.setHeader(request, "X-Api-Key", key))
            ]
          }
        })
        assert.strictEqual(yield* text(session, {}), "1")
        yield* TestClock.adjust("2 minutes")
        key = "a"
        assert.strictEqual(yield* text(session, {}), "3")
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})
