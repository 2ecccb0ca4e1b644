/**
 * Bytes that come in pieces of any size, kept in few blocks: ten million pieces of one byte cost ten megabytes.
 */

const smallestBlock = 1024
const largestBlock = 64 * 1024

/** Copies what it is given. */
export class Gather {
  size = 0
  private full: Array<Uint8Array> = []
  private block: Uint8Array | undefined = undefined
  private used = 0

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
    // The first piece is mostly the only one and gets a block of its own size; later ones share blocks that grow.
    if (from === start && this.full.length === 0 && block === undefined) {
      this.full.push(new Uint8Array(slab.subarray(from, end)))
      return
    }
    const length = end - from
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

  /** All bytes as one array, which shares its memory with nothing; afterwards there are none. */
  takeAll(): Uint8Array {
    const size = this.size
    const blocks = this.take()
    const first = blocks[0]
    if (first === undefined) return new Uint8Array(0)
    if (blocks.length === 1 && first.buffer.byteLength === size) return first
    const out = new Uint8Array(size)
    let at = 0
    for (const block of blocks) {
      out.set(block, at)
      at += block.length
    }
    return out
  }
}
