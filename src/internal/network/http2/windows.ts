/**
 * Flow control (RFC 9113 section 6.9): how much a server may send ahead of the readers of its responses.
 */

/** The window of every stream and connection before SETTINGS and WINDOW_UPDATE; bytes. */
export const initialWindow = 65_535

export const largestWindow = 2 ** 31 - 1

/** How far the windows of all streams of a connection together may grow above their initial sizes; bytes. */
const maxGrowth = 32 * 1024 * 1024

/** The part of that growth that is still available. The streams of a connection share it. */
export class WindowGrowth {
  private left = maxGrowth

  /** Returns how many of these bytes are available, and takes them. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.left)
    this.left -= taken
    return taken
  }

  giveBack(bytes: number): void {
    this.left += bytes
  }
}

/** How many times its size a window becomes when it grows: after two round trips a download has the largest. */
const growthFactor = 4

/**
 * The window of one stream. It is refilled when its reader has taken half of it, and grows then, up to `maxSize`: a reader
 * that keeps up never waits for the network, and for one that stops, at most the current window is buffered.
 */
export class ReceiveWindow {
  private size: number
  /** Bytes that the server may still send. */
  room: number
  /** Received bytes that no WINDOW_UPDATE has covered yet. */
  private owed = 0
  private readonly firstSize: number

  constructor(size: number) {
    this.firstSize = size
    this.size = size
    this.room = size
  }

  /** Counts received bytes. Returns whether the window allowed them. */
  receive(bytes: number): boolean {
    this.room -= bytes
    this.owed += bytes
    return this.room >= 0
  }

  /** The reader has taken all bytes. Returns the increment for WINDOW_UPDATE, or 0 while it is too small for a frame. */
  refill(growth: WindowGrowth, maxSize: number): number {
    if (this.owed * 2 < this.size) return 0
    const wanted = Math.min(this.size * growthFactor, maxSize) - this.size
    const more = wanted > 0 ? growth.take(wanted) : 0
    const increment = this.owed + more
    this.size += more
    this.room += increment
    this.owed = 0
    return increment
  }

  /** Called when the stream has ended. */
  end(growth: WindowGrowth): void {
    if (this.size > this.firstSize) growth.giveBack(this.size - this.firstSize)
    this.size = this.firstSize
  }
}

/**
 * The window of a connection. It is refilled as bytes arrive for any stream, so one slow reader does not stop others. The
 * server never exceeds it: when bytes are counted, at most a quarter of it is not refilled yet, and the rest is larger
 * than any frame.
 */
export class ConnectionWindow {
  private owed = 0
  private readonly threshold: number

  constructor(size: number) {
    this.threshold = size / 4
  }

  /** Counts received bytes. Returns the increment for WINDOW_UPDATE, or 0 while it is too small for a frame. */
  receive(bytes: number): number {
    this.owed += bytes
    if (this.owed < this.threshold) return 0
    const increment = this.owed
    this.owed = 0
    return increment
  }
}
