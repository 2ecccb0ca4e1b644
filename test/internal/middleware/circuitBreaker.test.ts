import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Either, Fiber, TestClock } from "effect"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import { disconnected, type Reply, refused, request, script } from "./support.js"

const outcome = (breaker: Middleware.Middleware, reply: Reply, url = "http://a.test/") =>
  Effect.gen(function* () {
    const run = script([reply])
    const result = yield* Effect.either(breaker(yield* request("GET", url), run.next))
    if (Either.isRight(result)) return result.right.status
    return result.left._tag === "MiddlewareError" ? result.left.reason : result.left._tag
  })

const times = <A, E>(count: number, effect: Effect.Effect<A, E>) =>
  Effect.all(Array.from({ length: count }, () => effect))

describe("circuitBreaker", () => {
  it.effect("opens after the configured failures in a row, for its origin alone", () =>
    Effect.gen(function* () {
      const breaker = yield* Middleware.circuitBreaker()
      assert.deepStrictEqual(yield* times(4, outcome(breaker, { status: 503 })), [503, 503, 503, 503])
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), 200)
      yield* times(4, outcome(breaker, refused()))
      assert.strictEqual(yield* outcome(breaker, disconnected()), "ServerDisconnectedError")
      const run = script([{ status: 200 }])
      const error = yield* Effect.flip(breaker(yield* request("GET", "http://a.test/x"), run.next))
      assert.strictEqual(error._tag === "MiddlewareError" && error.reason, "CircuitOpen")
      assert.strictEqual(run.seen.length, 0)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }, "http://b.test/"), 200)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }, "https://a.test/"), 200)
    })
  )

  it.effect("lets one request through after its time, and follows its outcome", () =>
    Effect.gen(function* () {
      const breaker = yield* Middleware.circuitBreaker({ failures: 2, resetAfter: "10 seconds" })
      yield* times(2, outcome(breaker, { status: 500 }))
      yield* TestClock.adjust(9999)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), "CircuitOpen")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* outcome(breaker, { status: 500 }), 500)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), "CircuitOpen")
      yield* TestClock.adjust("10 seconds")
      const gate = yield* Deferred.make<void>()
      const run = script([Effect.zipRight(Deferred.await(gate), script([{ status: 200 }]).next(yield* request()))])
      const probe = yield* Effect.fork(breaker(yield* request("GET", "http://a.test/"), run.next))
      yield* Effect.yieldNow()
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), "CircuitOpen")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(probe)).status, 200)
      // The breaker is closed and needs as many failures as before to open.
      assert.strictEqual(yield* outcome(breaker, { status: 500 }), 500)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), 200)
    })
  )

  it.effect("lets another request through if the first one is interrupted", () =>
    Effect.gen(function* () {
      const breaker = yield* Middleware.circuitBreaker({ failures: 1, resetAfter: "1 second" })
      yield* outcome(breaker, { status: 500 })
      yield* TestClock.adjust("1 second")
      const probe = yield* Effect.fork(breaker(yield* request("GET", "http://a.test/"), script([Effect.never]).next))
      yield* Effect.yieldNow()
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), "CircuitOpen")
      yield* Fiber.interrupt(probe)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), 200)
    })
  )

  it.effect("ignores results of requests that were sent before it opened", () =>
    Effect.gen(function* () {
      const breaker = yield* Middleware.circuitBreaker({ failures: 1, resetAfter: "1 second" })
      const gate = yield* Deferred.make<void>()
      const late = script([Effect.zipRight(Deferred.await(gate), Effect.fail(refused()))])
      const old = yield* Effect.fork(breaker(yield* request("GET", "http://a.test/"), late.next))
      yield* Effect.yieldNow()
      yield* outcome(breaker, { status: 500 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), 200)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.await(old)
      assert.strictEqual(yield* outcome(breaker, { status: 200 }), 200)
    })
  )

  describe("a failure for the circuit breaker", () => {
    const rows: ReadonlyArray<readonly [string, Reply, boolean]> = [
      ["500", { status: 500 }, true],
      ["501", { status: 501 }, true],
      ["599", { status: 599 }, true],
      ["429", { status: 429 }, false],
      ["404", { status: 404 }, false],
      ["a refused connection", refused(), true],
      ["a connection that ended", disconnected(), true],
      ["an invalid URL", new Errors.InvalidURL({ url: "x", reason: "Syntax", description: "no URL" }), false],
      ["an error of a middleware", new Errors.MiddlewareError({ reason: "RateLimited" }), false]
    ]
    for (const [name, reply, expected] of rows) {
      it.effect(`${expected ? "includes" : "does not include"} ${name}`, () =>
        Effect.gen(function* () {
          const breaker = yield* Middleware.circuitBreaker({ failures: 1 })
          yield* outcome(breaker, reply)
          assert.strictEqual(yield* outcome(breaker, { status: 200 }), expected ? "CircuitOpen" : 200)
        })
      )
    }

    it.effect("is decided by isFailure", () =>
      Effect.gen(function* () {
        const breaker = yield* Middleware.circuitBreaker({
          failures: 1,
          isFailure: (what) => !Errors.isClientError(what) && what.status === 429
        })
        yield* outcome(breaker, { status: 500 })
        yield* outcome(breaker, refused())
        assert.strictEqual(yield* outcome(breaker, { status: 429 }), 429)
        assert.strictEqual(yield* outcome(breaker, { status: 200 }), "CircuitOpen")
      })
    )
  })
})
