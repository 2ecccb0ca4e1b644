/**
 * Deadlines on a time that only the test advances.
 */
import type { Deadline, Deadlines } from "../../src/internal/transport/deadlines.js"

export class ManualDeadlines implements Deadlines {
  private time: number
  private readonly entries = new Set<{ readonly at: number; readonly fire: () => void }>()

  constructor(start = 0) {
    this.time = start
  }

  readonly now = () => this.time
  readonly schedule = (at: number, fire: () => void): Deadline => {
    if (at === Infinity) return { cancel: () => {} }
    const entry = { at, fire }
    this.entries.add(entry)
    return { cancel: () => void this.entries.delete(entry) }
  }
  readonly scheduleIdle = this.schedule
  readonly limit = () => {}
  readonly endLimit = () => {}

  /** The number of deadlines that have neither fired nor been cancelled. */
  get pending(): number {
    return this.entries.size
  }

  /** Advances the time, and fires the deadlines in between in order. */
  advance(millis: number): void {
    const until = this.time + millis
    for (;;) {
      const due = [...this.entries].filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.entries.delete(due)
      this.time = Math.max(this.time, due.at)
      due.fire()
    }
    this.time = until
  }
}
