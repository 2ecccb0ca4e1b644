/**
 * A few values by text, forgotten all at once: dropping them one by one would cost more than it saves.
 */

const capacity = 32

/** Longer texts are not kept. */
const maxLength = 2048

export class Recent<A> {
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
