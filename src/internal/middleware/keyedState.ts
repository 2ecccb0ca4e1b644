/** An LRU map that creates the state of a key on demand. Limits its size, because peers and users choose the keys. */

/** Number of entries at which some are evicted, and how many are evicted at once if none is idle. */
const capacity = 1024
const evictedAtOnce = capacity / 8

export class KeyedState<V> {
  private readonly entries = new Map<string, V>()
  private readonly create: () => V
  private readonly isIdle: (value: V) => boolean
  private readonly isHeld: (value: V) => boolean

  /**
   * Evicts idle entries first, then the least recently used. Entries that are held and not idle are never evicted.
   */
  constructor(create: () => V, isIdle: (value: V) => boolean, isHeld: (value: V) => boolean = () => false) {
    this.create = create
    this.isIdle = isIdle
    this.isHeld = isHeld
  }

  get(key: string): V {
    let value = this.entries.get(key)
    if (value === undefined) {
      if (this.entries.size >= capacity) this.prune()
      value = this.create()
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
      if (this.isIdle(value)) this.entries.delete(key)
    }
    let surplus = this.entries.size < capacity ? 0 : evictedAtOnce
    for (const [key, value] of this.entries) {
      if (surplus === 0) return
      if (this.isHeld(value)) continue
      this.entries.delete(key)
      surplus--
    }
  }
}
