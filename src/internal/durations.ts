/** Converts durations to numbers. */
import * as Duration from "effect/Duration"

/**
 * Converts a duration to milliseconds. Throws if `input` is not a duration. A negative number and NaN become 0, as in
 * `Duration.decode`.
 */
export const toMillis = (input: Duration.DurationInput): number => Duration.toMillis(Duration.decode(input))

/** Whether `input` is a negative number or NaN, which `toMillis` would convert to 0. */
export const isMisread = (input: Duration.DurationInput): boolean => typeof input === "number" && !(input >= 0)
