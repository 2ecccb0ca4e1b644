/**
 * The open streams of a connection by their ids. It replaces a Map, because V8 gives a Map that is full of deleted
 * entries a new table, to which the old one refers. Once the garbage collector has moved the first table to the old
 * generation, all streams follow it there.
 */

/** The entries of the table. */
export interface TableEntry<S> {
  readonly id: number
  /** The next stream in the same bucket. Owned by the table. */
  nextInBucket: S | undefined
}

/** A power of 2. Ids of a client are odd and follow each other, so streams rarely share a bucket. */
const bucketCount = 256

const bucketOf = (id: number): number => (id >>> 1) & (bucketCount - 1)

export class StreamTable<S extends TableEntry<S>> {
  size = 0
  private readonly buckets: Array<S | undefined> = new Array<S | undefined>(bucketCount).fill(undefined)

  get(id: number): S | undefined {
    let stream = this.buckets[bucketOf(id)]
    while (stream !== undefined && stream.id !== id) stream = stream.nextInBucket
    return stream
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  add(stream: S): void {
    const bucket = bucketOf(stream.id)
    stream.nextInBucket = this.buckets[bucket]
    this.buckets[bucket] = stream
    this.size++
  }

  /** Removes the stream with this id, if there is one. */
  delete(id: number): void {
    const bucket = bucketOf(id)
    let previous: S | undefined
    for (let stream = this.buckets[bucket]; stream !== undefined; stream = stream.nextInBucket) {
      if (stream.id === id) {
        if (previous === undefined) this.buckets[bucket] = stream.nextInBucket
        else previous.nextInBucket = stream.nextInBucket
        stream.nextInBucket = undefined
        this.size--
        return
      }
      previous = stream
    }
  }

  /** All streams that are open now, in the order of their ids. They may end while the caller goes through them. */
  all(): ReadonlyArray<S> {
    const out: Array<S> = []
    for (let stream of this.buckets) {
      for (; stream !== undefined; stream = stream.nextInBucket) out.push(stream)
    }
    return out.sort((a, b) => a.id - b.id)
  }
}
