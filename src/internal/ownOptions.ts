/**
 * Options as they were given, whatever somebody has put on Object.prototype.
 */

/** `options` itself where it inherits nothing that shows, otherwise its own properties. */
export const own = <O extends object>(options: O): O => {
  for (const key in options) {
    if (!Object.hasOwn(options, key)) {
      const copy: O = Object.assign(Object.create(null), options)
      return copy
    }
  }
  return options
}

/** Options without those that are `undefined`. */
export const defined = <O extends object>(options: O): O => {
  const copy: O = { ...options }
  for (const key in copy) if (copy[key] === undefined) delete copy[key]
  return copy
}
