/**
 * Decodes blocks of fields (RFC 7541). One decoder serves all blocks that one peer sends on one connection, in their
 * order, because each block may add to the table that later ones refer to.
 *
 * A text that the peer sends once and refers to later is one string, so a repeated field needs no new memory. A block
 * that exceeds a limit is still decoded to its end, because the table must stay in step with the peer's, but its fields
 * are dropped.
 */
import type { DecodedFields, FieldLimits } from "./decodedFields.js"
import { DecoderTable, entryOverhead } from "./decoderTable.js"
import { HpackError } from "./hpackError.js"
import { decodedBound, decodeHuffman } from "./huffman.js"
import { type Cursor, readInteger } from "./integers.js"
import { RepeatedBlock } from "./repeatedBlock.js"
import { staticCount } from "./staticTable.js"

const none: ReadonlyArray<number> = []
const noBytes: Buffer = Buffer.alloc(0)

/** The first byte of each representation (RFC 7541, section 6). */
const indexed = 0x80
const withIndexing = 0x40
const sizeUpdate = 0x20
const neverIndexed = 0x10

const huffmanFlag = 0x80

/** Longer texts get a separate buffer while they are decoded. */
const scratchSize = 8192
let scratch: Buffer | undefined

/** A block may begin with two updates of the table's size: to the smallest and to the last one (RFC 7541, section 4.2). */
const mostSizeUpdates = 2

/** Fields whose additions fit into the bits of a number. */
const mostAdditions = 30

export class HpackDecoder {
  private readonly maxTableSize: number
  private readonly table: DecoderTable
  private readonly cursor: Cursor = { bytes: noBytes, at: 0, end: 0 }
  private limits: FieldLimits = { maxHeadSize: 0, maxHeaders: 0, maxLineSize: 0 }
  private names: Array<string> = []
  private values: Array<string> = []
  /** Positions of the fields that the peer marked as never indexed. */
  private neverIndexedFields: Array<number> | undefined
  private exceeded: keyof FieldLimits | undefined
  private size = 0
  /** Bits of the fields that this block has added to the table. */
  private additions = 0
  /** Whether this block can be remembered: whether it changed the table only by fields that it has itself. */
  private isRepeatable = true
  /** Whether this block refers to fields of earlier blocks. */
  private refersBack = false
  private readonly repeated = new RepeatedBlock()
  // The bytes of the text that was read last, before a string is made of them.
  private text = noBytes
  private textStart = 0
  private textEnd = 0

  /** `maxTableSize`: SETTINGS_HEADER_TABLE_SIZE as the peer knows it; bytes. */
  constructor(maxTableSize = 4096) {
    this.maxTableSize = maxTableSize
    this.table = new DecoderTable(maxTableSize)
  }

  /** Decodes the block in `block[start,end)`. Throws only `HpackError`; the decoder is of no use afterwards. */
  decode(block: Buffer, start: number, end: number, limits: FieldLimits): DecodedFields {
    const known = this.repeated.match(block, start, end, limits)
    if (known !== undefined) {
      this.repeated.addTo(this.table)
      return known
    }
    const fields = this.decodeNew(block, start, end, limits)
    const isRepeatable = this.isRepeatable && !(this.refersBack && this.additions !== 0)
    this.repeated.remember(block, start, end, limits, isRepeatable ? fields : undefined, this.additions)
    return fields
  }

  private decodeNew(block: Buffer, start: number, end: number, limits: FieldLimits): DecodedFields {
    const cursor = this.cursor
    cursor.bytes = block
    cursor.at = start
    cursor.end = end
    this.limits = limits
    this.names = []
    this.values = []
    this.neverIndexedFields = undefined
    this.exceeded = undefined
    this.size = 0
    this.additions = 0
    this.isRepeatable = true
    this.refersBack = false
    let updates = 0
    let first = true
    while (cursor.at < end) {
      const byte = block[cursor.at]
      if ((byte & 0xe0) === sizeUpdate) {
        if (!first)
          throw new HpackError("expected an update of the table's size before the first field, got one after it")
        if (++updates > mostSizeUpdates) {
          throw new HpackError(`expected at most ${mostSizeUpdates} updates of the table's size, got more`)
        }
        this.resize()
      } else {
        first = false
        if (byte >= indexed) this.indexedField()
        else if (byte >= withIndexing) this.literal(0x3f, true, false)
        else this.literal(0x0f, false, byte >= neverIndexed)
      }
    }
    cursor.bytes = noBytes
    this.text = noBytes
    const { names, values, size, exceeded } = this
    return { names, values, neverIndexed: this.neverIndexedFields ?? none, size, exceeded }
  }

