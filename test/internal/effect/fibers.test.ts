import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { currentEnvironment } from "../../../src/internal/effect/fiberState.js"
import { forkAtOnce, forkWithin, interruptSoon, onExit, run, runLater } from "../../../src/internal/effect/fibers.js"
import { turns } from "../../support/wait.js"

describe("A fiber", () => {
  it.live("is interrupted after the caller has continued, not inside its call", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const ending = Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("interrupted")))
      const fiber = run(yield* currentEnvironment, ending)
      yield* turns(2)
      interruptSoon(fiber)
      order.push("caller")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(order, ["caller", "interrupted"])
    })
  )

  it.live("starts within run, and starts after the caller has continued with runLater", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const environment = yield* currentEnvironment
      const step = (name: string) => Effect.sync(() => order.push(name))
      run(environment, step("run"))
      const later = runLater(environment, step("later"))
      order.push("caller")
      yield* Fiber.join(later)
      assert.deepStrictEqual(order, ["run", "caller", "later"])
    })
  )

  it.live("reports its exit to an observer, unless the observer was removed", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const fiber = runLater(yield* currentEnvironment, Effect.succeed(1))
      onExit(fiber, (exit) => seen.push(exit._tag))
      const remove = onExit(fiber, () => seen.push("removed"))
      remove()
      yield* Fiber.join(fiber)
      yield* turns(1)
      assert.deepStrictEqual(seen, ["Success"])
    })
  )

  it.live("that forkAtOnce starts has started before an interruption in the next microtask", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const effect = Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("finalizer")))
      const fiber = yield* forkAtOnce(effect)
      yield* Effect.promise(() => Promise.resolve())
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(order, ["finalizer"])
    })
  )

  it.live("is as interruptible as the fiber that forks it", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const steps = Effect.zipRight(
        turns(2),
        Effect.sync(() => order.push("end"))
      )
      for (const fork of [forkAtOnce(steps), Effect.forkDaemon(steps)]) {
        const fiber = yield* Effect.uninterruptible(fork)
        yield* turns(1)
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(order, ["end", "end"])
    })
  )

  it.live("in a Scope ends with the Scope, and starts even if the Scope is closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const order: Array<string> = []
      const ended = (name: string) =>
        Effect.flatMap(Effect.exit(Effect.interruptible(Effect.never)), (exit) =>
          Effect.sync(() => order.push(`${name} ${exit._tag}`))
        )
      const open = yield* Effect.uninterruptible(forkWithin(ended("open"), scope))
      yield* turns(2)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(open)
      const closed = yield* Effect.uninterruptible(forkWithin(ended("closed"), scope))
      yield* Fiber.await(closed)
      assert.deepStrictEqual(order, ["open Failure", "closed Failure"])
    })
  )
})
