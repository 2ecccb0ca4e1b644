/**
 * Reads one-shot iterators more than once. Each request, hop and derived session reads the options again, but an
 * iterator yields its items only once.
 */

const itemsOfIterators = new WeakMap<object, ReadonlyArray<unknown>>()

/** Whether the input is an iterable object. Strings are not. */
export const isIterable = (input: unknown): input is Iterable<unknown> =>
  typeof input === "object" && input !== null && Symbol.iterator in input

const isIterator = (items: object): boolean => "next" in items && typeof items.next === "function"

/** An iterable that yields the same items each time. The items of an iterator are cached, with the iterator as key. */
export const rereadable = <A>(items: Iterable<A>): Iterable<A> => {
  if (!isIterator(items)) return items
  const cached = itemsOfIterators.get(items)
  // The entry was filled from `items`, so its elements have type A.
  if (cached !== undefined) return cached as ReadonlyArray<A>
  const all = [...items]
  itemsOfIterators.set(items, all)
  return all
}
