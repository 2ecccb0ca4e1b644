/**
 * A block of fields that comes in several frames: HEADERS and CONTINUATION (RFC 9113 section 6.10).
 */
import { maxFrameSize } from "./frames.js"

/** Frames of a block beyond those that a block of the largest size fills. */
const spareFrames = 8

export class HeaderBlock {
  id = 0
  endStream = false
  isOpen = false
  private readonly maxSize: number
  private readonly maxFrames: number
  private pieces: Array<Buffer> = []
  private size = 0
  private frames = 0

  /** `maxSize` in bytes, as encoded. */
  constructor(maxSize: number) {
    this.maxSize = maxSize
    this.maxFrames = spareFrames + Math.ceil(maxSize / maxFrameSize)
  }

  open(id: number, endStream: boolean): void {
    this.id = id
    this.endStream = endStream
    this.isOpen = true
    this.size = 0
    this.frames = 0
  }

  /** Copies a fragment. Returns `false` if the block has become too large. */
  add(bytes: Buffer, start: number, end: number): boolean {
    this.frames++
    this.size += end - start
    if (this.frames > this.maxFrames || this.size > this.maxSize) return false
    if (end > start) this.pieces.push(Buffer.from(bytes.subarray(start, end)))
    return true
  }

  /** Why `add` returned `false`. */
  get excess(): string {
    return this.size > this.maxSize
      ? `expected encoded fields of at most ${this.maxSize} bytes, got more`
      : `expected fields in at most ${this.maxFrames} frames, got more`
  }

  /** All fragments as one. */
  close(): Buffer {
    const { pieces } = this
    this.isOpen = false
    this.pieces = []
    return Buffer.concat(pieces, this.size)
  }
}
