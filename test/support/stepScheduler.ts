/**
 * A scheduler that counts the operations of fibers, and calls a function before one of them.
 */
import { type Fiber, Scheduler } from "effect"

/** Pauses the fiber before operation `at`, counted from 1, and calls `act` before it continues. */
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
