/**
 * Converts cookies between text and octets. The jar stores octets, one character each, so that a value received in
 * Latin-1 is sent back in Latin-1. Programs see values as text.
 */
import type { Head } from "../transport/transport.js"

const ascii = /^[\x00-\x7f]*$/
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The UTF-8 octets of a text, one character each. */
export const toWire = (text: string): string => (ascii.test(text) ? text : Buffer.from(text, "utf8").toString("latin1"))

/** Decodes octets as UTF-8 if they are valid, otherwise as Latin-1. */
export const fromWire = (octets: string): string => {
  if (ascii.test(octets)) return octets
  try {
    return decoder.decode(Buffer.from(octets, "latin1"))
  } catch {
    return octets
  }
}

/** The Set-Cookie lines of a response as octets, for `Jar.storeWire`. */
export const setCookieLines = (head: Pick<Head, "count" | "name" | "value" | "raw">): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (let index = 0; index < head.count; index++) {
    if (head.name(index).toLowerCase() !== "set-cookie") continue
    const text = head.value(index)
    if (ascii.test(text)) {
      lines.push(text)
    } else {
      const raw = head.raw()[index]
      if (raw !== undefined) lines.push(Buffer.from(raw[1]).toString("latin1"))
    }
  }
  return lines
}
