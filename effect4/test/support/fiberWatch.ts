/** The fibers that outlive the effect which started them. */
import { Effect, Fiber, Metric } from "effect"

/** Whether fibers are seen that no fiber of the effect has started: Effect 4 keeps no list of fibers. */
export const seesEveryFiber = false

export interface FiberWatch {
  /** The effect, whose fibers are watched. */
  readonly watched: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The number of fibers that still run, without those that their parent supervises. */
  readonly left: () => number
}

/** The fibers of the effect and those that they start count their starts and ends. */
export const fiberWatch: Effect.Effect<FiberWatch> = Effect.sync(() => {
  let running = 0
  const counter: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => void running++,
    recordFiberEnd: () => void running--
  }
  return {
    // In a fiber of its own, whose children end with it.
    watched: (effect) =>
      Effect.flatMap(
        Effect.provideService(
          Effect.forkChild(effect, { startImmediately: true, uninterruptible: "inherit" }),
          Metric.FiberRuntimeMetrics,
          counter
        ),
        (fiber) => Effect.onInterrupt(Fiber.join(fiber), () => Fiber.interrupt(fiber))
      ),
    left: () => running
  }
})
