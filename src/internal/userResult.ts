/**
 * Checks what functions of the user's return: types say it, and a program in JavaScript has none.
 */
import * as Effect from "effect/Effect"

/** What a value is, in a few words that show nothing of it. */
export const kindOf = (value: unknown): string => {
  if (value === undefined || value === null) return String(value)
  if (Array.isArray(value)) return "an array"
  if (value instanceof Promise) return "a Promise"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** A promise that is rejected must not end the process. */
export const ignoreRejection = (value: unknown): void => {
  if (value instanceof Promise) value.catch(() => {})
}

/** Whether a predicate returned `true`. Everything else counts as `false`, a promise too. */
export const isTrue = (given: unknown): boolean => {
  if (given === true) return true
  ignoreRejection(given)
  return false
}

/** The Effect that a function of the user's returned, or a failure where it returned something else. */
export const effectOr = <A, E, R, F>(
  given: Effect.Effect<A, E, R>,
  error: (kind: string) => F
): Effect.Effect<A, E | F, R> => {
  if (Effect.isEffect(given)) return given
  ignoreRejection(given)
  return Effect.fail(error(kindOf(given)))
}
