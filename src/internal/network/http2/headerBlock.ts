/**
 * Collects a block of fields that arrives in several frames: HEADERS and CONTINUATION (RFC 9113 section 6.10).
 */
import { maxFrameSize } from "./frames.js"

/** How many frames a block may have in addition to those that the largest block needs. */
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

  /** The violation for which `add` returned `false`. */
  get excess(): string {
    return this.size > this.maxSize
      ? `expected encoded fields of at most ${this.maxSize} bytes, got more`
      : `expected fields in at most ${this.maxFrames} frames, got more`
  }

  /** All fragments, joined. */
  close(): Buffer {
    const { pieces } = this
    this.isOpen = false
    this.pieces = []
    return Buffer.concat(pieces, this.size)
  }
}
