/** Limits the bytes and the time for which an abandoned body is still read, so that its connection can be reused. */

/** Most bytes that are read of the rest of a body. */
export const drainSize = 64 * 1024

/** Time limits in milliseconds. A body of unknown length gets less, because it may never end. */
const drainTime = 200
const endlessTime = 25

export class BodyDrain {
  private timer: NodeJS.Timeout | undefined = undefined
  private size = 0

  get isActive(): boolean {
    return this.timer !== undefined
  }

  /** Starts the time limit and calls `onTimeout` when it is over. `length` is the length of the body, if known. */
  start(length: number | undefined, onTimeout: () => void): void {
    this.size = 0
    this.timer = setTimeout(onTimeout, length === undefined ? endlessTime : drainTime)
  }

  /** Counts discarded bytes. Returns whether they are within the limit. */
  take(bytes: number): boolean {
    this.size += bytes
    return this.size <= drainSize
  }

  end(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
