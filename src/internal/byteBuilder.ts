/**
 * Collects bytes that arrive in pieces of any size into a few large blocks, so that ten million one-byte pieces take
 * ten megabytes.
 */

const smallestBlock = 1024
const largestBlock = 64 * 1024

/**
 * Limits of one block for all bytes that are still expected, because a peer may claim any length. The block has at most
 * `size` bytes, or `ratio` times those received so far if that is more, and never more than `most`.
 */
const trustedLimits = { size: 256 * 1024, ratio: 8, most: 64 * 1024 * 1024 } as const

/** A growable byte buffer. Copies the bytes that are appended. */
export class ByteBuilder {
  size = 0
  private readonly expected: number
  private fullBlocks: Array<Uint8Array> = []
  private block: Uint8Array | undefined = undefined
  private used = 0

  /** `expected` is the total number of bytes, if known. */
  constructor(expected = 0) {
    this.expected = expected
  }

  append(slab: Uint8Array, start: number, end: number): void {
    let from = start
    const block = this.block
    if (block !== undefined) {
      const room = block.length - this.used
      const count = Math.min(room, end - from)
      block.set(slab.subarray(from, from + count), this.used)
      this.used += count
      from += count
      if (this.used === block.length) {
        this.fullBlocks.push(block)
        this.block = undefined
        this.used = 0
      }
    }
    this.size += end - start
    if (from === end) return
    const length = end - from
    const due = this.expected - this.size + length
    if (
      due > length &&
      due <= Math.min(trustedLimits.most, Math.max(trustedLimits.size, trustedLimits.ratio * this.size))
    ) {
      this.block = uninitialised(due)
      this.block.set(slab.subarray(from, end), 0)
      this.used = length
      return
    }
    // The first piece is usually the only one, and gets a block of its size. Later pieces share blocks of growing size.
    if (from === start && this.fullBlocks.length === 0 && block === undefined) {
      this.fullBlocks.push(new Uint8Array(slab.subarray(from, end)))
      return
    }
    if (length >= largestBlock) {
      this.fullBlocks.push(new Uint8Array(slab.subarray(from, end)))
      return
    }
    const next = new Uint8Array(Math.max(length, Math.min(largestBlock, Math.max(smallestBlock, this.size))))
    next.set(slab.subarray(from, end), 0)
    if (length === next.length) this.fullBlocks.push(next)
    else {
      this.block = next
      this.used = length
    }
  }

  /** Returns all blocks in order and empties the builder. */
  blocks(): Array<Uint8Array> {
    const out = this.fullBlocks
    if (this.block !== undefined) out.push(this.block.subarray(0, this.used))
    this.fullBlocks = []
    this.block = undefined
    this.used = 0
    this.size = 0
    return out
  }

  /**
   * Returns all bytes as one array with its own `ArrayBuffer`, and empties the builder. Throws if the array cannot be
   * allocated.
   */
  bytes(): Uint8Array {
    const size = this.size
    const blocks = this.blocks()
    const first = blocks[0]
    if (first === undefined) return new Uint8Array(0)
    if (blocks.length === 1 && first.buffer.byteLength === size) return first
    const out = uninitialised(size)
    let at = 0
    for (const block of blocks) {
      out.set(block, at)
      at += block.length
    }
    return out
  }
}

/** Uninitialised memory, which the caller must overwrite completely. */
const uninitialised = (size: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
