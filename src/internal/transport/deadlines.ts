/**
 * Deadlines on the Clock of the calling fiber. The default Clock uses native timers, any other Clock a fiber per
 * instance, so that a TestClock controls every time limit.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { cancellable } from "../effect/callback.js"
import { isDefaultClock } from "../effect/fiberState.js"
import { interruptSoon } from "../effect/fibers.js"
import { type Expiring, listOf, maxDelay } from "./expiry.js"

/** A scheduled deadline. */
export interface Deadline {
  /** Cancels the deadline. Has no effect after it has fired. */
  readonly cancel: () => void
}

/** The time and timers of one Clock. */
export interface Deadlines {
  /** The time in milliseconds, which is monotonic on the default Clock. */
  readonly now: () => number
  /** Calls `fire` when `now()` has reached `at`, never earlier. `Infinity` never fires. */
  readonly schedule: (at: number, fire: () => void) => Deadline
  /** Like `schedule`, but does not keep the process alive. */
  readonly scheduleIdle: (at: number, fire: () => void) => Deadline
  /** Calls `expire` when `now()` has reached `expiresAt`, which is `millis` from now. `endLimit` cancels this. */
  readonly limit: (millis: number, entry: Limited) => void
  readonly endLimit: (entry: Limited) => void
}

/** An object with a time limit that many others share. */
export interface Limited extends Expiring {
  /** Set by the Deadlines. */
  deadline: Deadline | undefined
}

const never: Deadline = { cancel: () => {} }

class NativeDeadline implements Deadline {
  private timer: NodeJS.Timeout
  private readonly at: number
  private readonly fire: () => void
  private readonly idle: boolean
  constructor(at: number, fire: () => void, idle: boolean) {
    this.at = at
    this.fire = fire
    this.idle = idle
    this.timer = this.arm()
  }
  private arm(): NodeJS.Timeout {
    const timer = setTimeout(onNative, delayUntil(this.at), this)
    if (this.idle) timer.unref()
    return timer
  }
  due(): void {
    // Node's timers may fire slightly early.
    if (performance.now() < this.at) this.timer = this.arm()
    else this.fire()
  }
  cancel(): void {
    clearTimeout(this.timer)
  }
}

const delayUntil = (at: number) => Math.min(maxDelay, Math.max(1, Math.ceil(at - performance.now())))

const onNative = (deadline: NativeDeadline) => deadline.due()

const native: Deadlines = {
  now: () => performance.now(),
  schedule: (at, fire) => (at === Infinity ? never : new NativeDeadline(at, fire, false)),
  scheduleIdle: (at, fire) => (at === Infinity ? never : new NativeDeadline(at, fire, true)),
  limit: (millis, entry) => {
    if (millis !== Infinity) listOf(millis).add(entry)
  },
  endLimit: (entry) => entry.list?.remove(entry)
}

interface Entry extends Deadline {
  readonly at: number
  readonly fire: () => void
}

class ClockDeadlines implements Deadlines {
  private readonly clock: Clock.Clock
  private readonly entries = new Set<Entry>()
  private sleeper: Fiber.RuntimeFiber<void> | undefined = undefined
  private wakesAt = Infinity

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  readonly now = (): number => this.clock.unsafeCurrentTimeMillis()

  readonly schedule = (at: number, fire: () => void): Deadline => {
    if (at === Infinity) return never
    const entry: Entry = {
      at,
      fire,
      cancel: () => {
        if (this.entries.delete(entry) && this.entries.size === 0) this.sleepUntil(Infinity)
      }
    }
    this.entries.add(entry)
    if (at < this.wakesAt) this.sleepUntil(at)
    return entry
  }

  readonly scheduleIdle = (at: number, fire: () => void): Deadline => this.schedule(at, fire)

  readonly limit = (_millis: number, entry: Limited): void => {
    entry.deadline = this.schedule(entry.expiresAt, () => entry.expire())
  }

  readonly endLimit = (entry: Limited): void => entry.deadline?.cancel()

  private sleepUntil(at: number): void {
    const before = this.sleeper
    this.wakesAt = at
    this.sleeper =
      at === Infinity
        ? undefined
        : Effect.runFork(
            Effect.flatMap(this.clock.sleep(Duration.millis(Math.max(0, at - this.now()))), () =>
              Effect.sync(() => this.wake())
            )
          )
    if (before !== undefined) interruptSoon(before)
  }

  private wake(): void {
    this.sleeper = undefined
    this.wakesAt = Infinity
    const now = this.now()
    const due: Array<Entry> = []
    let next = Infinity
    for (const entry of this.entries) {
      if (entry.at <= now) due.push(entry)
      else if (entry.at < next) next = entry.at
    }
    if (next !== Infinity) this.sleepUntil(next)
    due.sort((a, b) => a.at - b.at)
    // One deadline may cancel another.
    for (const entry of due) if (this.entries.delete(entry)) entry.fire()
  }
}

const byClock = new WeakMap<Clock.Clock, Deadlines>()

/** The deadlines of a Clock. */
export const of = (clock: Clock.Clock): Deadlines => {
  if (isDefaultClock(clock)) return native
  let deadlines = byClock.get(clock)
  if (deadlines === undefined) {
    deadlines = new ClockDeadlines(clock)
    byClock.set(clock, deadlines)
  }
  return deadlines
}

/**
 * Waits until `begin` has called its argument, for at most `millis` milliseconds on the fiber's Clock or in real time.
 * Because of the second limit, shutdown ends even if the Clock stands still.
 */
export const atMost = (millis: number, begin: (done: () => void) => void): Effect.Effect<void> =>
  Effect.clockWith((clock) =>
    cancellable<void>((resume) => {
      const timers = [...new Set([of(clock), native])].map((deadlines) =>
        deadlines.schedule(deadlines.now() + millis, () => end())
      )
      const stop = () => {
        for (const timer of timers) timer.cancel()
      }
      const end = () => {
        stop()
        resume(Effect.void)
      }
      begin(end)
      return stop
    })
  )
