/**
 * DER: tags, lengths and what is in them (X.690). Nothing in a value makes it read outside the value.
 */

/** One element. */
export interface Der {
  readonly tag: number
  readonly content: Buffer
}

export const tags = {
  integer: 0x02,
  octets: 0x04,
  oid: 0x06,
  sequence: 0x30,
  first: 0xa0,
  firstPrimitive: 0x80
} as const

/** Thrown for what is no DER, or not what is expected there. */
export class DerError extends Error {}

/** The elements that follow one another in bytes. */
export const elementsOf = (bytes: Buffer): ReadonlyArray<Der> => {
  const out: Array<Der> = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0x80
    at += 2
    if (length >= 0x80) {
      const size = length & 0x7f
      if (size === 0 || size > 4 || at + size > bytes.length) throw new DerError("a length is not definite")
      length = bytes.readUIntBE(at, size)
      at += size
    }
    if ((tag & 0x1f) === 0x1f || at + length > bytes.length) throw new DerError("an element does not fit")
    out.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return out
}

/** The content of an element that has to be there, of that kind. */
export const contentOf = (element: Der | undefined, tag: number): Buffer => {
  if (element?.tag === tag) return element.content
  throw new DerError("an element of another kind is expected")
}

/** The elements of an element that has others in it. */
export const childrenOf = (element: Der | undefined, tag: number = tags.sequence): ReadonlyArray<Der> =>
  elementsOf(contentOf(element, tag))

/** An object identifier with dots. */
export const oidOf = (element: Der | undefined): string => {
  const parts: Array<number> = []
  let value = 0
  for (const byte of contentOf(element, tags.oid)) {
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) {
      if (parts.length === 0) {
        const top = Math.min(2, Math.floor(value / 40))
        parts.push(top, value - top * 40)
      } else parts.push(value)
      value = 0
    }
  }
  return parts.join(".")
}

/** A number that is neither negative nor larger than 2^31. */
export const smallInteger = (element: Der | undefined): number => {
  const content = contentOf(element, tags.integer)
  if (content.length === 0 || content.length > 4 || (content[0] ?? 0) >= 0x80)
    throw new DerError("a number is too large")
  return content.readUIntBE(0, content.length)
}
