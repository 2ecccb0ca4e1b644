/**
 * Measures the age and the idle time of a connection, on the Clock of its last request and on the wall clock. A monotonic
 * clock stands still while the machine sleeps or the container is frozen. The server's clock continues, so it may have
 * closed a connection that looks fresh.
 *
 * All times are in milliseconds. `now` is the present on the Clock `time`; `wall` is that Clock's time of day.
 */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Deadlines } from "./deadlines.js"

type Time = Pick<Deadlines, "now">

/** Why a connection is not used again. */
type Expired = Extract<ConnectionClosed["reason"], "IdleTimeout" | "Retired">

export class ConnectionAge {
  /** When the connection became idle, on `time`. */
  idleSince = 0
  /** Until when the connection may be idle, on `time`. */
  private expiresAt = Infinity
  /** Whether the connection must not be reused. Its current exchange continues. */
  retired = false
  /** The Clock of the last request. */
  private time: Time
  private readonly openedOn: Time
  /** The end of the maximum age, on `openedOn`. */
  private readonly retiresAt: number
  /** `wall - now` when the connection was opened. */
  private readonly openedOffset: number
  /** When a request last took the connection, on `takenOn`. */
  private takenAt: number
  private takenOn: Time
  /** `wall - now` when a request last took the connection. It grows by the time that the machine sleeps. */
  private offset: number

  /** Call when the connection is opened. */
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

  /** Call when the connection becomes idle, for at most `maxIdle`. */
  rest(time: Time, now: number, maxIdle: number): void {
    this.time = time
    this.idleSince = now
    const left = this.retiresAt === Infinity ? Infinity : this.retiresAt - this.nowOn(this.openedOn, time, now)
    this.expiresAt = now + Math.min(maxIdle, left)
  }

  /** Whether the connection exceeds its maximum age at the end of an exchange; marks it as retired. */
  isOld(time: Time, now: number): boolean {
    if (this.retiresAt !== Infinity && this.nowOn(this.openedOn, time, now) >= this.retiresAt) this.retired = true
    return this.retired
  }

  /** Why a request must not take the connection, or `undefined` if it may. Without `wall`, ignores the wall clock. */
  expired(time: Time, now: number, wall?: number): Expired | undefined {
    const own = this.nowOn(this.time, time, now)
    // The wall clocks of two Clocks are not comparable.
    const awake = wall === undefined || this.takenOn !== time || this.time !== time ? own : wall - this.offset
    if (own < this.expiresAt && awake < this.expiresAt && !this.outlived(time, wall)) return undefined
    return this.isOld(time, now) || this.outlived(time, wall) ? "Retired" : "IdleTimeout"
  }

  /** The remaining idle time; at least a second on a Clock other than that of the last request, which may run slower. */
  idleLeft(time: Time, now: number): number {
    return this.time === time ? this.expiresAt - now : Math.max(1000, this.expiresAt - this.time.now())
  }

  /** How long the connection has been idle. */
  idleFor(time: Time, now: number): number {
    return this.nowOn(this.time, time, now) - this.idleSince
  }

  /** The time since a request last took the connection. The client has not read from the server since. */
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

  /** The present on the Clock `own`, given that it is `now` on the Clock `time`. */
  private nowOn(own: Time, time: Time, now: number): number {
    return own === time ? now : own.now()
  }
}
