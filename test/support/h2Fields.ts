/**
 * HPACK for servers of tests, independent of the library's: blocks of literals, entries and references as a test wants
 * them, and a decoder for the blocks of a client, which does not use the Huffman code.
 */

export type Field = readonly [name: string, value: string]

/** RFC 7541, appendix A, from index 1 on. */
const staticTable: ReadonlyArray<Field> = (
  ":authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204|" +
  ":status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|" +
  "accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|" +
  "content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|" +
  "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|" +
  "last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|" +
  "server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"
)
  .split("|")
  .map((entry) => {
    const space = entry.indexOf(" ")
    return space === -1 ? [entry, ""] : [entry.slice(0, space), entry.slice(space + 1)]
  })

/** An integer after the bits `flags`, with a prefix of `bits`. */
export const integer = (value: number, bits: number, flags = 0): Buffer => {
  const largest = 2 ** bits - 1
  if (value < largest) return Buffer.of(flags | value)
  const out = [flags | largest]
  let rest = value - largest
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  return Buffer.from([...out, rest])
}

/** A text without the Huffman code. */
export const text = (value: string): Buffer =>
  Buffer.concat([integer(Buffer.byteLength(value, "latin1"), 7), Buffer.from(value, "latin1")])

const literalOf = (flags: number, [name, value]: Field): Buffer =>
  Buffer.concat([Buffer.of(flags), text(name), text(value)])

/** A field that changes no table. */
export const literal = (name: string, value: string): Buffer => literalOf(0x00, [name, value])

/** A field that no table may hold. */
export const neverIndexed = (name: string, value: string): Buffer => literalOf(0x10, [name, value])

/** A field that becomes the newest entry of the table. */
export const inserted = (name: string, value: string): Buffer => literalOf(0x40, [name, value])

/** The entry at an index; 62 is the newest of the dynamic table. */
export const reference = (index: number): Buffer => integer(index, 7, 0x80)

/** An update of the table's size. */
export const sizeUpdate = (size: number): Buffer => integer(size, 5, 0x20)

/** A block of literals: name, value, name, value. */
export const block = (...texts: ReadonlyArray<string>): Buffer =>
  Buffer.concat(texts.flatMap((name, index) => (index % 2 === 0 ? [literal(name, texts[index + 1] ?? "")] : [])))

/** How a field of a client was written. */
export interface ReadField {
  readonly name: string
  readonly value: string
  /** "indexed": a reference; "inserted": added to the table; "never": never indexed; "literal": none of these. */
  readonly as: "indexed" | "inserted" | "never" | "literal"
}

/** Decodes the blocks of one client, in order. Throws an Error for what RFC 7541 does not allow, and for Huffman. */
export class FieldDecoder {
  /** Newest first. */
  readonly table: Array<Field> = []
  maxSize: number
  private readonly limit: number

  constructor(limit = 4096) {
    this.limit = limit
    this.maxSize = limit
  }

  get size(): number {
    return this.table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
  }

  decode(bytes: Uint8Array): ReadonlyArray<ReadField> {
    const out: Array<ReadField> = []
    let at = 0
    const byte = () => {
      const value = bytes[at++]
      if (value === undefined) throw new Error("the block ends too early")
      return value
    }
    const number = (bits: number) => {
      const mask = 2 ** bits - 1
      at--
      let value = byte() & mask
      if (value < mask) return value
      for (let scale = 1; ; scale *= 128) {
        const next = byte()
        value += (next & 127) * scale
        if (next < 128) return value
      }
    }
    const string = () => {
      if (byte() >= 128) throw new Error("the client uses the Huffman code, which this decoder does not read")
      const length = number(7)
      at += length
      if (at > bytes.length) throw new Error("the block ends within a text")
      return Buffer.from(bytes.subarray(at - length, at)).toString("latin1")
    }
    while (at < bytes.length) {
      const first = byte()
      if (first >= 0x80) {
        const [name, value] = this.entry(number(7))
        out.push({ name, value, as: "indexed" })
      } else if ((first & 0xe0) === 0x20) {
        if (out.length > 0) throw new Error("an update of the table's size after a field")
        this.resize(number(5))
      } else {
        const added = first >= 0x40
        const index = number(added ? 6 : 4)
        const name = index === 0 ? string() : this.entry(index)[0]
        const value = string()
        if (added) this.insert(name, value)
        out.push({ name, value, as: added ? "inserted" : first >= 0x10 ? "never" : "literal" })
      }
    }
    return out
  }

  private entry(index: number): Field {
    const entry = staticTable[index - 1] ?? this.table[index - 1 - staticTable.length]
    if (entry === undefined) throw new Error(`no entry ${index}`)
    return entry
  }

  private resize(size: number): void {
    if (size > this.limit) throw new Error(`a table of ${size} bytes, more than ${this.limit}`)
    this.maxSize = size
    while (this.size > size) this.table.pop()
  }

  private insert(name: string, value: string): void {
    this.table.unshift([name, value])
    while (this.size > this.maxSize) this.table.pop()
  }
}
