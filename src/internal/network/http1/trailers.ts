/**
 * Reads the trailers of a chunked body from the offsets that the scanner found.
 */
import type { Trailers } from "../../transport/incomingBody.js"
import { decodeText, unfold } from "./head.js"

/**
 * Fields that are ignored in trailers: fields that frame, route or authorize a message or describe its content would be
 * useless or dangerous after the body (RFC 9110, section 6.5.1).
 */
export const neverTrailers: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "location",
  "proxy-authenticate",
  "proxy-authorization",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "www-authenticate"
])

/** The shared list for bodies without trailers. */
export const noTrailers: Trailers = []

/** The trailers of the section that begins at `base`. */
export const readTrailers = (
  { count, offsets }: { readonly offsets: ReadonlyArray<number>; readonly count: number },
  bytes: Buffer,
  base: number
): Trailers => {
  if (count === 0) return noTrailers
  const out: Array<readonly [string, string]> = []
  for (let at = 0; at < count << 2; at += 4) {
    const name = bytes.toString("latin1", base + offsets[at], base + offsets[at + 1])
    if (neverTrailers.has(name.toLowerCase())) continue
    out.push([name, decodeText(unfold(bytes.toString("latin1", base + offsets[at + 2], base + offsets[at + 3])))])
  }
  return out
}
