/**
 * Bytes to text, by label, byte order mark or fallback.
 */

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
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", marked ? 3 : 0)
  }
  // In one step Node 20 takes windows-1252 for latin1.
  const decoder = new TextDecoder(encoding)
  return decoder.decode(bytes, { stream: true }) + decoder.decode()
}

/** Text of bytes in pieces; the encoding is settled by the first ones. */
export class StreamingText {
  private readonly label: string | undefined
  private readonly fallback: Fallback
  private decoder: TextDecoder | undefined = undefined
  private head: Uint8Array | undefined = undefined

  constructor(label: string | undefined, fallback: Fallback) {
    this.label = label
    this.fallback = fallback
  }

  push(bytes: Uint8Array): string {
    if (this.decoder !== undefined) return this.decoder.decode(bytes, { stream: true })
    // Three bytes tell the mark.
    const head = this.head === undefined ? bytes : Uint8Array.from([...this.head, ...bytes])
    if (head.length < 3) {
      this.head = head.slice()
      return ""
    }
    return this.open(head).decode(head, { stream: true })
  }

  end(): string {
    if (this.decoder !== undefined) return this.decoder.decode()
    const head = this.head ?? new Uint8Array(0)
    const decoder = this.open(head)
    return decoder.decode(head, { stream: true }) + decoder.decode()
  }

  private open(head: Uint8Array): TextDecoder {
    this.head = undefined
    this.decoder = new TextDecoder(encodingOf(head, this.label, this.fallback))
    return this.decoder
  }
}
