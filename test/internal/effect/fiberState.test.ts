import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { clockOf, environmentOf, isDefaultClock, stateOf } from "../../../src/internal/effect/fiberState.js"
import { run } from "../../../src/internal/effect/fibers.js"
import { heldClock } from "../../support/clock.js"

class Flag extends Context.Reference<Flag>()("test/effect/Flag", { defaultValue: () => "unset" }) {}

describe("The state of a fiber", () => {
  it.live("keeps its References and its Clock when the fiber runs another effect", () =>
    Effect.gen(function* () {
      const { clock } = heldClock()
      const inside = Effect.withFiberRuntime<readonly [string, boolean]>((fiber) => {
        const state = stateOf(fiber)
        const flag = Effect.map(Flag, (value): readonly [string, boolean] => [value, clockOf(state) === clock])
        return Fiber.join(run(environmentOf(state), flag))
      })
      const found = yield* Effect.withClock(Effect.provideService(inside, Flag, "set"), clock)
      assert.deepStrictEqual(found, ["set", true])
    })
  )

  it.live("recognises the default Clock", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* Effect.map(Effect.clockWith(Effect.succeed), isDefaultClock))
      assert.isFalse(isDefaultClock(heldClock().clock))
      assert.isAbove(yield* Clock.currentTimeMillis, 0)
    })
  )
})
