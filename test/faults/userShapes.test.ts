/** User functions that return other values than their types, as a program in JavaScript can. */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Redacted } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Middleware from "effect-http-session/Middleware"
import * as Proxy from "effect-http-session/Proxy"
import type * as Session from "effect-http-session/Session"
import { storedText } from "../../src/internal/effect/stores.js"
import { response } from "../support/server.js"
import { redirect, sessionWith, site } from "../support/sites.js"
import { promptly } from "../support/steps.js"

/** Values that the types forbid. */
const wrong = <A>(value: unknown): A => value as A

const answers = site(({ target }) =>
  target === "/away" ? redirect(302, "/") : target === "/failing" ? response(503, "") : response(200, "hello")
)

const text = (session: Session.SessionService, url: string) => session.get(url).pipe(ClientResponse.text)

const failureOf = <A, E>(exit: Exit.Exit<A, E>): unknown =>
  Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : assert.fail(String(exit))

/** Values of wrong types, created when they are used, because a rejected promise needs a handler from then on. */
const values: ReadonlyArray<readonly [what: string, make: () => unknown]> = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["a number", () => 42],
  ["an object", () => ({})],
  ["an array", () => [42]],
  ["a promise", () => Promise.resolve(Option.none())],
  ["a rejected promise", () => Promise.reject(new Error("no"))]
]

/** The same values for functions whose result no code handles. */
const settled = values.map(([what, make]) => {
  const value = make()
  if (value instanceof Promise) value.catch(() => {})
  return [what, value] as const
})

interface Row {
  readonly name: string
  readonly path?: string
  readonly error: object
  readonly options?: (make: () => unknown) => Session.SessionOptions
  readonly jar?: (make: () => unknown) => Partial<CookieJar.CookieJarService>
  readonly resolver?: (make: () => unknown) => unknown
}

const succeeding = (value: unknown) => {
  if (value instanceof Promise) value.catch(() => {})
  return wrong<Effect.Effect<never>>(Effect.succeed(value))
}

const failed = { _tag: "MiddlewareError", reason: "Failed" }
const invalid = (option: string) => ({ _tag: "InvalidRequest", option })
const badAnswer = { _tag: "ClientConnectorDNSError", code: "EBADRESP" }

const rows: ReadonlyArray<Row> = [
  { name: "a resolver returns it", error: badAnswer, resolver: (make) => make() },
  { name: "a resolver answers it", error: badAnswer, resolver: (make) => succeeding(make()) },
  { name: "a resolver has it in its answer", error: badAnswer, resolver: () => succeeding([42, null]) },
  { name: "a middleware returns it", error: failed, options: (make) => ({ middlewares: [() => wrong(make())] }) },
  { name: "a middleware answers it", error: failed, options: (make) => ({ middlewares: [() => succeeding(make())] }) },
  {
    name: "a middleware inside of another answers it",
    error: failed,
    options: (make) => ({ middlewares: [Middleware.retry(), () => succeeding(make())] })
  },
  {
    name: "onRedirect returns it",
    path: "/away",
    error: invalid("onRedirect"),
    options: (make) => ({ onRedirect: () => wrong(make()) })
  },
  {
    name: "onRedirect answers it",
    path: "/away",
    error: invalid("onRedirect"),
    options: (make) => ({ onRedirect: () => succeeding(make()) })
  },
  {
    name: "raiseForStatus returns it",
    error: invalid("raiseForStatus"),
    options: (make) => ({ raiseForStatus: () => wrong(make()) })
  },
  {
    name: "Proxy.route returns it",
    error: invalid("proxy"),
    options: (make) => ({ proxy: Proxy.route(() => wrong(make() ?? 42)) })
  },
  {
    name: "a jar's cookieHeader returns it",
    error: invalid("cookieJar"),
    jar: (make) => ({ cookieHeader: () => wrong(make()) })
  },
  {
    name: "a jar's cookieHeader answers it",
    error: invalid("cookieJar"),
    jar: (make) => ({ cookieHeader: () => succeeding(make()) })
  },
  {
    name: "a jar's cookieHeader answers some of it",
    error: invalid("cookieJar"),
    jar: (make) => ({
      cookieHeader: () => Effect.map(succeeding(make()), (given) => wrong<Option.Option<string>>(Option.some(given)))
    })
  },
  {
    name: "a jar's updateCookies returns it",
    error: invalid("cookieJar"),
    options: () => ({ cookies: { a: "b" } }),
    jar: (make) => ({ updateCookies: () => wrong(make()) })
  }
]

