import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Either, Fiber, Redacted, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as Middleware from "effect-http-session/Middleware"
import { type Reply, request, type Script, script } from "./support.js"

/** A fetch of the tokens t1, t2, …, and the number of fetches. */
const numbered = () => {
  let fetched = 0
  return {
    token: Effect.sync(() => Redacted.make(`t${++fetched}`)),
    fetched: () => fetched
  }
}

const sent = (run: Script) =>
  run.seen.map((asked) => {
    const header = asked.header("authorization")
    return header._tag === "Some" ? header.value : undefined
  })

/** A server that accepts only one token. */
const accepts =
  (token: string) =>
  (asked: ClientRequest.ClientRequest): Reply => {
    const header = asked.header("authorization")
    return { status: header._tag === "Some" && header.value === `Bearer ${token}` ? 200 : 401 }
  }

describe("bearerRefresh", () => {
  it.effect("fetches the token when it is first needed, and caches it", () =>
    Effect.gen(function* () {
      const { fetched, token } = numbered()
      const bearer = yield* Middleware.bearerRefresh({ token })
      assert.strictEqual(fetched(), 0)
      const run = script([{ status: 200 }])
      yield* bearer(yield* request(), run.next)
      yield* bearer(yield* request(), run.next)
      assert.deepStrictEqual(sent(run), ["Bearer t1", "Bearer t1"])
      assert.notInclude(JSON.stringify(run.seen), "t1")
    })
  )

  it.effect("does not cache a token that was wiped", () =>
    Effect.gen(function* () {
      const tokens = [Redacted.make("t0"), Redacted.make("t1"), Redacted.make("t2")]
      Redacted.unsafeWipe(tokens[0]!)
      let fetched = 0
      const bearer = yield* Middleware.bearerRefresh({ token: Effect.sync(() => tokens[fetched++]!) })
      const run = script([{ status: 200 }])
      const error = yield* Effect.flip(bearer(yield* request(), run.next))
      assert.strictEqual(error._tag === "MiddlewareError" && error.reason, "TokenRefresh")
      yield* bearer(yield* request(), run.next)
      Redacted.unsafeWipe(tokens[1]!)
      yield* bearer(yield* request(), run.next)
      assert.deepStrictEqual(sent(run), ["Bearer t1", "Bearer t2"])
    })
  )

  it.effect("releases the response of a 401 and fetches a new token once", () =>
    Effect.gen(function* () {
      const { fetched, token } = numbered()
      const bearer = yield* Middleware.bearerRefresh({ token })
      const run = script(accepts("t2"))
      const response = yield* bearer(yield* request(), run.next)
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(sent(run), ["Bearer t1", "Bearer t2"])
      assert.strictEqual(run.made[0]!.calls.abandoned, 1)
      const hopeless = script([{ status: 401 }])
      assert.strictEqual((yield* bearer(yield* request(), hopeless.next)).status, 401)
      assert.deepStrictEqual(sent(hopeless), ["Bearer t2", "Bearer t3"])
      assert.strictEqual(fetched(), 3)
    })
  )

  it.effect("fetches once for all requests with the same refused token", () =>
    Effect.gen(function* () {
      const { fetched, token } = numbered()
      const bearer = yield* Middleware.bearerRefresh({ token: Effect.zipRight(Effect.yieldNow(), token) })
      const run = script(accepts("t2"))
      const asked = yield* request()
      const fiber = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 30 }, () => bearer(asked, run.next)),
          { concurrency: "unbounded" }
        )
      )
      const responses = yield* Fiber.join(fiber)
      assert.deepStrictEqual(new Set(responses.map((response) => response.status)), new Set([200]))
      assert.strictEqual(fetched(), 2)
      assert.strictEqual(run.seen.length, 60)
    })
  )

  it.effect("continues a fetch if the first waiter is interrupted, and interrupts it with the last", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let begun = 0
      let ended = 0
      const token = Effect.suspend(() => {
        begun++
        return Effect.onInterrupt(Effect.as(Deferred.await(gate), Redacted.make("t")), () => Effect.sync(() => ended++))
      })
      const bearer = yield* Middleware.bearerRefresh({ token })
      const run = script([{ status: 200 }])
      const asked = yield* request()
      const ask = Effect.zipLeft(Effect.fork(bearer(asked, run.next)), Effect.yieldNow())
      const first = yield* ask
      const second = yield* ask
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual([begun, ended], [1, 0])
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual([begun, ended], [1, 1])
      const third = yield* ask
      const fourth = yield* ask
      yield* Fiber.interrupt(third)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(fourth)).status, 200)
      assert.deepStrictEqual([begun, ended], [2, 1])
    })
  )

  it.effect("fails all waiters with a typed error, and the next request tries again", () =>
    Effect.gen(function* () {
      let fetched = 0
      const token = Effect.suspend(() =>
        ++fetched === 1 ? Effect.fail("no login" as const) : Effect.succeed(Redacted.make("t"))
      )
      const bearer = yield* Middleware.bearerRefresh({ token: Effect.zipRight(Effect.yieldNow(), token) })
      const run = script([{ status: 200 }])
      const asked = yield* request()
      const all = yield* Effect.all(
        [1, 2, 3].map(() => Effect.either(bearer(asked, run.next))),
        {
          concurrency: "unbounded"
        }
      )
      for (const one of all) {
        if (Either.isRight(one) || one.left._tag !== "MiddlewareError") return assert.fail("it was no MiddlewareError")
        assert.strictEqual(one.left.reason, "TokenRefresh")
        assert.strictEqual(one.left.cause, "no login")
      }
      assert.strictEqual(run.seen.length, 0)
      assert.strictEqual((yield* bearer(asked, run.next)).status, 200)
    })
  )

  it.effect("sends requests of the fetch itself without a token", () =>
    Effect.gen(function* () {
      const run = script([{ status: 200 }])
      const asked = yield* request()
      const bearer: Middleware.Middleware = yield* Middleware.bearerRefresh({
        token: Effect.suspend(() => Effect.as(bearer(asked, run.next), Redacted.make("t")))
      })
      yield* bearer(asked, run.next)
      assert.deepStrictEqual(sent(run), [undefined, "Bearer t"])
    })
  )

  describe("the origins of bearerRefresh", () => {
    const rows: ReadonlyArray<readonly [ReadonlyArray<string> | undefined, string, boolean]> = [
      [undefined, "http://first.test/other", true],
      [undefined, "http://second.test/", false],
      [undefined, "https://first.test/", false],
      [["https://a.test", "http://b.test:8080/x"], "https://a.test/", true],
      [["https://a.test", "http://b.test:8080/x"], "http://b.test:8080/y", true],
      [["https://a.test"], "https://a.test:444/", false],
      [["https://a.test"], "http://a.test/", false],
      [["https://a.test"], "https://a.test.evil/", false],
      [["https://a.test"], "http://first.test/", false],
      [[], "http://first.test/", false]
    ]
    for (const [origins, url, expected] of rows) {
      it.effect(`${origins} for ${url}: ${expected}`, () =>
        Effect.gen(function* () {
          const bearer = yield* Middleware.bearerRefresh({ token: numbered().token, origins })
          yield* bearer(yield* request("GET", "http://first.test/"), script([{ status: 200 }]).next)
          const run = script([{ status: 401 }])
          yield* bearer(yield* request("GET", url), run.next)
          assert.strictEqual(run.seen.length, expected ? 2 : 1)
          assert.strictEqual(sent(run)[0] !== undefined, expected)
        })
      )
    }
  })

  it.effect("does not replace credentials of the request", () =>
    Effect.gen(function* () {
      const bearer = yield* Middleware.bearerRefresh({ token: numbered().token })
      const run = script([{ status: 401 }])
      yield* bearer(yield* request("GET", "http://a/", { headers: { authorization: "mine" } }), run.next)
      yield* bearer(yield* request("GET", "http://a/", { auth: false }), run.next)
      assert.deepStrictEqual(sent(run), ["mine", undefined])
    })
  )

  it.effect("does not repeat a body that can be read once, and uses a new token for the next request", () =>
    Effect.gen(function* () {
      const bearer = yield* Middleware.bearerRefresh({ token: numbered().token })
      const run = script([{ status: 401 }, { status: 200 }])
      const data = ClientRequest.oneShot(Stream.make(new Uint8Array([1])))
      assert.strictEqual((yield* bearer(yield* request("POST", "http://a/", { data }), run.next)).status, 401)
      yield* bearer(yield* request("GET", "http://a/"), run.next)
      assert.deepStrictEqual(sent(run), ["Bearer t1", "Bearer t2"])
    })
  )

  it.effect("provides the requirements of the fetch when the middleware is constructed", () =>
    Effect.gen(function* () {
      class Login extends Context.Tag("Login")<Login, { readonly token: string }>() {}
      const made = Middleware.bearerRefresh({ token: Effect.map(Login, ({ token }) => Redacted.make(token)) })
      const bearer = yield* Effect.provideService(made, Login, { token: "mine" })
      const run = script([{ status: 200 }])
      yield* bearer(yield* request(), run.next)
      assert.deepStrictEqual(sent(run), ["Bearer mine"])
    })
  )
})
