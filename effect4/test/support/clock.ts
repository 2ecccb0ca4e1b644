/**
 * Clocks that a test moves. Limits on such a Clock run out in the phase that the test means, on a machine of any speed.
 */
import { Clock, Duration, Effect, Fiber } from "effect"
import { callback } from "../../src/internal/effect/callback.js"
import { turns } from "./wait.js"

/**
 * A Clock that stands still, at the time at which it is made. `advance` moves it and ends the sleeps that are over. It
 * starts at the real time, so that a connection that becomes idle on it is not expired for a request on another Clock.
 */
export const heldClock = (): { readonly clock: Clock.Clock; readonly advance: (millis: number) => void } => {
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
      callback((resume) => {
        const wake = () => resume(Effect.void)
        sleepers.set(wake, now + Duration.toMillis(duration))
        return Effect.sync(() => sleepers.delete(wake))
      })
  }
  return {
    clock,
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

/** The TestClock of Effect 4 does not show its sleeps: this gives the fibers time to reach them. */
export const sleeping = (_: number): Effect.Effect<void> => turns(20)
