/**
 * Integers of HPACK (RFC 7541, section 5.1): the low bits of one byte, and bytes of seven bits for larger values.
 */
import { HpackError } from "./hpackError.js"

/** The bytes that are read, and the position of the next one. */
export interface Cursor {
  bytes: Buffer
  at: number
  end: number
}

/**
 * No length or index in a valid block is larger. The limit also keeps values within the integers that are fast, and
 * bounds an integer to five bytes.
 */
export const largestInteger = 2 ** 28

/** Reads the integer at the cursor. `mask` has the bits of the first byte that belong to it, such as 0x7f. */
export const readInteger = (cursor: Cursor, mask: number): number => {
  const { bytes, end } = cursor
  let value = bytes[cursor.at++] & mask
  if (value < mask) return value
  for (let shift = 0; shift < 28; shift += 7) {
    if (cursor.at === end) throw new HpackError("expected the rest of an integer, got the end of the block")
    const byte = bytes[cursor.at++]
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) {
      if (value > largestInteger) break
      return value
    }
  }
  throw new HpackError(`expected an integer of at most ${largestInteger} in at most 5 bytes, got a larger one`)
}

/** Writes an integer of 0 or more at `at`, after the high bits `flags`. Returns the position after it. */
export const writeInteger = (out: Uint8Array, at: number, flags: number, mask: number, value: number): number => {
  if (value < mask) {
    out[at] = flags | value
    return at + 1
  }
  out[at] = flags | mask
  let next = at + 1
  let rest = value - mask
  while (rest >= 0x80) {
    out[next++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[next++] = rest
  return next
}
