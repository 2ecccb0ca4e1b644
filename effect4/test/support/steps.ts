/**
 * A scheduler that counts the operations of fibers, and does something before one of them.
 */
import { Effect, type Fiber, Scheduler } from "effect"
import { disconnect } from "../../src/internal/effect/disconnect.js"
import { activeMillis } from "./time.js"

/** Stops the fiber before operation `at`, counted from 1, and calls `act` before it goes on. */
export class Steps implements Scheduler.Scheduler {
  readonly executionMode = "async"
  count = 0
  private readonly at: number
  private readonly act: () => void
  private readonly inner = new Scheduler.MixedScheduler()
  private stopped = false

  constructor(at: number, act: () => void) {
    this.at = at
    this.act = act
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.count++
    if (this.count !== this.at) return this.inner.shouldYield(fiber)
    this.stopped = true
    return true
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const dispatcher = this.inner.makeDispatcher()
    return {
      flush: () => dispatcher.flush(),
      scheduleTask: (task, priority) => {
        const stopped = this.stopped
        this.stopped = false
        dispatcher.scheduleTask(() => {
          if (stopped) this.act()
          task()
        }, priority)
      }
    }
  }
}

/** Every how many steps something is done: all of them in a full run, fewer in a short one. */
export const stride = process.env.FULL_FAULTS === undefined ? 7 : 1

/** Runs `test` once for every Nth step, until it is over before its step comes. */
export const atEveryStep = <E, R>(
  test: (at: number) => Effect.Effect<boolean, E, R>,
  from = 1,
  by = stride
): Effect.Effect<number, E, R> =>
  Effect.flatMap(test(from), (reached) => (reached ? atEveryStep(test, from + by, by) : Effect.succeed(from)))

/** Dies if an effect does not end within so many milliseconds, without those for which the machine held it up. */
export const promptly = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, millis = 5000) =>
  Effect.raceFirst(
    disconnect(effect),
    Effect.andThen(activeMillis(millis), Effect.die(new Error(`${what} did not end`)))
  )