  private resize(): void {
    const size = readInteger(this.cursor, 0x1f)
    this.isRepeatable = false
    if (size > this.maxTableSize) {
      throw new HpackError(`expected a table of at most ${this.maxTableSize} bytes, got an update to ${size}`)
    }
    this.table.resize(size)
  }

  private indexedField(): void {
    const index = readInteger(this.cursor, 0x7f)
    const name = this.table.name(index)
    const value = this.table.value(index)
    if (index > staticCount) this.refersBack = true
    if (this.admits(name.length, value.length)) this.addField(name, value, false)
  }

  /** A field with its value in the block, and its name too if the index is 0. `added`: the table gets it. */
  private literal(mask: number, added: boolean, never: boolean): void {
    const index = readInteger(this.cursor, mask)
    let name = index === 0 ? "" : this.table.name(index)
    let nameSize = name.length
    if (index > staticCount) this.refersBack = true
    if (index === 0) {
      this.readText()
      nameSize = this.textEnd - this.textStart
      if (this.mayNeed(nameSize, added)) name = this.makeText()
    }
    this.readText()
    const valueSize = this.textEnd - this.textStart
    const size = nameSize + valueSize + entryOverhead
    const admitted = this.admits(nameSize, valueSize)
    const kept = added && this.table.fits(size)
    if (admitted || kept) {
      const value = this.makeText()
      if (admitted) this.addField(name, value, never)
      if (kept) this.add(name, value, size, admitted)
    }
    if (added && !kept) {
      this.isRepeatable = false
      this.table.clear()
    }
  }

  private add(name: string, value: string, size: number, admitted: boolean): void {
    const position = this.names.length - 1
    if (admitted && position < mostAdditions) this.additions |= 1 << position
    else this.isRepeatable = false
    this.table.add(name, value, size)
  }

  /** Whether a field with a name of this size can be within the limits, or in the table. */
  private mayNeed(nameSize: number, added: boolean): boolean {
    if (this.exceeded === undefined && nameSize <= this.limits.maxLineSize) return true
    return added && this.table.fits(nameSize + entryOverhead)
  }

  private addField(name: string, value: string, never: boolean): void {
    if (never) {
      this.neverIndexedFields ??= []
      this.neverIndexedFields.push(this.names.length)
    }
    this.names.push(name)
    this.values.push(value)
  }

  /** Counts a field. Returns whether the block is still within its limits. */
  private admits(nameSize: number, valueSize: number): boolean {
    if (this.exceeded !== undefined) return false
    const { maxHeadSize, maxHeaders, maxLineSize } = this.limits
    this.size += nameSize + valueSize + entryOverhead
    if (this.names.length >= maxHeaders) this.exceeded = "maxHeaders"
    else if (nameSize + valueSize > maxLineSize) this.exceeded = "maxLineSize"
    else if (this.size > maxHeadSize) this.exceeded = "maxHeadSize"
    return this.exceeded === undefined
  }

  /** Reads a text (RFC 7541, section 5.2) without making a string of it. */
  private readText(): void {
    const cursor = this.cursor
    if (cursor.at === cursor.end) throw new HpackError("expected the length of a text, got the end of the block")
    const isHuffman = (cursor.bytes[cursor.at] & huffmanFlag) !== 0
    const length = readInteger(cursor, 0x7f)
    const start = cursor.at
    if (length > cursor.end - start) {
      throw new HpackError(`expected a text of ${length} bytes, got ${cursor.end - start} to the end of the block`)
    }
    cursor.at += length
    if (!isHuffman) {
      this.text = cursor.bytes
      this.textStart = start
      this.textEnd = cursor.at
      return
    }
    const bound = decodedBound(length)
    scratch ??= Buffer.allocUnsafeSlow(scratchSize)
    const out = bound <= scratchSize ? scratch : Buffer.allocUnsafeSlow(bound)
    this.text = out
    this.textStart = 0
    this.textEnd = decodeHuffman(cursor.bytes, start, cursor.at, out)
  }

  private makeText(): string {
    return this.text.toString("latin1", this.textStart, this.textEnd)
  }
}
