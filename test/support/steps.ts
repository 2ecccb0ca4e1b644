/**
 * Tests that do something at each step of a request.
 */
import { Effect } from "effect"
import { disconnect } from "../../src/internal/effect/disconnect.js"
import { activeMillis } from "./time.js"

/** Every how many steps something is done: all of them in a full run, fewer in a short one. */
export const stride = process.env.FULL_FAULTS === undefined ? 7 : 1

/** Runs `test` once for every Nth step, until it is over before its step is reached. */
export const atEveryStep = <E, R>(
  test: (at: number) => Effect.Effect<boolean, E, R>,
  from = 1,
  by = stride
): Effect.Effect<number, E, R> =>
  Effect.flatMap(test(from), (reached) => (reached ? atEveryStep(test, from + by, by) : Effect.succeed(from)))

/** Dies if an effect does not end within so many milliseconds, without those for which the machine held it up. */
export const promptly = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, millis = 5000) =>
  Effect.raceFirst(disconnect(effect), Effect.zipRight(activeMillis(millis), Effect.dieMessage(`${what} did not end`)))
