/** Holds the bytes of a head or trailer section that arrives in more than one read. */

/** Bytes of the largest buffer that is kept after its section. */
const keptSize = 4096

export class SectionStore {
  private buffer: Buffer | undefined = undefined
  /** The number of stored bytes. */
  size = 0

  /** Appends `bytes[start,end)`. Returns the buffer, which holds the section from its first byte. */
  add(bytes: Buffer, start: number, end: number): Buffer {
    const size = this.size + end - start
    let buffer = this.buffer
    if (buffer === undefined || buffer.length < size) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, buffer === undefined ? 1024 : buffer.length * 2))
      if (buffer !== undefined && this.size > 0) buffer.copy(larger, 0, 0, this.size)
      buffer = larger
      this.buffer = larger
    }
    bytes.copy(buffer, this.size, start, end)
    this.size = size
    return buffer
  }

  clear(): void {
    this.size = 0
    if (this.buffer !== undefined && this.buffer.length > keptSize) this.buffer = undefined
  }
}
