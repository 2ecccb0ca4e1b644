/** Converts durations to milliseconds. */
import * as Duration from "effect/Duration"

/** Converts a duration to milliseconds; a negative number or NaN becomes 0. Throws if the input is not a duration. */
export const toMillis = (input: Duration.DurationInput): number => Duration.toMillis(Duration.decode(input))

/** Whether the input is a negative number or NaN, which `toMillis` converts to 0. */
export const isMisread = (input: Duration.DurationInput): boolean => typeof input === "number" && !(input >= 0)
