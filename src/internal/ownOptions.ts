/** Reads options by their own properties only, so that a polluted `Object.prototype` cannot add options. */

/** Returns `options` itself unless it inherits enumerable properties; otherwise a copy of its own properties. */
export const ownOptions = <O extends object>(options: O): O => {
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
