/** Interruption without waiting. */
import * as Effect from "effect/Effect"

/** The effect, whose interruption takes place in the background: the caller does not wait for it. */
export const disconnect: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.disconnect
