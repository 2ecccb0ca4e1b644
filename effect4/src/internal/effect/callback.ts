/** Effects that a callback completes. */
import * as Effect from "effect/Effect"

/**
 * An effect that continues with the effect that `resume` gets; call `resume` once. The waiting fiber continues in a
 * later microtask and never inside `resume`, so `resume` may be called in the middle of a change of state.
 * `Effect.callback` alone would run the fiber inside `resume`. An interruption runs the effect that `register`
 * returned.
 */
export const callback = <A, E = never, R = never>(
  register: (resume: (effect: Effect.Effect<A, E, R>) => void) => void | Effect.Effect<void, never, R>
): Effect.Effect<A, E, R> =>
  Effect.callback<A, E, R>((resume) => {
    let within = true
    const cancel = register((effect) => {
      if (within) resume(effect)
      else queueMicrotask(() => resume(effect))
    })
    within = false
    return cancel
  })
