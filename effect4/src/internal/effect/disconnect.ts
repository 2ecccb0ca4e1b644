/** Interruption without waiting. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** The effect, whose interruption takes place in the background: the caller does not wait for it. */
export const disconnect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(restore(effect), { startImmediately: true, uninterruptible: "inherit" }),
      (fiber) => Effect.onInterrupt(restore(Fiber.join(fiber)), () => Effect.sync(() => fiber.interruptUnsafe()))
    )
  )
