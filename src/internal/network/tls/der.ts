/**
 * A reader of DER, the binary encoding of ASN.1 (X.690). It never reads beyond the bytes of the enclosing element.
 */

/** One element: its tag and the bytes of its content. */
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

/** Thrown for malformed DER and for unexpected elements. */
export class DerError extends Error {}

/** Splits bytes into the consecutive elements that they contain. */
export const elementsOf = (bytes: Buffer): ReadonlyArray<Der> => {
  const out: Array<Der> = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0x80
    at += 2
    if (length >= 0x80) {
      const size = length & 0x7f
      if (size === 0 || size > 4 || at + size > bytes.length)
        throw new DerError("expected a definite length of at most 4 bytes")
      length = bytes.readUIntBE(at, size)
      at += size
    }
    if ((tag & 0x1f) === 0x1f || at + length > bytes.length)
      throw new DerError("expected a one-byte tag and an element within its parent")
    out.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return out
}

/** The content of an element. Throws unless the element exists and has the tag. */
export const contentOf = (element: Der | undefined, tag: number): Buffer => {
  if (element?.tag === tag) return element.content
  throw new DerError(`expected an element with tag ${tag}, got ${element === undefined ? "none" : element.tag}`)
}

/** The elements inside an element. */
export const childrenOf = (element: Der | undefined, tag: number = tags.sequence): ReadonlyArray<Der> =>
  elementsOf(contentOf(element, tag))

/** An object identifier in dotted form, such as "1.2.840". */
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

/** An integer from 0 to 2^31 - 1. Throws for others. */
export const smallInteger = (element: Der | undefined): number => {
  const content = contentOf(element, tags.integer)
  if (content.length === 0 || content.length > 4 || (content[0] ?? 0) >= 0x80)
    throw new DerError("expected an integer from 0 to 2^31 - 1")
  return content.readUIntBE(0, content.length)
}
