/**
 * Options are read for each request, hop and derived session, what is given in them perhaps only once.
 */

const kept = new WeakMap<object, ReadonlyArray<unknown>>()

/** Whether it is an object, not a string, that can be iterated over. */
export const isIterable = (input: unknown): input is Iterable<unknown> =>
  typeof input === "object" && input !== null && Symbol.iterator in input

const isIterator = (items: object): boolean => "next" in items && typeof items.next === "function"

/** The same items, however often it is asked for them: what an iterator has given is kept. */
export const rereadable = <A>(items: Iterable<A>): Iterable<A> => {
  if (!isIterator(items)) return items
  const known = kept.get(items)
  // It holds what these very items have given.
  if (known !== undefined) return known as ReadonlyArray<A>
  const all = [...items]
  kept.set(items, all)
  return all
}
