/** Effects that a callback completes. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { guard, type Handlers, withRestore } from "./guard.js"

/** Starts to wait. Calls `resume` once with the effect that continues. */
export type Register<A, E, R, Stop = undefined> = (resume: (effect: Effect.Effect<A, E, R>) => void) => Stop

/**
 * An effect that continues with the effect that `resume` gets. The waiting fiber continues in a later microtask and never
 * inside `resume`, so `resume` may be called in the middle of a change of state. Use `cancellable` if the wait must be
 * ended when the fiber is interrupted.
 */
export const callback: <A, E = never, R = never>(register: Register<A, E, R>) => Effect.Effect<A, E, R> = Effect.async

/** One wait of `cancellable`. */
class Wait<A, E, R> implements Handlers<A, E, A, E, R> {
  readonly effect: Effect.Effect<A, E, R>
  private stop: (() => void) | undefined = undefined

  constructor(register: Register<A, E, R, (() => void) | undefined>) {
    this.effect = callback((resume) => {
      this.stop = register(resume)
    })
  }

  readonly onFailure = (cause: Cause.Cause<E>): Effect.Effect<never, E> => {
    const { stop } = this
    if (stop !== undefined && Cause.isInterruptedOnly(cause)) stop()
    return Effect.failCause(cause)
  }

  readonly onSuccess: (value: A) => Effect.Effect<A> = Exit.succeed
}

/**
 * Like `callback`; an interruption calls the function that `register` returned. `Effect.async` with a finalizer takes more
 * steps, and its object literals may move to V8's old generation and keep garbage alive there.
 */
export const cancellable = <A, E = never, R = never>(
  register: Register<A, E, R, (() => void) | undefined>
): Effect.Effect<A, E, R> =>
  withRestore((_, restore) => {
    const wait = new Wait(register)
    return guard(restore, wait.effect, wait)
  })
