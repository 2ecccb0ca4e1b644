/**
 * Text to bytes in the encoding that a charset names. The Encoding Standard's TextEncoder has UTF-8 only.
 */

const latin1 = /^(?:iso[-_]?8859-1(?::1987)?|latin-?1|l1|iso-ir-100|cp819|ibm819|csisolatin1)$/

const ascii = /^(?:us-ascii|ascii|ansi_x3\.4-1968|iso-ir-6|csascii|us)$/

/** Encodings with one byte for each character (Encoding Standard, section 9). */
const singleByte = /^(?:ibm866|iso-8859-\d+(?:-i)?|koi8-[ru]|macintosh|windows-\d+|x-mac-cyrillic)$/

const unencodable = (label: string): string => `expected text that has an encoding in ${label}`

const upTo = (text: string, last: number, label: string): Uint8Array | string => {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > last) return unencodable(label)
  return Buffer.from(text, "latin1")
}

/** The byte of each character, from what the decoder makes of each byte. */
const tableOf = (encoding: string): ReadonlyMap<string, number> => {
  const table = new Map<string, number>()
  for (let byte = 0; byte < 256; byte++) {
    const decoder = new TextDecoder(encoding)
    // In one step Node 20 takes windows-1252 for latin1.
    const character = decoder.decode(Uint8Array.of(byte), { stream: true }) + decoder.decode()
    if (character !== "\ufffd") table.set(character, byte)
  }
  return table
}

const byTable = (text: string, encoding: string, label: string): Uint8Array | string => {
  const table = tableOf(encoding)
  const bytes = Buffer.alloc(text.length)
  for (let index = 0; index < text.length; index++) {
    const byte = table.get(text.charAt(index))
    if (byte === undefined) return unencodable(label)
    bytes[index] = byte
  }
  return bytes
}

const utf16 = (text: string, bigEndian: boolean): Uint8Array => {
  const bytes = Buffer.from(text, "utf16le")
  return bigEndian ? bytes.swap16() : bytes
}

/**
 * The bytes of a text in the encoding of a label, or why it has none: the label is unknown, a character is not in the
 * encoding, or the encoding has no encoder here (those of East Asia beside UTF). "iso-8859-1" and "us-ascii" are
 * themselves and not windows-1252; "utf-16" begins with its byte order mark.
 */
export const encodeText = (text: string, label: string): Uint8Array | string => {
  const lower = label.trim().toLowerCase()
  if (lower === "utf-8" || lower === "utf8") return Buffer.from(text, "utf8")
  if (latin1.test(lower)) return upTo(text, 0xff, label)
  if (ascii.test(lower)) return upTo(text, 0x7f, label)
  let encoding: string
  try {
    encoding = new TextDecoder(lower).encoding
  } catch {
    return "expected a charset that the Encoding Standard knows"
  }
  if (encoding === "utf-8") return Buffer.from(text, "utf8")
  if (encoding === "utf-16le") return utf16(lower === "utf-16" ? `\ufeff${text}` : text, false)
  if (encoding === "utf-16be") return utf16(text, true)
  return singleByte.test(encoding)
    ? byTable(text, encoding, label)
    : `expected UTF-8, UTF-16 or a charset of one byte for each character, got ${encoding}; give bytes instead`
}
