/**
 * Tracks the age and idle time of a connection, on the Clock of the request that used it last and on the wall clock. A
 * monotonic clock stops while a machine sleeps or a container is frozen. The clock of the server does not, so the
 * server may have closed a connection hours ago that looks fresh.
 */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Deadlines } from "./deadlines.js"

type TimeSource = Pick<Deadlines, "now">

/** Why a connection is not used again. */
type Expired = Extract<ConnectionClosed["reason"], "IdleTimeout" | "Retired">

export class ConnectionAge {
  /** The start of the idle time, on `lastClock`. */
  idleSince = 0
  /** The end of the allowed idle time, on `lastClock`. */
  private expiresAt = Infinity
  /** Whether the connection closes after its current exchange. */
  retired = false
  /** The Clock of the last request. */
  private lastClock: TimeSource
  private readonly openedOn: TimeSource
  /** The end of the maximum age, on `openedOn`. */
  private readonly retiresAt: number
  /** `wall - now` when the connection was opened. */
  private readonly openedOffset: number
  /** The time at which a request last took the connection, on `takenOn`. */
  private takenAt: number
  private takenOn: TimeSource
  /** Wall clock minus `takenAt` at that time. If the difference grows later, the machine was asleep. */
  private offset: number

  /** Starts for a connection that was opened at `now` on `clock`. `maxAge` is in milliseconds. */
  constructor(clock: TimeSource, now: number, wall: number, maxAge: number) {
    this.lastClock = clock
    this.openedOn = clock
    this.takenOn = clock
    this.takenAt = now
    this.offset = wall - now
    this.openedOffset = this.offset
    this.retiresAt = now + maxAge
  }

  /** Call when a request takes the connection. */
  take(clock: TimeSource, now: number, wall: number): void {
    this.takenOn = clock
    this.takenAt = now
    this.offset = wall - now
  }

  /** Call when the connection becomes idle, for at most `maxIdle` milliseconds. */
  becomeIdle(clock: TimeSource, now: number, maxIdle: number): void {
    this.lastClock = clock
    this.idleSince = now
    const left = this.retiresAt === Infinity ? Infinity : this.retiresAt - this.nowOn(this.openedOn, clock, now)
    this.expiresAt = now + Math.min(maxIdle, left)
  }

  /** Whether the connection has exceeded its maximum age at the end of an exchange. If so, it is retired. */
  isOld(clock: TimeSource, now: number): boolean {
    if (this.retiresAt !== Infinity && this.nowOn(this.openedOn, clock, now) >= this.retiresAt) this.retired = true
    return this.retired
  }

  /** Why a request must not take the connection; `undefined` if it may. Without `wall`, ignores the wall clock. */
  expired(clock: TimeSource, now: number, wall?: number): Expired | undefined {
    const lastNow = this.nowOn(this.lastClock, clock, now)
    // Wall times of different Clocks cannot be compared.
    const awakeNow =
      wall === undefined || this.takenOn !== clock || this.lastClock !== clock ? lastNow : wall - this.offset
    if (lastNow < this.expiresAt && awakeNow < this.expiresAt && !this.outlived(clock, wall)) return undefined
    return this.isOld(clock, now) || this.outlived(clock, wall) ? "Retired" : "IdleTimeout"
  }

  /** The remaining idle time. At least a second if `clock` is another one, which may run at another speed. */
  idleLeft(clock: TimeSource, now: number): number {
    return this.lastClock === clock ? this.expiresAt - now : Math.max(1000, this.expiresAt - this.lastClock.now())
  }

  /** The idle time so far, in milliseconds. */
  idleFor(clock: TimeSource, now: number): number {
    return this.nowOn(this.lastClock, clock, now) - this.idleSince
  }

  /** The time since a request last took the connection, in milliseconds. */
  takenFor(clock: TimeSource, now: number): number {
    return this.nowOn(this.takenOn, clock, now) - this.takenAt
  }

  /** Whether the connection exceeds its maximum age on the wall clock. */
  private outlived(clock: TimeSource, wall: number | undefined): boolean {
    return (
      this.retiresAt !== Infinity &&
      wall !== undefined &&
      this.openedOn === clock &&
      wall - this.openedOffset >= this.retiresAt
    )
  }

  /** The current time on `other`; `now` is the current time on `clock`. */
  private nowOn(other: TimeSource, clock: TimeSource, now: number): number {
    return other === clock ? now : other.now()
  }
}
