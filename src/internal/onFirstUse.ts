/**
 * Loads modules on first use, so that importing this package does not load code that few programs need. The argument is
 * `() => import("./module.js")`, which bundlers follow.
 */
import * as Effect from "effect/Effect"

/** A module that is loaded on first use. */
export interface FirstUse<A> {
  /** Loads the module, once per process. A module that cannot be loaded is a defect. */
  readonly load: Effect.Effect<A>
  /** The module if it was loaded, for synchronous code. */
  readonly loaded: A | undefined
}

export const onFirstUse = <A>(load: () => Promise<A>): FirstUse<A> => {
  let loaded: A | undefined
  const first = Effect.map(Effect.promise(load), (module) => {
    loaded = module
    return module
  })
  return {
    load: Effect.suspend(() => (loaded === undefined ? first : Effect.succeed(loaded))),
    get loaded() {
      return loaded
    }
  }
}
