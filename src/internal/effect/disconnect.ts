/** Interrupts effects without waiting for them. */
import * as Effect from "effect/Effect"

/** The same effect. Its interruption continues in the background, so that the caller does not wait for it. */
export const disconnect: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.disconnect
