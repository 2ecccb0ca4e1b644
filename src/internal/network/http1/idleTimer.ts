/**
 * How long a peer may be silent in one phase: one deadline, which is looked at again rather than made anew whenever
 * something comes.
 */
import type { Deadline, Deadlines } from "../../transport/deadlines.js"

export class Silence {
  private deadline: Deadline | undefined = undefined
  private heardAt = 0

  /** Something has come, or gone on. */
  heard(now: number): void {
    this.heardAt = now
  }

  /** Calls `late` after so many milliseconds of silence; while it is our turn, as `paused` says, there is none. */
  limit(deadlines: Deadlines, millis: number, paused: () => boolean, late: () => void): void {
    this.heardAt = deadlines.now()
    const check = () => {
      const until = (paused() ? deadlines.now() : this.heardAt) + millis
      if (deadlines.now() < until) this.deadline = deadlines.schedule(until, check)
      else late()
    }
    this.deadline = deadlines.schedule(this.heardAt + millis, check)
  }

  end(): void {
    this.deadline?.cancel()
    this.deadline = undefined
  }
}
