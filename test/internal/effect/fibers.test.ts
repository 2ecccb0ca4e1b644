import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { currentEnvironment } from "../../../src/internal/effect/fiberState.js"
import { interruptSoon, onExit, run, runLater } from "../../../src/internal/effect/fibers.js"
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

  it.live("begins now with run, and after the caller has continued with runLater", () =>
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
})
