/** Decodes text. The encoding comes from the byte order mark, the label or a fallback. */
import { UnmarkedDecoder } from "./unmarkedDecoder.js"

const utf8 = "utf-8"

/** The canonical name of an encoding (WHATWG), or `undefined` if the label is unknown. */
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

/** Picks an encoding for a body that declares none. If it throws or returns an unknown label, UTF-8 is used. */
export type Fallback = (bytes: Uint8Array) => string | undefined

/** The default, which picks UTF-8. */
export const noFallback: Fallback = () => undefined

/**
 * Picks the encoding of a body from its first bytes: that of the byte order mark (WHATWG Encoding, "decode"), else that
 * of the label, else that of `fallback`, else UTF-8.
 */
export const encodingOf = (bytes: Uint8Array, label: string | undefined, fallback: Fallback): string =>
  bomOf(bytes) ?? (label === undefined ? undefined : canonical(label)) ?? askFallback(bytes, fallback)

const askFallback = (bytes: Uint8Array, fallback: Fallback): string => {
  try {
    return canonical(fallback(bytes) ?? utf8) ?? utf8
  } catch {
    return utf8
  }
}

/**
 * Decodes bytes in an encoding given by its canonical name. Removes the byte order mark and replaces malformed bytes
 * with U+FFFD. Throws RangeError if the text exceeds the maximum length of a string.
 */
export const decode = (bytes: Uint8Array, encoding: string): string => {
  if (encoding === utf8) {
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return marked ? buffer.toString("utf8", 3) : buffer.toString()
  }
  // Without the option `stream`, Node 20 decodes windows-1252 as latin1.
  const decoder = new TextDecoder(encoding)
  return decoder.decode(bytes, { stream: true }) + decoder.decode()
}

/** Most bytes of an incomplete character: gb18030 has the longest characters, of four bytes. */
const maxHeld = 3

/**
 * A TextDecoder that never throws. Node's throws if bytes held from earlier chunks turn out to be malformed, because it
 * reserves only two code units per byte of the chunk. A new decoder then decodes the held bytes together with the
 * chunk.
 */
class PieceDecoder {
  private readonly encoding: string
  private decoder: UnmarkedDecoder
  /** The last bytes of the input; `undefined` for UTF-8, whose decoder never throws. */
  private last: Uint8Array | undefined

  constructor(encoding: string) {
    this.encoding = encoding
    this.decoder = new UnmarkedDecoder(encoding)
    this.last = encoding === utf8 ? undefined : new Uint8Array(0)
  }

  push(bytes: Uint8Array): string {
    const { last } = this
    if (last === undefined) return this.decoder.push(bytes)
    const recent = bytes.length >= maxHeld ? bytes : Buffer.concat([last, bytes])
    let text: string
    try {
      text = this.decoder.push(bytes)
    } catch {
      text = this.decodeAgain(last, bytes)
    }
    this.last = recent.slice(-maxHeld)
    return text
  }

  end(): string {
    try {
      return this.decoder.end()
    } catch {
      return replacement
    }
  }

  private decodeAgain(last: Uint8Array, bytes: Uint8Array): string {
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

/** Decodes text chunk by chunk. The first bytes determine the encoding. */
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
    // Waits for three bytes, the length of the longest byte order mark.
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
