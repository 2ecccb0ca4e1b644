/**
 * A scheduler that counts the operations of fibers, and does something before one of them.
 */
import { Effect, type Fiber, Scheduler } from "effect"
import { activeMillis } from "./time.js"

/** Stops the fiber before operation `at`, counted from 1, and calls `act` before it goes on. */
export class Steps implements Scheduler.Scheduler {
  count = 0
  private readonly at: number
  private readonly act: () => void
  private stopped = false

  constructor(at: number, act: () => void) {
    this.at = at
    this.act = act
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    this.count++
    if (this.count !== this.at) return Scheduler.defaultShouldYield(fiber)
    this.stopped = true
    return 0
  }

  scheduleTask(task: () => void, priority: number, fiber?: Fiber.RuntimeFiber<unknown, unknown>): void {
    const stopped = this.stopped
    this.stopped = false
    Scheduler.defaultScheduler.scheduleTask(
      () => {
        if (stopped) this.act()
        task()
      },
      priority,
      fiber
    )
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
  Effect.iterate(from, {
    while: (at) => at > 0,
    body: (at) => Effect.map(test(at), (reached) => (reached ? at + by : -at))
  }).pipe(Effect.map((last) => -last))

/** Dies if an effect does not end within so many milliseconds, without those for which the machine held it up. */
export const promptly = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, millis = 5000) =>
  Effect.raceFirst(
    Effect.disconnect(effect),
    Effect.zipRight(activeMillis(millis), Effect.dieMessage(`${what} did not end`))
  )
