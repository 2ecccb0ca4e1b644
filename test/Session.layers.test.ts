/** How often a layer of a session is built. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ClientResponse, CookieJar, Session, Testing } from "effect-http-session"

const Live = Testing.layer(() => new Response("x", { headers: { "set-cookie": "a=1" } }))

const url = "https://a.test/"

/** A request that stores a cookie, and the cookies of its session's jar afterwards. */
const cookies = Effect.gen(function* () {
  yield* Session.get(url).pipe(ClientResponse.discard)
  return (yield* (yield* CookieJar.CookieJar).entries).length
})

describe("a layer of a session", () => {
  it.effect("makes one session for each program that it is provided to as Layer.fresh", () =>
    Effect.gen(function* () {
      const outer = yield* Session.Session
      const inner = yield* Effect.provide(Session.Session, Layer.fresh(Live))
      assert.notStrictEqual(inner, outer)
      yield* inner.close
      assert.strictEqual(yield* Session.get(url).pipe(ClientResponse.text), "x")
    }).pipe(Effect.provide(Live))
  )

  it.effect("makes one session for all layers that are built together", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      assert.strictEqual(yield* cookies, 1)
      yield* session.close
      const error = yield* Effect.flip(Session.get(url).pipe(ClientResponse.text))
      assert.strictEqual(error._tag, "SessionClosedError")
    }).pipe(Effect.provide(Layer.merge(Live, Layer.effectDiscard(Session.Session).pipe(Layer.provide(Live)))))
  )
})
