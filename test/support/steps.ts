/**
 * Tests that do something at each step of a request.
 */
import { Effect } from "effect"
import { disconnect } from "../../src/internal/effect/disconnect.js"
import { activeMillis } from "./time.js"

/** The distance between two tested steps: 1 in a full run, more in a short one. */
export const stride = process.env.FULL_FAULTS === undefined ? 7 : 1

/** Runs `test` for every Nth step, until it ends before it reaches its step. */
export const atEveryStep = <E, R>(
  test: (at: number) => Effect.Effect<boolean, E, R>,
  from = 1,
  by = stride
): Effect.Effect<number, E, R> =>
  Effect.flatMap(test(from), (reached) => (reached ? atEveryStep(test, from + by, by) : Effect.succeed(from)))

/** Dies if an effect does not end within so many active milliseconds of the process. */
export const promptly = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, millis = 5000) =>
  Effect.raceFirst(disconnect(effect), Effect.zipRight(activeMillis(millis), Effect.dieMessage(`${what} did not end`)))
