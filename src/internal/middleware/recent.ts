/**
 * State by key, of the keys used last: names come from outside, and there may be many.
 */

/** How many keys are kept. */
const capacity = 1024

export class Recent<V> {
  private readonly entries = new Map<string, V>()
  private readonly make: () => V
  private readonly idle: (value: V) => boolean

  /** What is not `idle` is kept whatever comes. */
  constructor(make: () => V, idle: (value: V) => boolean) {
    this.make = make
    this.idle = idle
  }

  get(key: string): V {
    let value = this.entries.get(key)
    if (value === undefined) {
      if (this.entries.size >= capacity) this.prune()
      value = this.make()
    } else this.entries.delete(key)
    this.entries.set(key, value)
    return value
  }

  get size(): number {
    return this.entries.size
  }

  clear(): void {
    this.entries.clear()
  }

  private prune(): void {
    for (const [key, value] of this.entries) {
      if (this.idle(value)) this.entries.delete(key)
    }
  }
}
