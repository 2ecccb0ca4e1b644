/** Validates numbers and durations in options. Making a middleware with an invalid value throws a TypeError. */
import type * as Duration from "effect/Duration"
import { isMisread, toMillis } from "../durations.js"

/** A whole number of at least `least`, or `Infinity`. */
export const wholeNumber = (option: string, value: number, least: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= least)) return value
  throw new TypeError(`Invalid option "${option}": expected a whole number from ${least} on, or Infinity`)
}

/** A number of at least 0. */
export const nonNegative = (option: string, value: number): number => {
  if (value >= 0) return value
  throw new TypeError(`Invalid option "${option}": expected a number from 0 on`)
}

/** A duration in milliseconds. */
export const milliseconds = (option: string, input: Duration.DurationInput): number => {
  if (isMisread(input)) throw new TypeError(`Invalid option "${option}": expected a duration from 0 on`)
  return toMillis(input)
}
