/**
 * Limits frames that cost the server nothing and serve no request, such as PING, empty DATA, or frames for streams that
 * have ended. Each takes one unit of a budget. Time, responses and data refill it.
 */

const size = 1000
const perSecond = 100
/** Bytes of DATA that refill one unit. */
const bytesPerUnit = 16 * 1024
/** WINDOW_UPDATE frames that each DATA frame of the client makes free. */
const updatesPerFrame = 4

export class FloodBudget {
  private left = size
  private countedAt: number
  private freeUpdates = 0
  private readonly now: () => number

  /** `now` in milliseconds. It is called only when the budget is used up. */
  constructor(now: () => number) {
    this.now = now
    this.countedAt = now()
  }

  /** Takes one unit. Returns `false` if the budget is used up. */
  take(): boolean {
    if (this.left >= 1) {
      this.left--
      return true
    }
    const now = this.now()
    this.left = Math.min(size, this.left + ((now - this.countedAt) / 1000) * perSecond)
    this.countedAt = now
    if (this.left < 1) return false
    this.left--
    return true
  }

  /** Takes one unit for a WINDOW_UPDATE, unless the client has sent data. */
  takeUpdate(): boolean {
    if (this.freeUpdates === 0) return this.take()
    this.freeUpdates--
    return true
  }

  onResponse(): void {
    this.left = Math.min(size, this.left + 1)
  }

  onReceived(bytes: number): void {
    this.left = Math.min(size, this.left + bytes / bytesPerUnit)
  }

  /** Call when a DATA frame was sent. */
  onSent(bytes: number): void {
    this.freeUpdates = Math.min(size, this.freeUpdates + updatesPerFrame)
    this.onReceived(bytes)
  }
}
