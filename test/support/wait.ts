/**
 * Waiting for what is going to be, without guessing how long that takes. The test's own time limit bounds it.
 */
import { Effect } from "effect"
import { turn } from "../../src/internal/testing/faultServer.js"

/** Looks once each turn of the event loop, until it holds. */
export const until = <A, E, R>(look: Effect.Effect<A, E, R>, holds: (value: A) => boolean): Effect.Effect<A, E, R> =>
  Effect.flatMap(look, (value) => (holds(value) ? Effect.succeed(value) : Effect.zipRight(turn, until(look, holds))))

export { turn }
