/**
 * Measures of time that do not depend on how busy the machine is.
 */
import { Effect } from "effect"

/** Milliseconds between two readings of the clock. */
const tick = 5

/** The most that one tick counts: during the rest of a longer tick the machine did not run this process. */
const longest = 2 * tick

/** Counts the milliseconds during which the event loop turned. */
class Stopwatch {
  private counted = 0
  private last = performance.now()
  private timer: NodeJS.Timeout | undefined = undefined
  private readonly limit: number
  private readonly onLimit: () => void

  constructor(limit = Number.POSITIVE_INFINITY, onLimit: () => void = () => {}) {
    this.limit = limit
    this.onLimit = onLimit
    this.arm()
  }

  /** The counted milliseconds. */
  read(): number {
    const now = performance.now()
    this.counted += Math.min(longest, now - this.last)
    this.last = now
    return this.counted
  }

  stop(): number {
    clearTimeout(this.timer)
    return this.read()
  }

  private arm(): void {
    // Such a timer is not among the resources that invariants count.
    this.timer = setTimeout(() => {
      if (this.read() >= this.limit) this.onLimit()
      else this.arm()
    }, tick).unref()
  }
}

/** Starts to count; the function returns the active milliseconds since then. It does not keep the process alive. */
export const stopwatch = (): (() => number) => {
  const watch = new Stopwatch()
  return () => watch.stop()
}

/**
 * How long an effect takes. `millis` is real time; `active` leaves out the time for which the machine held up this
 * process. Assert lower bounds of `millis` and upper bounds of `active`.
 */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<{ readonly value: A; readonly millis: number; readonly active: number }, E, R> =>
  Effect.suspend(() => {
    const started = performance.now()
    const watch = new Stopwatch()
    return Effect.ensuring(
      Effect.map(effect, (value) => ({ value, millis: performance.now() - started, active: watch.read() })),
      Effect.sync(() => watch.stop())
    )
  })

/** Resolves after so many milliseconds of real time, without those for which the machine held up this process. */
export const activeMillis = (millis: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const watch = new Stopwatch(millis, () => resume(Effect.void))
    return Effect.sync(() => watch.stop())
  })

/** Starts to count the CPU time of this process; the function returns the milliseconds since then. */
export const cpuTime = (): (() => number) => {
  const before = process.cpuUsage()
  return () => {
    const { system, user } = process.cpuUsage(before)
    return (system + user) / 1000
  }
}
