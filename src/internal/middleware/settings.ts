/**
 * Numbers that middlewares are given. Those that cannot be right are a TypeError where the middleware is made.
 */
import type * as Duration from "effect/Duration"
import { isMisread, toMillis } from "../durations.js"

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

/** Milliseconds. */
export const milliseconds = (option: string, given: Duration.DurationInput): number => {
  if (isMisread(given)) throw new TypeError(`${option} is no duration`)
  return toMillis(given)
}
