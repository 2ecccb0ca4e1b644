/**
 * Encodes blocks of fields (RFC 7541). One encoder serves all blocks of one connection, in the order in which they are
 * written.
 *
 * It never evicts: once the table is full, further fields are literals. So a block stays valid until the table changes,
 * and the block of a repeated request can be kept and copied. Texts are not Huffman-coded: the length of a coded secret
 * would reveal something of its content, and most blocks are copies anyway.
 */
import { entryOverhead } from "./decoderTable.js"
import { writeInteger } from "./integers.js"
import { staticCount, staticNames, staticValues } from "./staticTable.js"

/** The largest table that an encoder uses, even if the peer allows more; bytes. */
const largestTable = 4096

/** Names that rarely change their value on one connection: their fields enter the table at once. */
const constantNames: ReadonlySet<string> = new Set([
  ":authority",
  "accept",
  "accept-encoding",
  "accept-language",
  "content-type",
  "origin",
  "user-agent"
])

/** Names that differ in value from request to request: their fields never enter the table, even if one repeats. */
const varyingNames: ReadonlySet<string> = new Set([
  ":path",
  "content-length",
  "content-range",
  "date",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "range"
])

/** Bytes of the table that fields with other names may take, so that they leave room for the constant ones. */
const roomForRepeated = largestTable / 2

/** Names of repeated fields that are remembered. */
const mostNames = 256

/** The entries of one name in both tables. */
interface KnownName {
  /** The index in the static table, or 0. */
  readonly staticIndex: number
  /** Indices of whole fields in the static table, by value. */
  readonly staticFields: ReadonlyMap<string, number>
  readonly isConstant: boolean
  readonly isVarying: boolean
  /** Numbers of entries in the dynamic table, by value. Entries are numbered from 0 in the order of insertion. */
  readonly entries: Map<string, number>
  /** The last value that was not in the table. */
  lastValue: string | undefined
}

const nothing: ReadonlyMap<string, number> = new Map()

/** The names of the static table, for encoders to copy. */
const staticKnown: ReadonlyMap<string, Pick<KnownName, "staticIndex" | "staticFields">> = (() => {
  const out = new Map<string, { staticIndex: number; staticFields: Map<string, number> }>()
  for (let index = 1; index <= staticCount; index++) {
    const name = staticNames[index]
    const known = out.get(name) ?? { staticIndex: index, staticFields: new Map() }
    if (staticValues[index] !== "") known.staticFields.set(staticValues[index], index)
    out.set(name, known)
  }
  return out
})()

/** One entry of the dynamic table. */
interface Entry {
  readonly name: KnownName
  readonly value: string
  readonly size: number
}

/** The bytes of a field's representation beside its texts: an index and two lengths of at most five bytes. */
const fieldOverhead = 15

/** The bytes of two updates of the table's size. */
const updatesSize = 10

let revisions = 0

export class HpackEncoder {
  /**
   * Changes whenever a block that was encoded before would not be decoded as the same fields. If the value is the same
   * before and after the encoding of a block, the block may be sent again as long as the value stays. No two encoders
   * ever have the same value.
   */
  revision = ++revisions
  private readonly known = new Map<string, KnownName>()
  /** The entries that are left, oldest first. */
  private readonly entries: Array<Entry> = []
  /** The number of all insertions so far. */
  private inserted = 0
  private size = 0
  private sizeOfRepeated = 0
  private maxSize = largestTable
  /** The smallest size since the last block, if the size changed. */
  private smallestSize: number | undefined = undefined

  /**
   * Applies the peer's SETTINGS_HEADER_TABLE_SIZE; bytes. The next block begins with the update (RFC 7541, section 4.2).
   * A larger table than 4096 bytes is not used.
   */
  setMaxTableSize(size: number): void {
    const maxSize = Math.min(size, largestTable)
    if (maxSize === this.maxSize) return
    this.maxSize = maxSize
    this.smallestSize = Math.min(this.smallestSize ?? maxSize, maxSize)
    this.revision = ++revisions
  }

