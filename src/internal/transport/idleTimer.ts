/**
 * The idle timeout of one phase of an exchange. Activity only stores a time. A deadline that fires after activity is
 * scheduled again for the remaining time, so that a read does not replace a timer.
 */
import type { Deadline, Deadlines } from "./deadlines.js"

export class IdleTimer {
  private deadline: Deadline | undefined = undefined
  private lastActivity = 0

  /** Records activity of the peer. */
  touch(now: number): void {
    this.lastActivity = now
  }

  /** Calls `onTimeout` after `millis` milliseconds without activity. Time while `paused` is true does not count. */
  start(
    deadlines: Deadlines,
    millis: number,
    paused: () => boolean,
    onTimeout: () => void,
    now = deadlines.now()
  ): void {
    this.lastActivity = now
    const check = () => {
      const until = (paused() ? deadlines.now() : this.lastActivity) + millis
      if (deadlines.now() < until) this.deadline = deadlines.schedule(until, check)
      else onTimeout()
    }
    this.deadline = deadlines.schedule(this.lastActivity + millis, check)
  }

  end(): void {
    this.deadline?.cancel()
    this.deadline = undefined
  }
}
