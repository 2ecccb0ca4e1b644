/**
 * Durations as numbers.
 */
import * as Duration from "effect/Duration"

/** Milliseconds. `Duration.decode` makes 0 of a negative number and of NaN; it throws for what is not a duration. */
export const toMillis = (input: Duration.DurationInput): number => Duration.toMillis(Duration.decode(input))

/** Whether `toMillis` would make 0 of a number that is not one from 0 on. */
export const isMisread = (input: Duration.DurationInput): boolean => typeof input === "number" && !(input >= 0)