  /**
   * Encodes fields: name, value, name, value, as latin1 code units, names in lower case. Fields whose name `isSensitive`
   * stay out of the table, and the peer must not put them into one either (RFC 7541, section 7.1.3).
   */
  encode(fields: ReadonlyArray<string>, isSensitive: (name: string) => boolean): Buffer {
    let bound = updatesSize
    for (let index = 0; index < fields.length; index++) bound += fields[index].length + fieldOverhead
    const out = Buffer.allocUnsafe(bound)
    let at = this.smallestSize === undefined ? 0 : this.writeUpdates(out, this.smallestSize)
    for (let index = 0; index < fields.length; index += 2) {
      at = this.writeField(out, at, fields[index], fields[index + 1], isSensitive)
    }
    return out.subarray(0, at)
  }

  private writeUpdates(out: Buffer, smallest: number): number {
    let at = writeInteger(out, 0, 0x20, 0x1f, smallest)
    if (this.maxSize !== smallest) at = writeInteger(out, at, 0x20, 0x1f, this.maxSize)
    while (this.size > smallest) this.evict()
    this.smallestSize = undefined
    this.revision = ++revisions
    return at
  }

  private evict(): void {
    const oldest = this.entries.shift()
    if (oldest === undefined) return
    oldest.name.entries.delete(oldest.value)
    this.size -= oldest.size
    if (!oldest.name.isConstant) this.sizeOfRepeated -= oldest.size
  }

  private writeField(
    out: Buffer,
    at: number,
    name: string,
    value: string,
    isSensitive: (name: string) => boolean
  ): number {
    const known = this.knownName(name)
    if (isSensitive(name)) return this.writeLiteral(out, at, 0x10, 0x0f, name, known, value)
    if (known === undefined) return this.writeLiteral(out, at, 0, 0x0f, name, known, value)
    const fixed = known.staticFields.get(value)
    if (fixed !== undefined) return writeInteger(out, at, 0x80, 0x7f, fixed)
    const entry = known.entries.get(value)
    if (entry !== undefined) return writeInteger(out, at, 0x80, 0x7f, this.indexOf(entry))
    const size = name.length + value.length + entryOverhead
    if (!this.isWorthAnEntry(known, value, size)) return this.writeLiteral(out, at, 0, 0x0f, name, known, value)
    const next = this.writeLiteral(out, at, 0x40, 0x3f, name, known, value)
    this.insert(known, value, size)
    return next
  }

  /** Remembers names until there are too many. */
  private knownName(name: string): KnownName | undefined {
    const known = this.known.get(name)
    if (known !== undefined || this.known.size >= mostNames) return known
    const fixed = staticKnown.get(name)
    const added: KnownName = {
      staticIndex: fixed?.staticIndex ?? 0,
      staticFields: fixed?.staticFields ?? nothing,
      isConstant: constantNames.has(name),
      isVarying: varyingNames.has(name),
      entries: new Map(),
      lastValue: undefined
    }
    this.known.set(name, added)
    return added
  }

  /** Whether to insert a field: there is room, and its value is constant or repeats the last one of its name. */
  private isWorthAnEntry(known: KnownName, value: string, size: number): boolean {
    if (known.isVarying || size > this.maxSize - this.size) return false
    if (known.isConstant) return true
    if (size > roomForRepeated - this.sizeOfRepeated) return false
    if (known.lastValue === value) return true
    known.lastValue = value
    return false
  }

  private insert(known: KnownName, value: string, size: number): void {
    known.entries.set(value, this.inserted++)
    known.lastValue = undefined
    this.entries.push({ name: known, value, size })
    this.size += size
    if (!known.isConstant) this.sizeOfRepeated += size
    this.revision = ++revisions
  }

  private indexOf(entry: number): number {
    return staticCount + this.inserted - entry
  }

  private nameIndex(known: KnownName | undefined): number {
    if (known === undefined || known.staticIndex > 0) return known?.staticIndex ?? 0
    for (const entry of known.entries.values()) return this.indexOf(entry)
    return 0
  }

  /** Writes a value, and its name unless an index says it. `flags` and `mask` belong to the kind of literal. */
  private writeLiteral(
    out: Buffer,
    at: number,
    flags: number,
    mask: number,
    name: string,
    known: KnownName | undefined,
    value: string
  ): number {
    const index = this.nameIndex(known)
    const next = writeInteger(out, at, flags, mask, index)
    return writeText(out, index === 0 ? writeText(out, next, name) : next, value)
  }
}

const writeText = (out: Buffer, at: number, text: string): number => {
  const start = writeInteger(out, at, 0, 0x7f, text.length)
  return start + out.write(text, start, "latin1")
}
