/** Guards an effect: a handler runs however the effect ends. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { interruption } from "effect/RuntimeFlags"
import type { AnyFiber } from "./fibers.js"

/** Restores the interruptibility of the fiber inside a guard. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The handlers that continue after a guarded effect. They are uninterruptible. */
export interface Handlers<A, E, A2, E2, R2> {
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<A2, E2, R2>
  readonly onSuccess: (value: A) => Effect.Effect<A2, E2, R2>
}

/** An effect that `make` creates in its fiber. Pass `restore`, which belongs to this fiber, to `guard`. */
export const withRestore = <A, E, R>(
  make: (fiber: AnyFiber, restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime<A, E, R>((fiber, status) =>
    make(fiber, interruption(status.runtimeFlags) ? Effect.interruptible : Effect.uninterruptible)
  )

/**
 * Runs `effect`, which is interruptible if its fiber is, then a handler, which is not. An interruption before the first
 * step of `effect` runs no handler, so nothing may be acquired before it. Takes fewer steps than
 * `Effect.uninterruptibleMask`.
 */
export const guard = <A, E, R, A2, E2, R2>(
  restore: Restore,
  effect: Effect.Effect<A, E, R>,
  handlers: Handlers<A, E, A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> => Effect.uninterruptible(Effect.matchCauseEffect(restore(effect), handlers))
