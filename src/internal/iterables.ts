/**
 * Makes one-shot iterators readable more than once. Options are read again for each request, hop and derived session,
 * but an iterator yields its items only once.
 */

const kept = new WeakMap<object, ReadonlyArray<unknown>>()

/** Whether it is an object, not a string, that can be iterated over. */
export const isIterable = (input: unknown): input is Iterable<unknown> =>
  typeof input === "object" && input !== null && Symbol.iterator in input

const isIterator = (items: object): boolean => "next" in items && typeof items.next === "function"

/** Returns the same items on every iteration. The items of an iterator are cached, keyed by the iterator. */
export const rereadable = <A>(items: Iterable<A>): Iterable<A> => {
  if (!isIterator(items)) return items
  const known = kept.get(items)
  // The cache entry was filled from these very items.
  if (known !== undefined) return known as ReadonlyArray<A>
  const all = [...items]
  kept.set(items, all)
  return all
}
