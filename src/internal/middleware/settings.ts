/**
 * Numbers that middlewares are given. Those that cannot be right are a TypeError where the middleware is made.
 */
import * as Duration from "effect/Duration"

/** A whole number from `least` on, `Infinity` included. */
export const wholeNumber = (option: string, value: number, least: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= least)) return value
  throw new TypeError(`${option} is no whole number from ${least} on`)
}

/** A number from 0 on. */
export const fromZero = (option: string, value: number): number => {
  if (value >= 0) return value
  throw new TypeError(`${option} is no number from 0 on`)
}

/** Milliseconds. `Duration.decode` makes 0 of what is negative or no number. */
export const milliseconds = (option: string, given: Duration.DurationInput): number => {
  if (typeof given === "number" && !(given >= 0)) throw new TypeError(`${option} is no duration`)
  return Duration.toMillis(Duration.decode(given))
}
