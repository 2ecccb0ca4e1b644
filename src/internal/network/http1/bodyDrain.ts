/**
 * Reads the rest of a body that its reader does not want, to save the connection: so many bytes, for so long.
 */

/** A rest up to this size is read; bytes. */
export const drainSize = 64 * 1024

/** Milliseconds; the other is for a body whose end is not known, which may have none. */
const drainTime = 200
const endlessTime = 25

export class BodyDrain {
  private timer: NodeJS.Timeout | undefined = undefined
  private size = 0

  get isActive(): boolean {
    return this.timer !== undefined
  }

  /** Begins to read a rest; `length` is that of the body where it is known. Calls `late` when the time is over. */
  start(length: number | undefined, late: () => void): void {
    this.size = 0
    this.timer = setTimeout(late, length === undefined ? endlessTime : drainTime)
  }

  /** Counts bytes of the rest. Returns whether it is worth reading on. */
  take(bytes: number): boolean {
    this.size += bytes
    return this.size <= drainSize
  }

  end(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }
}
