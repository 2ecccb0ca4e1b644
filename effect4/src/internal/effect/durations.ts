/** Durations of programs without types. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units = ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"]

/** Effect 4 takes an object without any unit, such as a Date, as no time at all. */
const hasNoUnit = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Duration.isDuration(value) &&
  !Array.isArray(value) &&
  !units.some((unit) => unit in value)

/** The duration that a value describes, if it does. */
export const decodeDuration = (value: unknown): Option.Option<Duration.Duration> =>
  hasNoUnit(value) ? Option.none() : Duration.fromInput(value as Duration.Input)
