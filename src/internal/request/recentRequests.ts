/**
 * A small cache with text as keys. A full cache is cleared, because evicting single entries costs more than the cache
 * saves.
 */

const capacity = 32

/** Longer keys are not cached. */
const maxLength = 2048

export class RecentRequests<A> {
  private readonly values = new Map<string, A>()

  get(key: string): A | undefined {
    return this.values.size === 0 ? undefined : this.values.get(key)
  }

  set(key: string, value: A): void {
    if (key.length > maxLength) return
    if (this.values.size >= capacity) this.values.clear()
    this.values.set(key, value)
  }
}
