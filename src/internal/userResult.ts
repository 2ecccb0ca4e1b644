/** Checks the values that callbacks of the program return, because the compiler does not check JavaScript programs. */
import * as Effect from "effect/Effect"

/** Describes the kind of a value in a few words, without showing the value. */
export const kindOf = (value: unknown): string => {
  if (value === undefined || value === null) return String(value)
  if (Array.isArray(value)) return "an array"
  if (value instanceof Promise) return "a Promise"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** Keeps a rejected promise from terminating the process. */
export const ignoreRejection = (value: unknown): void => {
  if (value instanceof Promise) value.catch(() => {})
}

/** Whether a predicate returned `true`. Every other value, including a promise, counts as `false`. */
export const isTrue = (result: unknown): boolean => {
  if (result === true) return true
  ignoreRejection(result)
  return false
}

/** The Effect that a callback returned, or a failure if it returned anything else. */
export const effectOr = <A, E, R, F>(
  result: Effect.Effect<A, E, R>,
  error: (kind: string) => F
): Effect.Effect<A, E | F, R> => {
  if (Effect.isEffect(result)) return result
  ignoreRejection(result)
  return Effect.fail(error(kindOf(result)))
}
