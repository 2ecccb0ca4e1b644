/**
 * The dynamic table of a decoder (RFC 7541, section 2.3.2): the last fields that the peer added, newest first.
 */
import { HpackError } from "./hpackError.js"
import { staticCount, staticNames, staticValues } from "./staticTable.js"

/** The size of an entry without the bytes of its name and value (RFC 7541, section 4.1). */
export const entryOverhead = 32

/** A ring of entries, limited by their size in bytes. Indices count through the static table first. */
export class DecoderTable {
  private readonly names: Array<string>
  private readonly values: Array<string>
  private readonly ringMask: number
  /** The place of the next entry in the ring. */
  private next = 0
  private count = 0
  private size = 0
  private maxSize: number

  /** `maxSize`: the initial limit in bytes, and the largest that the peer may set. */
  constructor(maxSize: number) {
    const room = 2 ** Math.ceil(Math.log2(Math.max(1, maxSize / entryOverhead)))
    this.names = new Array<string>(room).fill("")
    this.values = new Array<string>(room).fill("")
    this.ringMask = room - 1
    this.maxSize = maxSize
  }

  /** The name at an index. Throws a `HpackError` for 0 and for an index without an entry. */
  name(index: number): string {
    return index <= staticCount && index > 0 ? staticNames[index] : this.names[this.place(index)]
  }

  /** The value at an index that has an entry. */
  value(index: number): string {
    return index <= staticCount ? staticValues[index] : this.values[this.place(index)]
  }

  private place(index: number): number {
    const age = index - staticCount - 1
    if (age < 0 || age >= this.count) {
      throw new HpackError(`expected an index from 1 to ${staticCount + this.count}, got ${index}`)
    }
    return (this.next - 1 - age) & this.ringMask
  }

  /** Whether an entry of this size would be kept. */
  fits(size: number): boolean {
    return size <= this.maxSize
  }

  /** Adds an entry of a size that fits, in place of the oldest ones if necessary. */
  add(name: string, value: string, size: number): void {
    this.evictTo(this.maxSize - size)
    this.names[this.next] = name
    this.values[this.next] = value
    this.next = (this.next + 1) & this.ringMask
    this.count++
    this.size += size
  }

  /** Removes all entries. Adding an entry that does not fit does that (RFC 7541, section 4.4). */
  clear(): void {
    this.evictTo(0)
  }

  /** Changes the limit of the table, up to that of the constructor. */
  resize(maxSize: number): void {
    this.maxSize = maxSize
    this.evictTo(maxSize)
  }

  private evictTo(size: number): void {
    while (this.size > size) {
      const oldest = (this.next - this.count) & this.ringMask
      this.size -= this.names[oldest].length + this.values[oldest].length + entryOverhead
      this.names[oldest] = ""
      this.values[oldest] = ""
      this.count--
    }
  }
}
