/** Tokens with a known expiry. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, TestClock } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"

const jwt = (claims: object, salt = ""): Redacted.Redacted =>
  Redacted.make(`${btoa("{}")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${salt}x`)

/** A session that responds with the token of the request, and the fetch of tokens. */
const sessionOf = <E>(
  token: (fetched: number) => Effect.Effect<Redacted.Redacted | Middleware.ExpiringToken, E>,
  refreshAhead?: "10 seconds" | "1 hour"
) =>
  Effect.gen(function* () {
    let fetched = 0
    const bearer = yield* Middleware.bearerRefresh({ token: Effect.suspend(() => token(++fetched)), refreshAhead })
    const context = yield* Layer.build(
      Layer.merge(
        Connector.layerMock((request) => new Response(request.headers.get("authorization") ?? "none")),
        CookieJar.layer()
      )
    )
    const session = yield* Effect.provide(Session.make({ middlewares: [bearer] }), context)
    return { get: ClientResponse.text(session.get("http://a.test/")), fetched: () => fetched }
  })

const numbered = (fetched: number, expiresIn: Middleware.ExpiringToken["expiresIn"]): Middleware.ExpiringToken => ({
  token: Redacted.make(`t${fetched}`),
  expiresIn
})

describe("bearerRefresh", () => {
  it.scoped("fetches a new token before the expiresIn of the old one ends", () =>
    Effect.gen(function* () {
      const { get } = yield* sessionOf((fetched) => Effect.succeed(numbered(fetched, "1 hour")))
      assert.strictEqual(yield* get, "Bearer t1")
      yield* TestClock.adjust("3569 seconds")
      assert.strictEqual(yield* get, "Bearer t1")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* get, "Bearer t2")
      assert.strictEqual(yield* get, "Bearer t2")
    })
  )

  for (const [ahead, lifetime, kept, renewed] of [
    ["10 seconds", "1 minute", "49 seconds", "50 seconds"],
    ["1 hour", "1 minute", "29 seconds", "30 seconds"],
    [undefined, "20 seconds", "9 seconds", "10 seconds"]
  ] as const) {
    it.scoped(`fetches a new token after ${renewed} of ${lifetime} with refreshAhead ${ahead}`, () =>
      Effect.gen(function* () {
        for (const [wait, token] of [
          [kept, "Bearer t1"],
          [renewed, "Bearer t2"]
        ] as const) {
          const { get } = yield* sessionOf((fetched) => Effect.succeed(numbered(fetched, lifetime)), ahead)
          yield* get
          yield* TestClock.adjust(wait)
          assert.strictEqual(yield* get, token)
        }
      })
    )
  }

  it.scoped("uses a token until it expires if the next one cannot be fetched", () =>
    Effect.gen(function* () {
      const { fetched, get } = yield* sessionOf((count) =>
        count === 1 ? Effect.succeed(numbered(1, "100 seconds")) : Effect.fail("down" as const)
      )
      yield* get
      yield* TestClock.adjust("75 seconds")
      assert.strictEqual(yield* get, "Bearer t1")
      assert.strictEqual(yield* get, "Bearer t1")
      assert.strictEqual(fetched(), 2)
      yield* TestClock.adjust("25 seconds")
      const error = yield* Effect.flip(get)
      assert.deepInclude(error, { _tag: "MiddlewareError", reason: "TokenRefresh" })
    })
  )

  it.scoped("reads the exp of a JSON Web Token", () =>
    Effect.gen(function* () {
      const { fetched, get } = yield* sessionOf((count) => Effect.succeed(jwt({ exp: 3600 * count }, String(count))))
      yield* get
      yield* TestClock.adjust("3569 seconds")
      yield* get
      assert.strictEqual(fetched(), 1)
      yield* TestClock.adjust("1 seconds")
      yield* get
      assert.strictEqual(fetched(), 2)
    })
  )

  for (const [name, token] of [
    ["without an expiry", Redacted.make("opaque")],
    ["that is not a JSON Web Token", Redacted.make("a.b.c")],
    ["whose claims have no exp", jwt({ sub: "1" })],
    ["whose exp is not a number", jwt({ exp: "3600" })],
    ["that expired before it was fetched", jwt({ exp: 0 })],
    ["with an expiresIn of 0", { token: Redacted.make("none"), expiresIn: 0 }]
  ] as const) {
    it.scoped(`keeps a token ${name}`, () =>
      Effect.gen(function* () {
        const { fetched, get } = yield* sessionOf(() => Effect.succeed(token))
        yield* get
        yield* TestClock.adjust("1000 hours")
        yield* get
        assert.strictEqual(fetched(), 1)
      })
    )
  }
})
