/**
 * Detects connections whose server disappeared without closing them. It sends PING only if the server has been silent for
 * long or a stream has timed out, because gRPC servers close connections that send PING often.
 */
import type { Deadline, Deadlines } from "../../transport/deadlines.js"

/** The silence after which a PING is sent with the next request; milliseconds. */
const longSilence = 10_000

/** Callbacks to the connection. */
export interface LivenessOwner {
  /** Writes a PING. */
  readonly sendPing: () => void
  /** Whether the connection has open streams. */
  readonly isBusy: () => boolean
  /** Called when the server has not answered a PING in time. */
  readonly onDead: () => void
  /** Called when the server of a suspect connection has answered; the connection takes streams again. */
  readonly onAlive: () => void
}

export class Liveness {
  /** Whether a stream has timed out and nothing has arrived since. A suspect connection takes no streams. */
  isSuspect = false
  private readonly owner: LivenessOwner
  /** Milliseconds; `interval` may be infinite. */
  private readonly timeout: number
  private readonly interval: number
  private lastRead = 0
  private lastReadOn: Deadlines | undefined = undefined
  /** The deadline of the answer to a PING. */
  private answerDue: Deadline | undefined = undefined
  private nextCheck: Deadline | undefined = undefined

  constructor(owner: LivenessOwner, timeout: number, interval: number) {
    this.owner = owner
    this.timeout = timeout
    this.interval = interval
  }

  /** Called when bytes have arrived. */
  touch(now: number, deadlines: Deadlines): void {
    this.lastRead = now
    this.lastReadOn = deadlines
    if (this.answerDue === undefined) return
    this.answerDue.cancel()
    this.answerDue = undefined
    if (!this.isSuspect) return
    this.isSuspect = false
    this.owner.onAlive()
  }

  /** Called before a request is written. */
  onRequest(now: number, deadlines: Deadlines): void {
    if (this.lastReadOn === deadlines && now - this.lastRead >= longSilence) this.ask(deadlines)
    if (this.interval === Infinity || this.nextCheck !== undefined) return
    this.watch(deadlines, now + this.interval)
  }

  /** Called when a stream has timed out and nothing has arrived on the connection during its time. */
  suspect(deadlines: Deadlines): void {
    this.isSuspect = true
    this.ask(deadlines)
  }

  end(): void {
    this.answerDue?.cancel()
    this.nextCheck?.cancel()
    this.answerDue = undefined
    this.nextCheck = undefined
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
    this.nextCheck = deadlines.schedule(at, () => {
      this.nextCheck = undefined
      if (!this.owner.isBusy()) return
      const now = deadlines.now()
      const due = (this.lastReadOn === deadlines ? this.lastRead : now) + this.interval
      if (now >= due) this.ask(deadlines)
      this.watch(deadlines, now >= due ? now + this.interval : due)
    })
  }
}
