/** Monotonic time of the fiber's Clock. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** The time in milliseconds, with fractions. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos) / 1_000_000
)