describe("a user function that returns another type", () => {
  for (const { error, jar, name, options, path = "/", resolver } of rows) {
    it.scopedLive(`fails its request with a typed error and keeps no slot: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* answers
        for (const [what, make] of values) {
          const own = yield* CookieJar.make()
          let broken = true
          const { connector, session } = yield* sessionWith(options?.(make), {
            connector: {
              limit: 1,
              resolver: {
                resolve: () =>
                  wrong(
                    broken && resolver !== undefined
                      ? resolver(make)
                      : Effect.succeed([{ address: "127.0.0.1", family: 4 }])
                  )
              }
            },
            ...(jar === undefined ? {} : { jar: { ...own, ...jar(make) } })
          })
          const exit = yield* promptly(Effect.exit(text(session, at.to("a.test", path))), `${name}: ${what}`)
          assert.deepInclude(failureOf(exit), error, what)
          assert.strictEqual((yield* connector.stats).acquired, 0, what)
          broken = false
          if (jar === undefined) {
            const plain = session.with({ raiseForStatus: false, middlewares: [], proxy: false })
            assert.strictEqual(yield* promptly(text(plain, at.to("a.test")), "the next request"), "hello")
          }
        }
      })
    )
  }

  it.scopedLive("turns a middleware's unknown failure into a MiddlewareError", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const error of [null, "no", new Error("no")]) {
        const { session } = yield* sessionWith({ middlewares: [() => wrong(Effect.fail(error))] })
        const found = failureOf(yield* Effect.exit(text(session, at.to("a.test"))))
        assert.deepInclude(found, failed)
        assert.strictEqual(Reflect.get(Object(found), "cause"), error)
      }
    })
  )
})

describe("an address policy", () => {
  it.scopedLive("allows an address only if it returns true", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const [what, make] of [...values, ["1", () => 1], ["text", () => "true"]] as const) {
        const addressPolicy = () => wrong<boolean>(make())
        const { connector, session } = yield* sessionWith({}, { connector: { addressPolicy } })
        const exit = yield* Effect.exit(text(session, at.to("a.test")))
        assert.deepInclude(failureOf(exit), { _tag: "ClientConnectorError", reason: "AddressPolicy" }, what)
        assert.strictEqual((yield* connector.stats).acquired, 0)
      }
      assert.strictEqual(yield* at.accepted, 0)
    })
  )

  it.scopedLive("that throws fails its own request, before a connection and before an idle one of a proxy", () =>
    Effect.gen(function* () {
      const proxy = yield* answers
      let broken = true
      const addressPolicy = () => {
        if (broken) throw new Error("boom")
        return true
      }
      const { connector, session } = yield* sessionWith(
        { proxy: proxy.to("proxy.test") },
        { connector: { addressPolicy, limit: 1 } }
      )
      const dies = Effect.gen(function* () {
        broken = true
        const exit = yield* promptly(Effect.exit(text(session, "http://127.0.0.9/")), "a policy that throws")
        const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
        assert.strictEqual(defect instanceof Error ? defect.message : exit, "boom")
        assert.strictEqual((yield* connector.stats).acquired, 0)
        broken = false
        assert.strictEqual(yield* promptly(text(session, "http://127.0.0.9/"), "the next request"), "hello")
      })
      yield* dies
      assert.strictEqual((yield* connector.stats).idle, 1)
      yield* dies
      assert.strictEqual(yield* proxy.accepted, 1)
    })
  )
})

describe("bearerRefresh", () => {
  it.scopedLive("fails with a typed error for a token that is not redacted, and sends nothing", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const token of [undefined, null, "t0ken", 42, {}, [], Option.some(Redacted.make("t0ken"))]) {
        for (const given of [token, Redacted.make(token)]) {
          if (Redacted.isRedacted(given) && typeof token === "string") continue
          const bearer = yield* Middleware.bearerRefresh({ token: Effect.succeed(wrong<Redacted.Redacted>(given)) })
          const { session } = yield* sessionWith({ middlewares: [bearer] })
          const error = failureOf(yield* Effect.exit(text(session, at.to("a.test"))))
          assert.deepInclude(error, { _tag: "MiddlewareError", reason: "TokenRefresh" })
          assert.notInclude(String(error), "t0ken")
        }
      }
      for (const token of ["", "a b", "a\r\nb", "\u00fc"]) {
        const bearer = yield* Middleware.bearerRefresh({ token: Effect.succeed(Redacted.make(token)) })
        const { session } = yield* sessionWith({ middlewares: [bearer] })
        const error = failureOf(yield* Effect.exit(text(session, at.to("a.test"))))
        assert.deepInclude(error, { _tag: "MiddlewareError", reason: "TokenRefresh" })
      }
      assert.strictEqual(yield* at.accepted, 0)
    })
  )

  it.effect("accepts only an Effect when it is constructed", () =>
    Effect.gen(function* () {
      for (const token of [undefined, "t0ken", Redacted.make("t0ken"), () => Effect.succeed(Redacted.make("t0ken"))]) {
        const exit = yield* Effect.exit(Middleware.bearerRefresh<never, never>({ token: wrong(token) }))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.notInclude(String(exit), "t0ken")
      }
    })
  )
})

describe("rateLimit", () => {
  it.scopedLive("fails with a typed error if key does not return text, which would limit each request separately", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const [what, make] of values) {
        const limit = yield* Middleware.rateLimit({
          limit: 1,
          interval: "1 minute",
          wait: false,
          key: () => wrong(make())
        })
        const { session } = yield* sessionWith({ middlewares: [limit] })
        assert.deepInclude(failureOf(yield* Effect.exit(text(session, at.to("a.test")))), failed, what)
      }
      assert.strictEqual(yield* at.accepted, 0)
    })
  )
})

describe("retry and circuitBreaker", () => {
  const truthy = [() => "yes", () => 1, () => ({}), () => Promise.resolve(false), () => Promise.reject(new Error("no"))]

  it.scopedLive("send again for true only, and count a failure for true only", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const make of truthy) {
        const before = (yield* at.requests).length
        const retry = Middleware.retry({ while: () => wrong(make()) })
        const breaker = yield* Middleware.circuitBreaker({ failures: 1, isFailure: () => wrong(make()) })
        const { session } = yield* sessionWith({ middlewares: [retry, breaker] })
        yield* text(session, at.to("a.test", "/failing"))
        yield* text(session, at.to("a.test", "/failing"))
        assert.strictEqual((yield* at.requests).length, before + 2)
      }
    })
  )

  it.effect("refuse options of other types when they are constructed", () =>
    Effect.gen(function* () {
      for (const value of [null, 42, "2 seconds", {}]) {
        for (const option of ["schedule", "while", "budget"]) {
          assert.throws(() => Middleware.retry({ [option]: value }), TypeError, `retry.${option}`)
        }
        for (const made of [
          Middleware.circuitBreaker({ isFailure: wrong(value) }),
          Effect.scoped(Middleware.rateLimit({ limit: 1, interval: 1, key: wrong(value) }))
        ]) {
          const exit = yield* Effect.exit(Effect.asVoid<Middleware.Middleware, never, never>(made))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        }
      }
    })
  )
})

/** A store that always returns the same value. */
const storeOf = (get: () => unknown): KeyValueStore.KeyValueStore =>
  wrong({ get, set: () => Effect.void, remove: () => Effect.void })

/** Whether that value means that a store has no entry. */
const isMissing = (value: unknown): boolean => Option.isNone(storedText(value) ?? Option.some(value))

const stores = (value: unknown): ReadonlyArray<readonly [how: string, store: KeyValueStore.KeyValueStore]> => [
  ["returns it", storeOf(() => value)],
  ...(isMissing(value) ? [] : [["succeeds with it", storeOf(() => succeeding(value))] as const]),
  ["succeeds with Some of it", storeOf(() => Effect.map(succeeding(value), Option.some))]
]

describe("a store", () => {
  it.live("of a saved jar that returns something else than text is malformed", () =>
    Effect.gen(function* () {
      for (const [what, value] of settled) {
        for (const [how, store] of stores(value)) {
          const built = Layer.build(CookieJar.layerPersisted()).pipe(
            Effect.provideService(KeyValueStore.KeyValueStore, store)
          )
          const error = failureOf(yield* Effect.exit(Effect.scoped(built)))
          assert.deepInclude(error, { _tag: "CookieJarError", reason: "Malformed" }, `${how}: ${what}`)
        }
      }
    })
  )

  it.scopedLive("of the cache that returns something else than text is empty", () =>
    Effect.gen(function* () {
      const at = yield* answers
      for (const [what, value] of settled) {
        for (const [how, store] of stores(value)) {
          const cache = yield* Middleware.cache().pipe(Effect.provideService(KeyValueStore.KeyValueStore, store))
          const { session } = yield* sessionWith({ middlewares: [cache] })
          assert.strictEqual(yield* text(session, at.to("a.test")), "hello", `${how}: ${what}`)
        }
      }
    })
  )
})

describe("a connector", () => {
  it.effect("refuses options of other types when it is constructed", () =>
    Effect.gen(function* () {
      for (const options of [
        { resolver: null },
        { resolver: {} },
        { resolver: { resolve: "127.0.0.1" } },
        { addressPolicy: null },
        { addressPolicy: "10.0.0.0/8" },
        { addressPolicy: { denied: [] } },
        { localAddress: "a.test" },
        { localAddress: 42 }
      ]) {
        const exit = yield* Effect.exit(Effect.scoped(Connector.tcp(wrong(options))))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), JSON.stringify(options))
      }
      for (const path of [undefined, null, 42]) {
        const exit = yield* Effect.exit(Effect.scoped(Connector.unix(wrong({ path }))))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), String(path))
      }
    })
  )
})
