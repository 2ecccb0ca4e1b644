/**
 * Clocks that a test advances. Limits on such a Clock expire in the intended phase, on a machine of any speed.
 */
import { Chunk, Clock, Duration, Effect, Fiber, TestClock } from "effect"
import { untilValue } from "./wait.js"

/**
 * A Clock that stands still, at the time at which it is made. `advance` moves it and ends the sleeps that are over. It
 * starts at the real time, so that a connection that becomes idle on it is not expired for a request on another Clock.
 */
export const heldClock = (): {
  readonly clock: Clock.Clock
  readonly advance: (millis: number) => void
  /** The number of sleeps that have not ended. */
  readonly sleeping: () => number
} => {
  const real = Clock.make()
  const startMillis = real.unsafeCurrentTimeMillis()
  const startNanos = real.unsafeCurrentTimeNanos()
  let now = 0
  const sleepers = new Map<() => void, number>()
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => startMillis + now,
    unsafeCurrentTimeNanos: () => startNanos + BigInt(now) * 1_000_000n,
    currentTimeMillis: Effect.sync(() => startMillis + now),
    currentTimeNanos: Effect.sync(() => startNanos + BigInt(now) * 1_000_000n),
    sleep: (duration) =>
      Effect.async((resume) => {
        const wake = () => resume(Effect.void)
        sleepers.set(wake, now + Duration.toMillis(duration))
        return Effect.sync(() => sleepers.delete(wake))
      })
  }
  return {
    clock,
    sleeping: () => sleepers.size,
    advance: (millis) => {
      now += millis
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
  const real = Clock.make()
  const read = <A>(value: A): A => {
    onRead()
    return value
  }
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => read(real.unsafeCurrentTimeMillis()),
    unsafeCurrentTimeNanos: () => read(real.unsafeCurrentTimeNanos()),
    currentTimeMillis: Effect.sync(() => read(real.unsafeCurrentTimeMillis())),
    currentTimeNanos: Effect.sync(() => read(real.unsafeCurrentTimeNanos())),
    sleep: real.sleep
  }
}

/** A Clock like the default one whose wall time jumps, as on a machine that slept. */
export const jumpingClock = (): { readonly clock: Clock.Clock; readonly jump: (millis: number) => void } => {
  let ahead = 0
  const clock = Clock.make()
  const real = clock.unsafeCurrentTimeMillis.bind(clock)
  Object.defineProperty(clock, "unsafeCurrentTimeMillis", { value: () => real() + ahead })
  return {
    clock,
    jump: (millis) => {
      ahead += millis
    }
  }
}

/** Runs an effect on a Clock that stands still, so that no limit expires. */
export const onStillClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.withClock(effect, heldClock().clock))

/** Runs an effect on a Clock that stands still until `reached` resolves, and then moves by `millis`, once. */
export const expiring = <A, E, R, R2>(
  effect: Effect.Effect<A, E, R>,
  reached: Effect.Effect<unknown, never, R2>,
  millis: number
): Effect.Effect<A, E, R | R2> =>
  Effect.gen(function* () {
    const { advance, clock } = heldClock()
    const mover = yield* Effect.fork(
      Effect.zipRight(
        reached,
        Effect.sync(() => advance(millis))
      )
    )
    return yield* Effect.ensuring(Effect.withClock(effect, clock), Fiber.interrupt(mover))
  })

/** Waits until a fiber sleeps on the TestClock for so many milliseconds from its present time. */
export const sleeping = (millis: number): Effect.Effect<void> =>
  Effect.flatMap(TestClock.currentTimeMillis, (now) =>
    Effect.asVoid(untilValue(TestClock.sleeps(), (instants) => Chunk.some(instants, (at) => at === now + millis)))
  )
