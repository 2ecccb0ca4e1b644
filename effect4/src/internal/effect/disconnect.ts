/** Interrupts effects without waiting for them. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** The same effect. Its interruption continues in the background, so that the caller does not wait for it. */
export const disconnect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(restore(effect), { startImmediately: true, uninterruptible: "inherit" }),
      (fiber) => Effect.onInterrupt(restore(Fiber.join(fiber)), () => Effect.sync(() => fiber.interruptUnsafe()))
    )
  )
