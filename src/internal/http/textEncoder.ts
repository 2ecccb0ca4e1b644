/** Encodes text in a charset. The TextEncoder of the Encoding Standard supports only UTF-8. */

const latin1 = /^(?:iso[-_]?8859-1(?::1987)?|latin-?1|l1|iso-ir-100|cp819|ibm819|csisolatin1)$/

const ascii = /^(?:us-ascii|ascii|ansi_x3\.4-1968|iso-ir-6|csascii|us)$/

/** Encodings with one byte per character (Encoding Standard, section 9). */
const singleByte = /^(?:ibm866|iso-8859-\d+(?:-i)?|koi8-[ru]|macintosh|windows-\d+|x-mac-cyrillic)$/

const unencodable = (label: string): string => `expected text that ${label} can represent, got another character`

const upTo = (text: string, last: number, label: string): Uint8Array | string => {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > last) return unencodable(label)
  return Buffer.from(text, "latin1")
}

/** Maps each character to its byte. Decodes all bytes for that. */
const tableOf = (encoding: string): ReadonlyMap<string, number> => {
  const table = new Map<string, number>()
  for (let byte = 0; byte < 256; byte++) {
    const decoder = new TextDecoder(encoding)
    // Without the option `stream`, Node 20 decodes windows-1252 as latin1.
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
 * Encodes text in the charset of a label. Returns a description of the error if the label is unknown, if the charset
 * cannot represent a character, or if this module has no encoder for it (East Asian charsets). Unlike in the Encoding
 * Standard, "iso-8859-1" and "us-ascii" are not windows-1252. "utf-16" starts with a byte order mark.
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
    return "expected a charset of the Encoding Standard"
  }
  if (encoding === "utf-8") return Buffer.from(text, "utf8")
  if (encoding === "utf-16le") return utf16(lower === "utf-16" ? `\ufeff${text}` : text, false)
  if (encoding === "utf-16be") return utf16(text, true)
  return singleByte.test(encoding)
    ? byTable(text, encoding, label)
    : `expected UTF-8, UTF-16 or a charset with one byte per character, got ${encoding}; use bytes instead`
}
