/**
 * Finds connections whose server is gone without a word: by PING, which is sent only where there is a reason to doubt,
 * because servers of gRPC close connections that ask often.
 */
import type { Deadline, Deadlines } from "../../transport/deadlines.js"

/** The silence after which the next request brings a PING with it; milliseconds. */
const longSilence = 10_000

/** Callbacks from the liveness of a connection to it. */
export interface LivenessOwner {
  /** Writes a PING. */
  readonly sendPing: () => void
  /** Whether the connection has open streams. */
  readonly isBusy: () => boolean
  /** No answer came. */
  readonly onDead: () => void
  /** The server has answered after all: the connection takes streams again. */
  readonly onAlive: () => void
}

export class Liveness {
  /** Whether a stream has timed out in silence. A suspect connection takes no streams. */
  isSuspect = false
  private readonly owner: LivenessOwner
  /** Milliseconds; `interval` may be infinite. */
  private readonly timeout: number
  private readonly interval: number
  private heardAt = 0
  private heardOn: Deadlines | undefined = undefined
  /** Of the answer to a PING. */
  private answerDue: Deadline | undefined = undefined
  private next: Deadline | undefined = undefined

  constructor(owner: LivenessOwner, timeout: number, interval: number) {
    this.owner = owner
    this.timeout = timeout
    this.interval = interval
  }

  /** Something has arrived. */
  heard(now: number, deadlines: Deadlines): void {
    this.heardAt = now
    this.heardOn = deadlines
    if (this.answerDue === undefined) return
    this.answerDue.cancel()
    this.answerDue = undefined
    if (!this.isSuspect) return
    this.isSuspect = false
    this.owner.onAlive()
  }

  /** A request is about to be written. */
  onRequest(now: number, deadlines: Deadlines): void {
    if (this.heardOn === deadlines && now - this.heardAt >= longSilence) this.ask(deadlines)
    if (this.interval === Infinity || this.next !== undefined) return
    this.watch(deadlines, now + this.interval)
  }

  /** A stream has timed out, and nothing has arrived meanwhile. */
  suspect(deadlines: Deadlines): void {
    this.isSuspect = true
    this.ask(deadlines)
  }

  end(): void {
    this.answerDue?.cancel()
    this.next?.cancel()
    this.answerDue = undefined
    this.next = undefined
  }

  private ask(deadlines: Deadlines): void {
    if (this.answerDue !== undefined) return
    this.owner.sendPing()
    this.answerDue = deadlines.schedule(deadlines.now() + this.timeout, () => {
      this.answerDue = undefined
      this.owner.onDead()
    })
  }

  private watch(deadlines: Deadlines, at: number): void {
    this.next = deadlines.schedule(at, () => {
      this.next = undefined
      if (!this.owner.isBusy()) return
      const now = deadlines.now()
      const due = (this.heardOn === deadlines ? this.heardAt : now) + this.interval
      if (now >= due) this.ask(deadlines)
      this.watch(deadlines, now >= due ? now + this.interval : due)
    })
  }
}
