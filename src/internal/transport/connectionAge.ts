/**
 * Tracks the age and idle time of a connection, on the Clock of the request that used it last and on the wall clock. A
 * monotonic clock stops while a machine sleeps or a container is frozen. The clock of the server does not, so the
 * server may have closed a connection hours ago that looks fresh.
 */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Deadlines } from "./deadlines.js"

type Time = Pick<Deadlines, "now">

/** Why a connection is not used again. */
type Expired = Extract<ConnectionClosed["reason"], "IdleTimeout" | "Retired">

export class ConnectionAge {
  /** The start of the idle time, on `time`. */
  idleSince = 0
  /** The end of the allowed idle time, on `time`. */
  private expiresAt = Infinity
  /** Whether the connection closes after its current exchange. */
  retired = false
  /** The Clock of the last request. */
  private time: Time
  private readonly openedOn: Time
  /** The end of the maximum age, on `openedOn`. */
  private readonly retiresAt: number
  /** `wall - now` when the connection was opened. */
  private readonly openedOffset: number
  /** The time at which a request last took the connection, on `takenOn`. */
  private takenAt: number
  private takenOn: Time
  /** Wall clock minus `takenAt` at that time. If the difference grows later, the machine was asleep. */
  private offset: number

  /** Starts for a connection that was opened at `now` on `time`. `maxAge` is in milliseconds. */
  constructor(time: Time, now: number, wall: number, maxAge: number) {
    this.time = time
    this.openedOn = time
    this.takenOn = time
    this.takenAt = now
    this.offset = wall - now
    this.openedOffset = this.offset
    this.retiresAt = now + maxAge
  }

  /** Call when a request takes the connection. */
  take(time: Time, now: number, wall: number): void {
    this.takenOn = time
    this.takenAt = now
    this.offset = wall - now
  }

  /** Call when the connection becomes idle, for at most `maxIdle` milliseconds. */
  rest(time: Time, now: number, maxIdle: number): void {
    this.time = time
    this.idleSince = now
    const left = this.retiresAt === Infinity ? Infinity : this.retiresAt - this.nowOn(this.openedOn, time, now)
    this.expiresAt = now + Math.min(maxIdle, left)
  }

  /** Whether the connection has exceeded its maximum age at the end of an exchange. If so, it is retired. */
  isOld(time: Time, now: number): boolean {
    if (this.retiresAt !== Infinity && this.nowOn(this.openedOn, time, now) >= this.retiresAt) this.retired = true
    return this.retired
  }

  /** Why a request must not take the connection; `undefined` if it may. Without `wall`, ignores the wall clock. */
  expired(time: Time, now: number, wall?: number): Expired | undefined {
    const own = this.nowOn(this.time, time, now)
    // Wall times of different Clocks cannot be compared.
    const awake = wall === undefined || this.takenOn !== time || this.time !== time ? own : wall - this.offset
    if (own < this.expiresAt && awake < this.expiresAt && !this.outlived(time, wall)) return undefined
    return this.isOld(time, now) || this.outlived(time, wall) ? "Retired" : "IdleTimeout"
  }

  /** The remaining idle time. At least a second if `time` is another Clock, which may run at another speed. */
  idleLeft(time: Time, now: number): number {
    return this.time === time ? this.expiresAt - now : Math.max(1000, this.expiresAt - this.time.now())
  }

  /** The idle time so far, in milliseconds. */
  idleFor(time: Time, now: number): number {
    return this.nowOn(this.time, time, now) - this.idleSince
  }

  /** The time since a request last took the connection, in milliseconds. */
  takenFor(time: Time, now: number): number {
    return this.nowOn(this.takenOn, time, now) - this.takenAt
  }

  /** Whether the connection exceeds its maximum age on the wall clock. */
  private outlived(time: Time, wall: number | undefined): boolean {
    return (
      this.retiresAt !== Infinity &&
      wall !== undefined &&
      this.openedOn === time &&
      wall - this.openedOffset >= this.retiresAt
    )
  }

  /** The current time on `own`; `now` is the current time on `time`. */
  private nowOn(own: Time, time: Time, now: number): number {
    return own === time ? now : own.now()
  }
}
