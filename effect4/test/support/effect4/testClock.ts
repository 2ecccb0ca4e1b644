/** The TestClock as Effect 3 has it: fibers reach their sleeps before it moves, and go on before the test does. */
import { type Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { turns } from "../wait.js"

const settled = turns(10)

export const adjust = (duration: Duration.Input): Effect.Effect<void> =>
  Effect.andThen(settled, Effect.andThen(TestClock.adjust(duration), settled))

export const setTime = (millis: number): Effect.Effect<void> =>
  Effect.andThen(settled, Effect.andThen(TestClock.setTime(millis), settled))
