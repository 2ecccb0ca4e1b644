/** Effects that a callback completes. */
import * as Effect from "effect/Effect"

/** Starts to wait. Calls `resume` once with the effect that continues. */
export type Register<A, E, R, Stop = undefined> = (resume: (effect: Effect.Effect<A, E, R>) => void) => Stop

/**
 * An effect that continues with the effect that `resume` gets. The waiting fiber continues in a later microtask and never
 * inside `resume`, so `resume` may be called in the middle of a change of state. `Effect.callback` alone would run the
 * fiber inside `resume`. Use `cancellable` if the wait must be ended when the fiber is interrupted.
 */
export const callback = <A, E = never, R = never>(register: Register<A, E, R>): Effect.Effect<A, E, R> =>
  cancellable((resume) => {
    register(resume)
    return undefined
  })

/** Like `callback`; an interruption calls the function that `register` returned. */
export const cancellable = <A, E = never, R = never>(
  register: Register<A, E, R, (() => void) | undefined>
): Effect.Effect<A, E, R> =>
  Effect.callback<A, E, R>((resume) => {
    let within = true
    const stop = register((effect) => {
      if (within) resume(effect)
      else queueMicrotask(() => resume(effect))
    })
    within = false
    return stop === undefined ? undefined : Effect.sync(stop)
  })
