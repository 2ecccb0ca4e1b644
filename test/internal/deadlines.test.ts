import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Deadlines from "../../src/internal/transport/deadlines.js"

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
      const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const late = yield* Effect.async<number>((resume) => {
        const at = deadlines.now() + 20
        deadlines.schedule(at, () => resume(Effect.succeed(deadlines.now() - at)))
      })
      assert.isAtLeast(late, 0)
      deadlines.schedule(deadlines.now() + 1e12, () => assert.fail("fired")).cancel()
      deadlines.schedule(Infinity, () => assert.fail("fired"))
      assert.strictEqual(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, before)
    })
  )
})
