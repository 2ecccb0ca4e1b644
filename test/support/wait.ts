/**
 * Waits for a condition without guessing how long it takes. The test's own time limit bounds every wait.
 */
import { Effect } from "effect"
import { turn } from "../../src/internal/testing/faultServer.js"
import { activeMillis } from "./time.js"

/** A few milliseconds of real time, whatever the fiber's Clock. */
const rest = Effect.async<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 2)
  return Effect.sync(() => clearTimeout(timer))
})

/** The number of looks after which a wait pauses between looks, to leave the processor to other processes. */
const eager = 500

const looking = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean,
  looks: number
): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (value) =>
    holds(value) ? Effect.succeed(value) : Effect.zipRight(looks < eager ? turn : rest, looking(look, holds, looks + 1))
  )

/** Looks once each turn of the event loop until the value of `look` satisfies `holds`. */
export const untilValue = <A, E, R>(
  look: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<A, E, R> => looking(look, holds, 0)

/** Looks once each turn of the event loop until the condition holds. */
export const until = (condition: () => boolean | Effect.Effect<boolean>): Effect.Effect<void> => {
  const look = Effect.suspend(() => {
    const value = condition()
    return typeof value === "boolean" ? Effect.succeed(value) : value
  })
  return Effect.asVoid(untilValue(look, (value) => value))
}

/** Waits until a count is above 0 and stays the same for 50 active milliseconds. */
export const stable = (count: () => number, last = 0): Effect.Effect<number> =>
  Effect.flatMap(activeMillis(50), () => {
    const now = count()
    return now === last && now > 0 ? Effect.succeed(now) : stable(count, now)
  })

/** Waits for so many turns of the event loop. */
export const turns = (count: number): Effect.Effect<void> => Effect.repeatN(turn, count)

export { turn }
