/**
 * Clocks that a test moves. Limits on such a Clock run out in the phase that the test means, on a machine of any speed.
 */
import { Clock, Duration, Effect, Fiber } from "effect"
import { cancellable } from "../../src/internal/effect/callback.js"
import { untilValue } from "./wait.js"

/**
 * A Clock that stands still, at the time at which it is made. `advance` moves it and ends the sleeps that are over. It
 * starts at the real time, so that a connection that becomes idle on it is not expired for a request on another Clock.
 */
export const heldClock = (): {
  readonly clock: Clock.Clock
  readonly advance: (millis: number) => void
  /** The number of sleeps that are not over. */
  readonly sleeping: () => number
} => {
  const real = Clock.Clock.defaultValue()
  const startMillis = real.currentTimeMillisUnsafe()
  const startNanos = real.currentTimeNanosUnsafe()
  let now = 0
  const sleepers = new Map<() => void, number>()
  const millis = () => startMillis + now
  const nanos = () => startNanos + BigInt(now) * 1_000_000n
  const clock: Clock.Clock = {
    ...real,
    currentTimeMillisUnsafe: millis,
    currentTimeNanosUnsafe: nanos,
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      cancellable((resume) => {
        const wake = () => resume(Effect.void)
        sleepers.set(wake, now + Duration.toMillis(duration))
        return () => sleepers.delete(wake)
      })
  }
  return {
    clock,
    sleeping: () => sleepers.size,
    advance: (by) => {
      now += by
      for (const [wake, at] of [...sleepers]) {
        if (at > now) continue
        sleepers.delete(wake)
        wake()
      }
    }
  }
}

/** The real Clock, which calls `onRead` whenever a program reads the time. */
export const watchedClock = (onRead: () => void): Clock.Clock => {
  const real = Clock.Clock.defaultValue()
  const read = <A>(value: A): A => {
    onRead()
    return value
  }
  return {
    ...real,
    currentTimeMillisUnsafe: () => read(real.currentTimeMillisUnsafe()),
    currentTimeNanosUnsafe: () => read(real.currentTimeNanosUnsafe()),
    monotonicTimeNanosUnsafe: () => read(real.monotonicTimeNanosUnsafe()),
    monotonicTimeNanos: Effect.sync(() => read(real.monotonicTimeNanosUnsafe())),
    currentTimeMillis: Effect.sync(() => read(real.currentTimeMillisUnsafe())),
    currentTimeNanos: Effect.sync(() => read(real.currentTimeNanosUnsafe())),
    sleep: (duration) => real.sleep(duration)
  }
}

/** A Clock of the class of the default one, whose wall time jumps as that of a machine that slept. */
export const jumpingClock = (): { readonly clock: Clock.Clock; readonly jump: (millis: number) => void } => {
  let ahead = 0
  const clock = Clock.Clock.defaultValue()
  const real = clock.currentTimeMillisUnsafe.bind(clock)
  Object.defineProperty(clock, "currentTimeMillisUnsafe", { value: () => real() + ahead })
  return {
    clock,
    jump: (millis) => {
      ahead += millis
    }
  }
}

/** Runs an effect on a Clock that stands still: no limit on it runs out. */
export const onStillClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, Clock.Clock, heldClock().clock))

/** Runs an effect on a Clock that stands still until `reached` resolves, and then moves by `millis`, once. */
export const expiring = <A, E, R, R2>(
  effect: Effect.Effect<A, E, R>,
  reached: Effect.Effect<unknown, never, R2>,
  millis: number
): Effect.Effect<A, E, R | R2> =>
  Effect.gen(function* () {
    const { advance, clock } = heldClock()
    const mover = yield* Effect.forkChild(
      Effect.andThen(
        reached,
        Effect.sync(() => advance(millis))
      )
    )
    return yield* Effect.ensuring(Effect.provideService(effect, Clock.Clock, clock), Fiber.interrupt(mover))
  })

/** The ends of the sleeps on a TestClock, from the first call of `sleeping` on. */
const sleeps = new WeakMap<Clock.Clock, Map<object, number>>()

/** The TestClock of Effect 4 does not show its sleeps: its function is replaced by one that records them. */
const sleepsOn = (clock: Clock.Clock): Map<object, number> => {
  const known = sleeps.get(clock)
  if (known !== undefined) return known
  const ends = new Map<object, number>()
  sleeps.set(clock, ends)
  const sleep = clock.sleep.bind(clock)
  Object.assign(clock, {
    sleep: (duration: Duration.Duration) =>
      Effect.suspend(() => {
        const key = {}
        ends.set(key, clock.currentTimeMillisUnsafe() + Duration.toMillis(duration))
        return Effect.ensuring(
          sleep(duration),
          Effect.sync(() => ends.delete(key))
        )
      })
  })
  return ends
}

/** Turns after which a sleep counts that began before sleeps were recorded. */
const unrecorded = 2000

/** Waits until a fiber sleeps on the TestClock for so many milliseconds from its present time. */
export const sleeping = (millis: number): Effect.Effect<void> =>
  Effect.clockWith((clock) => {
    const isFirst = !sleeps.has(clock)
    const ends = sleepsOn(clock)
    let looks = 0
    const until = clock.currentTimeMillisUnsafe() + millis
    return Effect.asVoid(
      untilValue(
        Effect.sync(() => (isFirst && looks++ >= unrecorded) || [...ends.values()].includes(until)),
        (found) => found
      )
    )
  })
