/**
 * Shares one timer between all entries with the same time limit. They expire in the order in which they were added, so
 * adding and removing entries does not change the timer.
 */

/** An entry with a time limit. It is in at most one list. */
export interface Expiring {
  readonly expiresAt: number
  readonly expire: () => void
  /** Set by the list. */
  list: ExpiryList | undefined
  earlier: Expiring | undefined
  later: Expiring | undefined
}

/** How many empty lists are kept. Their timers do not keep the process alive. */
const keptLists = 16

const lists = new Map<number, ExpiryList>()

/** The entries that expire after the same number of milliseconds. */
export class ExpiryList {
  private readonly millis: number
  private first: Expiring | undefined = undefined
  private last: Expiring | undefined = undefined
  private timer: NodeJS.Timeout | undefined = undefined

  constructor(millis: number) {
    this.millis = millis
  }

  add(entry: Expiring): void {
    entry.list = this
    entry.earlier = this.last
    if (this.last !== undefined) this.last.later = entry
    else {
      this.first = entry
      // A timer for an entry that was removed fires too early, which has no effect.
      if (this.timer === undefined) this.arm(entry.expiresAt)
      else this.timer.ref()
    }
    this.last = entry
  }

  remove(entry: Expiring): void {
    const { earlier, later } = entry
    entry.list = undefined
    entry.earlier = undefined
    entry.later = undefined
    if (earlier === undefined) this.first = later
    else earlier.later = later
    if (later === undefined) this.last = earlier
    else later.earlier = earlier
    if (this.first !== undefined) return
    if (lists.size > keptLists) this.end()
    else this.timer?.unref()
  }

  private arm(at: number): void {
    const delay = Math.min(maxDelay, Math.max(1, Math.ceil(at - performance.now())))
    this.timer = setTimeout(onTimer, delay, this)
  }

  private end(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    lists.delete(this.millis)
  }

  due(): void {
    this.timer = undefined
    const now = performance.now()
    try {
      for (let entry = this.first; entry !== undefined && entry.expiresAt <= now; entry = this.first) {
        this.remove(entry)
        entry.expire()
      }
    } finally {
      // The entry may have added another one. If it has thrown, the others must expire nevertheless.
      if (this.timer === undefined) {
        if (this.first === undefined) this.end()
        else this.arm(this.first.expiresAt)
      }
    }
  }
}

/** The longest delay of setTimeout. */
export const maxDelay = 2 ** 31 - 1

const onTimer = (list: ExpiryList): void => list.due()

/** The list of entries with this time limit. */
export const listOf = (millis: number): ExpiryList => {
  let list = lists.get(millis)
  if (list === undefined) {
    list = new ExpiryList(millis)
    lists.set(millis, list)
  }
  return list
}
