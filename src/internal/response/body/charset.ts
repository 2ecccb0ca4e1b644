/**
 * Bytes to text, by label, byte order mark or fallback.
 */
import { UnmarkedDecoder } from "./unmarkedDecoder.js"

const utf8 = "utf-8"

/** The canonical name of an encoding (WHATWG), `undefined` for one that is not known. */
export const canonical = (label: string): string | undefined => {
  const lower = label.toLowerCase()
  if (lower === utf8 || lower === "utf8") return utf8
  try {
    return new TextDecoder(label).encoding
  } catch {
    return undefined
  }
}

const bomOf = (bytes: Uint8Array): string | undefined => {
  const first = bytes[0]
  const second = bytes[1]
  if (first === 0xef && second === 0xbb && bytes[2] === 0xbf) return utf8
  if (first === 0xfe && second === 0xff) return "utf-16be"
  if (first === 0xff && second === 0xfe) return "utf-16le"
  return undefined
}

/** Says what a body is in that says nothing itself; it may throw, or name what does not exist. */
export type Fallback = (bytes: Uint8Array) => string | undefined

/** No fallback but UTF-8. */
export const noFallback: Fallback = () => undefined

/** The encoding of a body that begins so: what its label says, then its byte order mark, then `fallback`, then UTF-8. */
export const encodingOf = (bytes: Uint8Array, label: string | undefined, fallback: Fallback): string => {
  if (label !== undefined) {
    const known = canonical(label)
    // "utf-16" leaves the order to the mark (RFC 2781 section 4.3).
    if (known === "utf-16le" && label.toLowerCase() === "utf-16")
      return bomOf(bytes) === "utf-16be" ? "utf-16be" : known
    if (known !== undefined) return known
  }
  return bomOf(bytes) ?? askFallback(bytes, fallback)
}

const askFallback = (bytes: Uint8Array, fallback: Fallback): string => {
  try {
    return canonical(fallback(bytes) ?? utf8) ?? utf8
  } catch {
    return utf8
  }
}

/**
 * Text of bytes in a canonical encoding, without its mark, U+FFFD for what is malformed. Throws RangeError where it is
 * longer than a string may be.
 */
export const decode = (bytes: Uint8Array, encoding: string): string => {
  if (encoding === utf8) {
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return buffer.toString("utf8", marked ? 3 : 0)
  }
  // In one step Node 20 takes windows-1252 for latin1.
  const decoder = new TextDecoder(encoding)
  return decoder.decode(bytes, { stream: true }) + decoder.decode()
}

/** Bytes of a character that have come; of all encodings gb18030 has the longest ones. */
const maxHeld = 3

/**
 * A TextDecoder that never throws. Node's gives ICU room for two code units a byte, and throws where the bytes before a
 * piece turn out to be no character and become more: a new one gets those that were held with the piece.
 */
class PieceDecoder {
  private readonly encoding: string
  private decoder: UnmarkedDecoder
  /** The last bytes that it was given; `undefined` where it never throws. */
  private last: Uint8Array | undefined

  constructor(encoding: string) {
    this.encoding = encoding
    this.decoder = new UnmarkedDecoder(encoding)
    this.last = encoding === utf8 ? undefined : new Uint8Array(0)
  }

  push(bytes: Uint8Array): string {
    const { last } = this
    if (last === undefined) return this.decoder.push(bytes)
    const both = bytes.length >= maxHeld ? bytes : Buffer.concat([last, bytes])
    let text: string
    try {
      text = this.decoder.push(bytes)
    } catch {
      text = this.again(last, bytes)
    }
    this.last = both.slice(-maxHeld)
    return text
  }

  end(): string {
    try {
      return this.decoder.end()
    } catch {
      return replacement
    }
  }

  private again(last: Uint8Array, bytes: Uint8Array): string {
    for (let from = 0; from <= last.length; from++) {
      const held = last.subarray(from)
      try {
        if (new TextDecoder(this.encoding).decode(held, { stream: true }) !== "") continue
        this.decoder = new UnmarkedDecoder(this.encoding, false)
        return this.decoder.push(Buffer.concat([held, bytes]))
      } catch {}
    }
    this.decoder = new UnmarkedDecoder(this.encoding, false)
    return replacement
  }
}

const replacement = "\ufffd"

/** Text of bytes in pieces; the encoding is settled by the first ones. */
export class StreamingText {
  private readonly label: string | undefined
  private readonly fallback: Fallback
  private decoder: PieceDecoder | undefined = undefined
  private head: Uint8Array | undefined = undefined

  constructor(label: string | undefined, fallback: Fallback) {
    this.label = label
    this.fallback = fallback
  }

  push(bytes: Uint8Array): string {
    if (this.decoder !== undefined) return this.decoder.push(bytes)
    // Three bytes tell the mark.
    const head = this.head === undefined ? bytes : Uint8Array.from([...this.head, ...bytes])
    if (head.length < 3) {
      this.head = head.slice()
      return ""
    }
    return this.open(head).push(head)
  }

  end(): string {
    if (this.decoder !== undefined) return this.decoder.end()
    const head = this.head ?? new Uint8Array(0)
    const decoder = this.open(head)
    return decoder.push(head) + decoder.end()
  }

  private open(head: Uint8Array): PieceDecoder {
    this.head = undefined
    this.decoder = new PieceDecoder(encodingOf(head, this.label, this.fallback))
    return this.decoder
  }
}
