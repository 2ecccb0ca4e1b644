/** Converts durations to milliseconds. */
import * as Duration from "effect/Duration"

/** Returns milliseconds; 0 for a negative number or NaN. Throws if the input is not a duration. */
export const toMillis = (input: Duration.DurationInput): number => Duration.toMillis(Duration.decode(input))

/** Whether the input is a negative number or NaN, which `toMillis` would turn into 0. */
export const isMisread = (input: Duration.DurationInput): boolean => typeof input === "number" && !(input >= 0)
