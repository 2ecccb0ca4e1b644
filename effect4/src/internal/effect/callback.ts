/** Effects that a callback completes. */
import * as Effect from "effect/Effect"

/**
 * The effect that succeeds or fails as `resume` says, which is called once. The waiting fiber never runs inside `resume`
 * but in a later microtask, so `resume` may be called in the middle of a change of state: `Effect.callback` alone would
 * run the fiber inside `resume`. Interruption runs the effect that `register` returned.
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
