/**
 * Counts that middlewares are given.
 */

/** A whole number from `least` on, `Infinity` included. Throws TypeError for all else: an option that cannot be right. */
export const wholeNumber = (option: string, value: number, least: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= least)) return value
  throw new TypeError(`${option} is no whole number from ${least} on`)
}
