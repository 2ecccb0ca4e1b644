/** Decodes durations of programs that the compiler does not check. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

/** Whether a value is an object without any unit, such as a Date, which Effect 4 reads as a duration of 0. */
const hasNoUnit = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Duration.isDuration(value) &&
  !Array.isArray(value) &&
  !units.some((unit) => unit in value)

/** The duration that a value describes; None if it describes none. */
export const decodeDuration = (value: unknown): Option.Option<Duration.Duration> =>
  hasNoUnit(value) ? Option.none() : Duration.fromInput(value as Duration.Input)
