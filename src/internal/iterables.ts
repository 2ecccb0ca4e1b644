/**
 * Makes one-shot iterators readable more than once. Options are read again for each request, hop and derived session,
 * but an iterator yields its items only once.
 */

const itemsOfIterators = new WeakMap<object, ReadonlyArray<unknown>>()

/** Whether the input is an iterable object. Strings are not. */
export const isIterable = (input: unknown): input is Iterable<unknown> =>
  typeof input === "object" && input !== null && Symbol.iterator in input

const isIterator = (items: object): boolean => "next" in items && typeof items.next === "function"

/** Returns the same items on every iteration. The items of an iterator are cached, keyed by the iterator. */
export const rereadable = <A>(items: Iterable<A>): Iterable<A> => {
  if (!isIterator(items)) return items
  const cached = itemsOfIterators.get(items)
  // The entry was filled from `items`, so its elements have type A.
  if (cached !== undefined) return cached as ReadonlyArray<A>
  const all = [...items]
  itemsOfIterators.set(items, all)
  return all
}
