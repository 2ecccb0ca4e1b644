/** Detects a dead peer: sends pings at an interval, and expects bytes within half of the interval after each. */
import type { Deadline, Deadlines } from "../transport/deadlines.js"

/** The operations that a heartbeat needs from its connection. */
export interface HeartbeatOwner {
  /** Sends a ping, and calls `done` when the system has accepted it. */
  readonly ping: (done: () => void) => void
  /** The number of sent bytes that the system has not accepted. */
  readonly backlog: () => number
  /** Whether reading is paused, so that nothing can arrive. */
  readonly paused: () => boolean
  readonly onLost: () => void
}

export class Heartbeat {
  private readonly deadlines: Deadlines
  private readonly interval: number
  private readonly owner: HeartbeatOwner
  private deadline: Deadline | undefined = undefined
  private pingedAt = 0
  private sent = false
  private backlog = 0
  /** Whether any byte arrived since the last ping. */
  private received = false

  /** `interval` is in milliseconds. */
  constructor(deadlines: Deadlines, interval: number, owner: HeartbeatOwner) {
    this.deadlines = deadlines
    this.interval = interval
    this.owner = owner
    this.schedule(deadlines.now() + interval, this.beat)
  }

  /** Records that bytes arrived. */
  touch(): void {
    this.received = true
  }

  stop(): void {
    this.deadline?.cancel()
  }

  private schedule(at: number, fire: () => void): void {
    this.deadline = this.deadlines.scheduleIdle(at, fire)
  }

  private readonly beat = (): void => {
    this.pingedAt = this.deadlines.now()
    this.received = false
    this.sent = false
    this.owner.ping(() => {
      this.sent = true
    })
    this.backlog = this.owner.backlog()
    this.schedule(this.pingedAt + this.interval / 2, this.check)
  }

  private readonly check = (): void => {
    if (this.received || this.owner.paused()) {
      this.schedule(Math.max(this.deadlines.now(), this.pingedAt + this.interval), this.beat)
      return
    }
    // The ping may wait behind a large message. Waits as long as the peer accepts bytes.
    const backlog = this.owner.backlog()
    if (!this.sent && backlog < this.backlog) {
      this.backlog = backlog
      this.schedule(this.deadlines.now() + this.interval / 2, this.check)
      return
    }
    this.owner.onLost()
  }
}
