import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, TestClock } from "effect"
import * as Middleware from "effect-http-session/Middleware"
import { request, script } from "./support.js"

describe("rateLimit", () => {
  it.scoped("allows the limit in any interval, and delays the others in order", () =>
    Effect.gen(function* () {
      const limited = yield* Middleware.rateLimit({ limit: 2, interval: "1 second" })
      const run = script([{ status: 200 }])
      const asked = yield* Effect.all([1, 2, 3, 4, 5].map((index) => request("GET", `http://a.test/${index}`)))
      const fiber = yield* Effect.fork(
        Effect.all(
          asked.map((one) => limited(one, run.next)),
          { concurrency: "unbounded" }
        )
      )
      const advance = (millis: number) =>
        Effect.map(TestClock.adjust(millis), () => run.seen.map((sent) => sent.url.slice(-1)).join(""))
      assert.strictEqual(yield* advance(0), "12")
      assert.strictEqual(yield* advance(999), "12")
      assert.strictEqual(yield* advance(1), "1234")
      assert.strictEqual(yield* advance(999), "1234")
      assert.strictEqual(yield* advance(1), "12345")
      yield* Fiber.join(fiber)
    })
  )

  it.scoped("uses a sliding interval", () =>
    Effect.gen(function* () {
      const limited = yield* Middleware.rateLimit({ limit: 2, interval: 1000, wait: false })
      const run = script([{ status: 200 }])
      const asked = yield* request()
      const goes = (millis: number) =>
        Effect.zipRight(TestClock.adjust(millis), Effect.map(Effect.exit(limited(asked, run.next)), Exit.isSuccess))
      // At 0, 900, 950, 1000, 1050, 1900.
      assert.deepStrictEqual(yield* Effect.all([goes(0), goes(900), goes(50), goes(50), goes(50), goes(850)]), [
        true,
        true,
        false,
        true,
        false,
        true
      ])
    })
  )

  it.scoped("counts by key", () =>
    Effect.gen(function* () {
      const limited = yield* Middleware.rateLimit({
        limit: 1,
        interval: 1000,
        wait: false,
        key: (sent) => new URL(sent.url).host
      })
      const run = script([{ status: 200 }])
      const goes = (url: string) =>
        Effect.flatMap(request("GET", url), (asked) => Effect.exit(limited(asked, run.next))).pipe(
          Effect.map(Exit.isSuccess)
        )
      assert.deepStrictEqual(
        yield* Effect.all([goes("http://a/"), goes("http://b/"), goes("http://a/"), goes("http://b/")]),
        [true, true, false, false]
      )
    })
  )

  it.scoped("fails at once with wait: false, and sends nothing", () =>
    Effect.gen(function* () {
      const limited = yield* Middleware.rateLimit({ limit: 1, interval: "1 second", wait: false })
      const run = script([{ status: 200 }])
      const asked = yield* request()
      yield* limited(asked, run.next)
      const error = yield* Effect.flip(limited(asked, run.next))
      assert.strictEqual(error._tag === "MiddlewareError" && error.reason, "RateLimited")
      assert.include(error.message, "1000 ms")
      assert.strictEqual(run.seen.length, 1)
    })
  )

  it.scoped("does not spend a slot on an interrupted waiter", () =>
    Effect.gen(function* () {
      const limited = yield* Middleware.rateLimit({ limit: 1, interval: "1 second" })
      const run = script([{ status: 200 }])
      const ask = (path: string) =>
        Effect.flatMap(request("GET", `http://a/${path}`), (asked) => Effect.fork(limited(asked, run.next)))
      yield* ask("1")
      yield* TestClock.adjust(0)
      const first = yield* ask("2")
      const second = yield* ask("3")
      yield* ask("4")
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(first)
      yield* Fiber.interrupt(second)
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(
        run.seen.map((sent) => sent.url),
        ["http://a/1", "http://a/4"]
      )
    })
  )

  it.effect("keeps the state of many keys while it limits requests", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const limited = yield* Scope.extend(
        Middleware.rateLimit({ limit: 1, interval: 1000, wait: false, key: (sent) => sent.url }),
        scope
      )
      const run = script([{ status: 200 }])
      for (let index = 0; index < 1100; index++) yield* limited(yield* request("GET", `http://a/${index}`), run.next)
      // No key was evicted while it limited requests.
      const asked = yield* request("GET", "http://a/0")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(limited(asked, run.next))))
      yield* Scope.close(scope, Exit.void)
    })
  )

  for (const limit of [0, -1, 1.5, Number.NaN]) {
    it.scoped(`dies for a limit of ${limit}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Middleware.rateLimit({ limit, interval: 1000 }))
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      })
    )
  }
})
