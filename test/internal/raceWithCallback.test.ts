import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FiberId, FiberRef } from "effect"
import { raceWithCallback } from "../../src/internal/raceWithCallback.js"
import { fiberWatch } from "../support/fiberWatch.js"
import { turns, until } from "../support/stages.js"
import { Steps } from "../support/stepScheduler.js"
import { atEveryStep, promptly } from "../support/steps.js"
import { turn } from "../support/wait.js"

const quiet = () => () => {}

describe("raceWithCallback", () => {
  it.effect("applies the FiberRefs of the effect", () =>
    Effect.gen(function* () {
      const ref = FiberRef.unsafeMake("before")
      assert.strictEqual(yield* raceWithCallback(Effect.as(FiberRef.set(ref, "after"), 1), quiet), 1)
      assert.strictEqual(yield* FiberRef.get(ref), "after")
    })
  )

  it.effect("returns the effect's result, and calls the cleanup once", () =>
    Effect.gen(function* () {
      let stops = 0
      const begin = () => () => {
        stops++
      }
      assert.strictEqual(yield* raceWithCallback(Effect.succeed(1), begin), 1)
      assert.deepStrictEqual(yield* Effect.exit(raceWithCallback(Effect.fail("no"), begin)), Exit.fail("no"))
      assert.strictEqual(stops, 2)
    })
  )

  it.effect("fails with the callback's error, after its effect has ended", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      let end: (error: string) => void = () => {}
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          raceWithCallback(
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

  it.effect("fails if the callback is called before the effect starts", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        raceWithCallback(Effect.never, (fail) => {
          fail("at once")
          return () => {}
        })
      )
      assert.deepStrictEqual(exit, Exit.fail("at once"))
    })
  )

  it.effect("does not interrupt its effect if the caller is uninterruptible", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<string>()
      const seen: Array<string> = []
      const raced = Effect.tap(raceWithCallback(Deferred.await(gate), quiet), (value) =>
        Effect.sync(() => seen.push(value))
      )
      const fiber = yield* Effect.fork(Effect.uninterruptible(raced))
      yield* Effect.yieldNow()
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow().pipe(Effect.repeatN(10))
      assert.isNull(fiber.unsafePoll())
      yield* Deferred.succeed(gate, "late")
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(seen, ["late"])
    })
  )

  it.live("does not wait for an uninterruptible effect when the callback is called", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const stubborn = Effect.zipRight(
        Effect.uninterruptible(Deferred.await(gate)),
        Effect.sync(() => seen.push("went on"))
      ).pipe(Effect.ensuring(Effect.sync(() => seen.push("ended"))))
      const exit = yield* Effect.exit(
        raceWithCallback(stubborn, (fail) => {
          const timer = setImmediate(() => fail("over"))
          return () => {
            clearImmediate(timer)
            seen.push("stop")
          }
        })
      )
      assert.deepStrictEqual(exit, Exit.fail("over"))
      assert.deepStrictEqual(seen, ["stop"])
      // The effect ends at its next interruptible step.
      yield* Deferred.succeed(gate, undefined)
      yield* until(() => seen.length > 1)
      assert.deepStrictEqual(seen, ["stop", "ended"])
    })
  )

  it.live("waits for an uninterruptible effect after an interrupt, until the callback is called", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let end: (error: string) => void = () => {}
      const fiber = yield* Effect.fork(
        raceWithCallback(Effect.uninterruptible(Deferred.await(gate)), (fail) => {
          end = fail
          return () => {}
        })
      )
      yield* turns(3)
      yield* Fiber.interruptFork(fiber)
      yield* turns(3)
      assert.isNull(fiber.unsafePoll())
      end("over")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      yield* Deferred.succeed(gate, undefined)
    })
  )

  it.effect("interrupts its effect if the start function throws", () =>
    Effect.gen(function* () {
      const { left, watched } = yield* fiberWatch
      const exit = yield* Effect.exit(
        watched(
          raceWithCallback(Effect.never, () => {
            throw new Error("clock")
          })
        )
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.strictEqual(left(), 0)
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
            fiber = Effect.runFork(raceWithCallback(Deferred.await(gate), quiet), { scheduler: steps })
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
