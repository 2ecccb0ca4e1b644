/**
 * When the phases of one hop began and how long they took.
 */
import type { Timings } from "../../ClientResponse.js"
import type { Phase } from "../../Timeouts.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Marks } from "../transport/Transport.js"

export class Timeline implements Marks {
  current: Phase = "queue"
  private readonly deadlines: Deadlines
  private readonly startedAt: number
  private began = 0
  private readonly spent: { [P in Phase | "total"]?: number } = {}

  constructor(deadlines: Deadlines, startedAt: number) {
    this.deadlines = deadlines
    this.startedAt = startedAt
  }

  start(phase: Phase): void {
    this.current = phase
    this.began = this.deadlines.now()
  }

  end(phase: Phase): void {
    const now = this.deadlines.now()
    if (this.current === phase) this.spent[phase] = (this.spent[phase] ?? 0) + now - this.began
    if (phase === "body") this.spent.total = now - this.startedAt
  }

  get timings(): Timings {
    return { ...this.spent }
  }
}
