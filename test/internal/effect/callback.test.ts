import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { callback, cancellable } from "../../../src/internal/effect/callback.js"
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
      assert.strictEqual(
        yield* callback<number>((settle) => {
          settle(Effect.succeed(1))
        }),
        1
      )
    })
  )
})

describe("cancellable", () => {
  /** A wait that counts its cancellations, and the function that resumes it. */
  const counting = <A, E>() => {
    const wait = { cancelled: 0, resume: (_: Effect.Effect<A, E>): void => assert.fail("expected the wait to begin") }
    const effect = cancellable<A, E>((settle) => {
      wait.resume = settle
      return () => {
        wait.cancelled++
      }
    })
    return { effect, wait }
  }

  it.live("calls the function once when the fiber is interrupted", () =>
    Effect.gen(function* () {
      const { effect, wait } = counting<void, never>()
      const fiber = yield* Effect.fork(effect)
      yield* turns(2)
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual(wait.cancelled, 1)
    })
  )

  it.live("does not call the function after a success or a failure", () =>
    Effect.gen(function* () {
      for (const outcome of [Exit.succeed(1), Exit.fail("no"), Exit.die("defect")]) {
        const { effect, wait } = counting<number, string>()
        const fiber = yield* Effect.fork(effect)
        yield* turns(2)
        wait.resume(outcome)
        assert.deepStrictEqual(yield* Fiber.await(fiber), outcome)
        assert.strictEqual(wait.cancelled, 0)
      }
    })
  )

  it.live("calls the function if the effect that continues is interrupted", () =>
    Effect.gen(function* () {
      const { effect, wait } = counting<void, never>()
      const fiber = yield* Effect.fork(effect)
      yield* turns(2)
      wait.resume(Effect.never)
      yield* turns(2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(wait.cancelled, 1)
    })
  )

  it.live("succeeds if it is resumed while it registers", () =>
    Effect.gen(function* () {
      const value = yield* cancellable<number>((settle) => {
        settle(Effect.succeed(1))
        return undefined
      })
      assert.strictEqual(value, 1)
    })
  )

  it.live("ends before an interruption if its fiber is uninterruptible", () =>
    Effect.gen(function* () {
      const { effect, wait } = counting<number, never>()
      let value = 0
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          Effect.map(effect, (settled) => {
            value = settled
          })
        )
      )
      yield* turns(2)
      yield* Effect.fork(Fiber.interrupt(fiber))
      yield* turns(2)
      wait.resume(Effect.succeed(1))
      yield* Fiber.await(fiber)
      assert.strictEqual(value, 1)
      assert.strictEqual(wait.cancelled, 0)
    })
  )
})
