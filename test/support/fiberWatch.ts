/** The fibers that outlive the effect which started them. */
import { Effect, Fiber } from "effect"

/** Whether the watch also sees fibers that no fiber of the effect has started. */
export const seesEveryFiber = true

export interface FiberWatch {
  /** The effect, whose fibers are watched. */
  readonly watched: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The number of fibers that still run, without those that their parent supervises. */
  readonly left: () => number
}

export const fiberWatch: Effect.Effect<FiberWatch> = Effect.map(Fiber.roots, (roots) => {
  const before = new Set(roots)
  return {
    watched: (effect) => effect,
    left: () => Effect.runSync(Fiber.roots).filter((fiber) => !before.has(fiber) && fiber.unsafePoll() === null).length
  }
})
