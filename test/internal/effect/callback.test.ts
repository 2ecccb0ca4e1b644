import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { callback } from "../../../src/internal/effect/callback.js"
import { turns } from "../../support/wait.js"

describe("callback", () => {
  it.live("never runs the waiting fiber inside the call that resumes it", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      let resume: (() => void) | undefined
      const waiting = callback<void>((settle) => {
        resume = () => settle(Effect.void)
      })
      const fiber = yield* Effect.fork(
        Effect.zipRight(
          waiting,
          Effect.sync(() => order.push("fiber"))
        )
      )
      yield* turns(2)
      resume?.()
      order.push("caller")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(order, ["caller", "fiber"])
    })
  )

  it.live("succeeds if it is resumed while it registers", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* callback<number>((settle) => settle(Effect.succeed(1))), 1)
    })
  )

  it.live("runs its cancellation when it is interrupted", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const fiber = yield* Effect.fork(
        callback<void>(() =>
          Effect.sync(() => {
            cancelled++
          })
        )
      )
      yield* turns(2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(cancelled, 1)
    })
  )
})
