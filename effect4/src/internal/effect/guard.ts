/** Guards an effect so that a handler runs however it ends. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { AnyFiber } from "./fibers.js"

/** Restores the interruptibility of the fiber inside a guard. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** What continues after a guarded effect. Interruptions wait until it has ended. */
export interface Handlers<A, E, A2, E2, R2> {
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<A2, E2, R2>
  readonly onSuccess: (value: A) => Effect.Effect<A2, E2, R2>
}

/** An effect that is made in its fiber. `restore` belongs to this fiber, and is passed to `guard`. */
export const withRestore = <A, E, R>(
  make: (fiber: AnyFiber, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => restore(Effect.withFiber<A, E, R>((fiber) => make(fiber, restore))))

/**
 * Runs `effect`, which can be interrupted if its fiber can, then a handler, which cannot. Nothing may be acquired before
 * the first step of `effect`, as an interruption before it runs no handler.
 */
export const guard = <A, E, R, A2, E2, R2>(
  restore: Restore,
  effect: Effect.Effect<A, E, R>,
  handlers: Handlers<A, E, A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> => Effect.uninterruptible(Effect.matchCauseEffect(restore(effect), handlers))
