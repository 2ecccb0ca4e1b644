/**
 * How old a connection is and how long it has been idle: on the Clock of the request that used it last, and by the wall
 * clock. A monotonic clock stands still while a machine sleeps or a container is frozen; the server's does not, so a
 * connection that looks fresh may have been closed hours ago.
 */
import type { ConnectionClosed } from "../../Tracing.js"
import type { Deadlines } from "./deadlines.js"

type Time = Pick<Deadlines, "now">

/** Why a connection is not used again. */
type Expired = Extract<ConnectionClosed["reason"], "IdleTimeout" | "Retired">

export class ConnectionAge {
  /** When it became idle, on `time`. */
  idleSince = 0
  /** Until when it may be idle, on `time`. */
  private expiresAt = Infinity
  /** Whether it must not be used again, although its exchange goes on. */
  retired = false
  private time: Time
  private readonly openedOn: Time
  private readonly retiresAt: number
  private readonly openedOffset: number
  /** When a request took it last, on `takenOn`. */
  private takenAt: number
  private takenOn: Time
  /** The wall clock minus that time, when a request took it last: what is added to it since was spent asleep. */
  private offset: number

  /** A connection that `time` sees opening now; milliseconds. */
  constructor(time: Time, now: number, wall: number, maxAge: number) {
    this.time = time
    this.openedOn = time
    this.takenOn = time
    this.takenAt = now
    this.offset = wall - now
    this.openedOffset = this.offset
    this.retiresAt = now + maxAge
  }

  /** A request takes it. */
  take(time: Time, now: number, wall: number): void {
    this.takenOn = time
    this.takenAt = now
    this.offset = wall - now
  }

  /** It becomes idle, for so many milliseconds at most. */
  rest(time: Time, now: number, maxIdle: number): void {
    this.time = time
    this.idleSince = now
    const left = this.retiresAt === Infinity ? Infinity : this.retiresAt - this.nowOn(this.openedOn, time, now)
    this.expiresAt = now + Math.min(maxIdle, left)
  }

  /** Whether its time is over at the end of an exchange; it is retired then. */
  isOld(time: Time, now: number): boolean {
    if (this.retiresAt !== Infinity && this.nowOn(this.openedOn, time, now) >= this.retiresAt) this.retired = true
    return this.retired
  }

  /** Why a request must not take it, if it must not; without `wall` by its own time alone. */
  expired(time: Time, now: number, wall?: number): Expired | undefined {
    const own = this.nowOn(this.time, time, now)
    // Walls of two Clocks are not compared.
    const awake = wall === undefined || this.takenOn !== time || this.time !== time ? own : wall - this.offset
    if (own < this.expiresAt && awake < this.expiresAt && !this.outlived(time, wall)) return undefined
    return this.isOld(time, now) || this.outlived(time, wall) ? "Retired" : "IdleTimeout"
  }

  /** How long it may still be idle; on another time than its own, which may run slower, at least a second. */
  idleLeft(time: Time, now: number): number {
    return this.time === time ? this.expiresAt - now : Math.max(1000, this.expiresAt - this.time.now())
  }

  /** How long it has been idle; milliseconds. */
  idleFor(time: Time, now: number): number {
    return this.nowOn(this.time, time, now) - this.idleSince
  }

  /** How long ago a request took it last: nothing was heard since of what its server did meanwhile; milliseconds. */
  takenFor(time: Time, now: number): number {
    return this.nowOn(this.takenOn, time, now) - this.takenAt
  }

  private outlived(time: Time, wall: number | undefined): boolean {
    return (
      this.retiresAt !== Infinity &&
      wall !== undefined &&
      this.openedOn === time &&
      wall - this.openedOffset >= this.retiresAt
    )
  }

  /** The present on one time, where it is known on another. */
  private nowOn(own: Time, time: Time, now: number): number {
    return own === time ? now : own.now()
  }
}
