import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as Deadlines from "../../../src/internal/transport/deadlines.js"
import { heldClock } from "../../support/clock.js"
import { until } from "../../support/wait.js"

/** The number of timers of this process. The test runner adds and removes some. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("deadlines", () => {
  it.effect("fire on the TestClock at their time, in order, and not when cancelled", () =>
    Effect.gen(function* () {
      const deadlines = Deadlines.of(yield* Effect.clock)
      const fired: Array<string> = []
      deadlines.schedule(2000, () => fired.push("b"))
      deadlines.schedule(1000, () => fired.push("a"))
      const cancelled = deadlines.schedule(1500, () => fired.push("never"))
      cancelled.cancel()
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(fired, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(fired, ["a"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(fired, ["a", "b"])
    })
  )

  it.live("fire on the default clock, never early, and leave no timer", () =>
    Effect.gen(function* () {
      const deadlines = Deadlines.of(yield* Effect.clock)
      const before = timers()
      const late = yield* Effect.async<number>((resume) => {
        const at = deadlines.now() + 20
        deadlines.schedule(at, () => resume(Effect.succeed(deadlines.now() - at)))
      })
      assert.isAtLeast(late, 0)
      deadlines.schedule(deadlines.now() + 1e12, () => assert.fail("fired")).cancel()
      deadlines.schedule(Infinity, () => assert.fail("fired"))
      yield* until(() => timers() <= before)
    })
  )
})

describe("deadlines that are due together", () => {
  it.effect("do not fire if one before them has cancelled them", () =>
    Effect.gen(function* () {
      const deadlines = Deadlines.of(yield* Effect.clock)
      const fired: Array<string> = []
      deadlines.schedule(1000, () => {
        fired.push("first")
        second.cancel()
      })
      const second = deadlines.schedule(1000, () => fired.push("second"))
      deadlines.schedule(1001, () => fired.push("third"))
      yield* TestClock.adjust(2000)
      assert.deepStrictEqual(fired, ["first", "third"])
    })
  )

  it.effect("of one Clock use one sleep, and none when all are cancelled", () =>
    Effect.gen(function* () {
      const { clock, sleeping } = heldClock()
      const deadlines = Deadlines.of(clock)
      const all = Array.from({ length: 100 }, (_, index) => deadlines.schedule(1000 + index, () => {}))
      const more = Array.from({ length: 100 }, (_, index) => deadlines.schedule(5000 + index, () => {}))
      assert.strictEqual(sleeping(), 1)
      for (const deadline of [...all, ...more]) deadline.cancel()
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.strictEqual(sleeping(), 0)
    })
  )
})

describe("atMost", () => {
  it.effect("ends when its callback is called", () =>
    Effect.gen(function* () {
      yield* Deadlines.atMost(Infinity, (done) => done())
      yield* Deadlines.atMost(1_000_000, (done) => {
        setImmediate(done)
      })
    })
  )

  it.effect("ends on the fiber's Clock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Deadlines.atMost(3_600_000, () => {}))
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(fiber.unsafePoll(), null)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
    })
  )

  it.effect("ends in real time if the Clock stands still, and leaves no timer", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(0)
      const before = timers()
      const started = performance.now()
      yield* Effect.uninterruptible(Deadlines.atMost(30, () => {}))
      assert.isAtLeast(performance.now() - started, 30)
      yield* until(() => timers() <= before)
    })
  )
})
