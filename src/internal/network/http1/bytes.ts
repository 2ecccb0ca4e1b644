/**
 * Character classes of HTTP/1.1 as lookup tables indexed by byte (RFC 9110, section 5; RFC 9112, section 2).
 */

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a

/** 1 for the characters of a token (RFC 9110, section 5.6.2). */
export const tokenTable: Uint8Array = (() => {
  const table = new Uint8Array(256)
  for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
    table[char.charCodeAt(0)] = 1
  }
  return table
})()

/** Characters of a field value or reason phrase: 1 for HTAB, SP and VCHAR, 2 for obs-text, 0 for all others. */
export const textTable: Uint8Array = (() => {
  const table = new Uint8Array(256)
  table[HTAB] = 1
  for (let code = SP; code < 0x7f; code++) table[code] = 1
  for (let code = 0x80; code < 256; code++) table[code] = 2
  return table
})()

/** The value of a hexadecimal digit; 255 for all other bytes. */
export const hexValues: Uint8Array = (() => {
  const table = new Uint8Array(256).fill(255)
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16)
    table[digit.charCodeAt(0)] = value
    table[digit.toUpperCase().charCodeAt(0)] = value
  }
  return table
})()

/** Whether `bytes[start,end)` is `word` in any case. `word` must be in lower case. */
export const isWord = (bytes: Uint8Array, start: number, end: number, word: string): boolean => {
  if (end - start !== word.length) return false
  for (let index = 0; index < word.length; index++) {
    const byte = bytes[start + index]
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (lower !== word.charCodeAt(index)) return false
  }
  return true
}
