import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { backoff, driverOf, stepsOf } from "../../../src/internal/effect/schedules.js"

describe("A schedule", () => {
  it.effect("returns the delays of its steps until it ends", () =>
    Effect.gen(function* () {
      const steps = yield* stepsOf(Schedule.recurs(2))
      assert.deepStrictEqual(
        [yield* steps(0, undefined), yield* steps(0, undefined), yield* steps(0, undefined)],
        [0, 0, undefined]
      )
      const spaced = yield* stepsOf(Schedule.spaced("3 seconds"))
      assert.strictEqual(yield* spaced(1000, undefined), 3000)
    })
  )

  it.effect("starts again after its driver is reset", () =>
    Effect.gen(function* () {
      const driver = yield* driverOf(Schedule.recurs(1))
      assert.deepStrictEqual([yield* driver.after(undefined), yield* driver.after(undefined)], [true, false])
      yield* driver.reset
      assert.isTrue(yield* driver.after(undefined))
    })
  )

  it.effect("backs off up to its limit", () =>
    Effect.gen(function* () {
      const steps = yield* stepsOf(backoff(Duration.millis(200), Duration.seconds(5)))
      let last: number | undefined = 0
      for (let count = 0; count < 10; count++) last = yield* steps(0, undefined)
      assert.strictEqual(last, 5000)
    })
  )
})
