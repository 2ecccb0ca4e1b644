/**
 * Bytes that come in pieces of any size, kept in few blocks: ten million pieces of one byte cost ten megabytes.
 */

const smallestBlock = 1024
const largestBlock = 64 * 1024

/**
 * A block for all that is still expected, which a peer may only claim: up to `size`, or `ratio` bytes for each that has
 * come, but `most` at once.
 */
const trusted = { size: 256 * 1024, ratio: 8, most: 64 * 1024 * 1024 } as const

/** Copies what it is given. */
export class Gather {
  size = 0
  private readonly expected: number
  private full: Array<Uint8Array> = []
  private block: Uint8Array | undefined = undefined
  private used = 0

  /** `expected`: the bytes that will come, if that is known. */
  constructor(expected = 0) {
    this.expected = expected
  }

  append(slab: Uint8Array, start: number, end: number): void {
    let from = start
    const block = this.block
    if (block !== undefined) {
      const room = block.length - this.used
      const take = Math.min(room, end - from)
      block.set(slab.subarray(from, from + take), this.used)
      this.used += take
      from += take
      if (this.used === block.length) {
        this.full.push(block)
        this.block = undefined
        this.used = 0
      }
    }
    this.size += end - start
    if (from === end) return
    const length = end - from
    const due = this.expected - this.size + length
    if (due > length && due <= Math.min(trusted.most, Math.max(trusted.size, trusted.ratio * this.size))) {
      this.block = filledLater(due)
      this.block.set(slab.subarray(from, end), 0)
      this.used = length
      return
    }
    // The first piece is mostly the only one and gets a block of its own size; later ones share blocks that grow.
    if (from === start && this.full.length === 0 && block === undefined) {
      this.full.push(new Uint8Array(slab.subarray(from, end)))
      return
    }
    if (length >= largestBlock) {
      this.full.push(new Uint8Array(slab.subarray(from, end)))
      return
    }
    const next = new Uint8Array(Math.max(length, Math.min(largestBlock, Math.max(smallestBlock, this.size))))
    next.set(slab.subarray(from, end), 0)
    if (length === next.length) this.full.push(next)
    else {
      this.block = next
      this.used = length
    }
  }

  /** All blocks in order; afterwards there are none. */
  take(): Array<Uint8Array> {
    const out = this.full
    if (this.block !== undefined) out.push(this.block.subarray(0, this.used))
    this.full = []
    this.block = undefined
    this.used = 0
    this.size = 0
    return out
  }

  /** All bytes as one array, which shares its memory with nothing; afterwards there are none. Throws if it has no room. */
  takeAll(): Uint8Array {
    const size = this.size
    const blocks = this.take()
    const first = blocks[0]
    if (first === undefined) return new Uint8Array(0)
    if (blocks.length === 1 && first.buffer.byteLength === size) return first
    const out = filledLater(size)
    let at = 0
    for (const block of blocks) {
      out.set(block, at)
      at += block.length
    }
    return out
  }
}

/** Holds what was in memory before: for whoever fills all of it before it is handed out. */
const filledLater = (size: number): Uint8Array => new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
