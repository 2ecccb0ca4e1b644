/** An LRU map that creates the state of a key on demand. Limits its size, because peers and users choose the keys. */

/** Number of entries at which some are evicted, and how many of them if none is idle. */
const capacity = 1024
const share = capacity / 8

export class KeyedState<V> {
  private readonly entries = new Map<string, V>()
  private readonly make: () => V
  private readonly idle: (value: V) => boolean
  private readonly held: (value: V) => boolean

  /**
   * `idle` entries are evicted first, then the least recently used. `held` entries that are not idle are never evicted.
   */
  constructor(make: () => V, idle: (value: V) => boolean, held: (value: V) => boolean = () => false) {
    this.make = make
    this.idle = idle
    this.held = held
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
    let surplus = this.entries.size < capacity ? 0 : share
    for (const [key, value] of this.entries) {
      if (surplus === 0) return
      if (this.held(value)) continue
      this.entries.delete(key)
      surplus--
    }
  }
}
