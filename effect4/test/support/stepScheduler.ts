/**
 * A scheduler that counts the operations of fibers, and does something before one of them.
 */
import { type Fiber, Scheduler } from "effect"

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
