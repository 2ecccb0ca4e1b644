/** Retry budget: limits retries to a share of a host's requests, so that they do not overload it further. */
import { KeyedState } from "./keyedState.js"
import { nonNegative } from "./settings.js"

const slots = 10
const slotMillis = 1000

/** Counts of requests and retries in the last ten seconds, one slot per second. */
class Window {
  private readonly requests: Array<number> = new Array<number>(slots).fill(0)
  private readonly retries: Array<number> = new Array<number>(slots).fill(0)
  private lastSlot: number | undefined = undefined

  private advance(now: number): number {
    const slot = Math.floor(now / slotMillis)
    const from = this.lastSlot === undefined ? slot - slots : Math.max(this.lastSlot, slot - slots)
    for (let passed = from + 1; passed <= slot; passed++) {
      this.requests[passed % slots] = 0
      this.retries[passed % slots] = 0
    }
    this.lastSlot = Math.max(this.lastSlot ?? slot, slot)
    return this.lastSlot % slots
  }

  request(now: number): void {
    const slot = this.advance(now)
    this.requests[slot] = (this.requests[slot] ?? 0) + 1
  }

  /** Takes one retry from the budget; `false` if it is used up. */
  retry(now: number, ratio: number, min: number): boolean {
    const slot = this.advance(now)
    if (sum(this.retries) + 1 > Math.max(min, ratio * sum(this.requests))) return false
    this.retries[slot] = (this.retries[slot] ?? 0) + 1
    return true
  }
}

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((total, count) => total + count, 0)

export class Budget {
  readonly "~effect-http-session/Middleware/RetryBudget": unknown = undefined
  private readonly ratio: number
  private readonly min: number
  private readonly windows = new KeyedState(
    () => new Window(),
    // Any host may be evicted. It then starts again with the minimum.
    () => true
  )

  constructor(ratio: number, min: number) {
    this.ratio = nonNegative("retryBudget.ratio", ratio)
    this.min = nonNegative("retryBudget.min", min)
  }

  /** Counts a request. */
  request(host: string, now: number): void {
    this.windows.get(host).request(now)
  }

  /** Takes one retry from the budget of a host; `false` if it is used up. */
  retry(host: string, now: number): boolean {
    return this.windows.get(host).retry(now, this.ratio, this.min)
  }
}
