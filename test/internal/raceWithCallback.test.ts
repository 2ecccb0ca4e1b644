import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FiberId, FiberRef } from "effect"
import { endedBy } from "../../src/internal/raceWithCallback.js"
import { atEveryStep, promptly, Steps } from "../support/steps.js"
import { turn } from "../support/wait.js"

const quiet = () => () => {}

describe("endedBy", () => {
  it.effect("gives what the effect gives, FiberRefs too, and says that it is over once", () =>
    Effect.gen(function* () {
      let stops = 0
      const begin = () => () => {
        stops++
      }
      const ref = FiberRef.unsafeMake("before")
      assert.strictEqual(yield* endedBy(Effect.as(FiberRef.set(ref, "after"), 1), begin), 1)
      assert.strictEqual(yield* FiberRef.get(ref), "after")
      assert.deepStrictEqual(yield* Effect.exit(endedBy(Effect.fail("no"), begin)), Exit.fail("no"))
      assert.strictEqual(stops, 2)
    })
  )

  it.effect("fails when it is ended, after what it has ended", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      let end: (error: string) => void = () => {}
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          endedBy(
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("inner"))),
            (fail) => {
              end = fail
              return () => order.push("stop")
            }
          )
        ).pipe(Effect.tapError(() => Effect.sync(() => order.push("outer"))))
      )
      yield* Effect.yieldNow()
      end("over")
      end("twice")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("over"))
      assert.deepStrictEqual(order, ["stop", "inner", "outer"])
    })
  )

  it.effect("fails where it is ended before it has begun", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        endedBy(Effect.never, (fail) => {
          fail("at once")
          return () => {}
        })
      )
      assert.deepStrictEqual(exit, Exit.fail("at once"))
    })
  )

  it.live("can be interrupted at any step", () =>
    Effect.gen(function* () {
      const last = yield* atEveryStep(
        (step) =>
          Effect.gen(function* () {
            let fiber: Fiber.RuntimeFiber<number> | undefined
            const steps = new Steps(step, () => fiber?.unsafeInterruptAsFork(FiberId.none))
            const gate = yield* Deferred.make<number>()
            fiber = Effect.runFork(endedBy(Deferred.await(gate), quiet), { scheduler: steps })
            yield* turn
            yield* Deferred.succeed(gate, 1)
            yield* promptly(Fiber.await(fiber), `step ${step}`)
            return steps.count >= step
          }),
        1,
        1
      )
      assert.isAbove(last, 10)
    })
  )
})
