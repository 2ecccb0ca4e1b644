/**
 * Converts a request to the fields of HTTP/2 (RFC 9113, section 8.3.1), and encodes them. A request keeps its encoded
 * block, which is sent again if the request is.
 */
import { hostFieldOf, type Origin } from "../../http/origin.js"
import { isHiddenHeader } from "../../secretNames.js"
import type { Exchange, Route, WireRequest } from "../../transport/transport.js"
import type { HpackEncoder } from "./hpack/encoder.js"

/** Fields that concern a connection of HTTP/1.1. HTTP/2 has frames instead of them, or no equivalent. */
const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade"
])

/**
 * The block of the request. It is valid until the next call; the caller copies it. The blocks of an encoder must be
 * sent in the order in which they are made.
 */
export const encodeRequest = (
  encoder: HpackEncoder,
  exchange: Pick<Exchange, "wireRequest"> & { readonly route: Pick<Route, "origin"> }
): Uint8Array => {
  const request = exchange.wireRequest
  const encoded = request.http2
  if (encoded?.block !== undefined && encoded.revision === encoder.revision) return encoded.block
  const fields = encoded?.fields ?? fieldsOf(request, exchange.route.origin)
  const revision = encoder.revision
  const { secret } = request
  const block = encoder.encode(fields, secret.size === 0 ? isSecret : (name) => secret.has(name) || isSecret(name))
  request.http2 = { fields, block: encoder.revision === revision ? block : undefined, revision }
  return block
}

/** The fields of a request to an origin: name, value, name, value; names in lower case, pseudo-headers first. */
export const fieldsOf = (request: WireRequest, origin: Origin): ReadonlyArray<string> => {
  const lines = request.head.split("\r\n")
  const named = namedByConnection(lines)
  const rest: Array<string> = []
  let authority = ""
  for (const line of lines) {
    const colon = line.indexOf(":")
    if (colon < 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === "host") authority = value
    else if (name === "te") {
      if (hasTrailers(value)) rest.push("te", "trailers")
    } else if (!connectionFields.has(name) && named?.has(name) !== true) rest.push(name, value)
  }
  // A target of http and https has an authority, so an empty Host cannot be expressed.
  if (authority === "") authority = hostFieldOf(origin)
  const { method, target } = request
  return method === "CONNECT"
    ? [":method", method, ":authority", authority, ...rest]
    : [":method", method, ":scheme", origin.scheme, ":authority", authority, ":path", target, ...rest]
}

/** The fields that Connection names. They are not forwarded either. */
const namedByConnection = (lines: ReadonlyArray<string>): ReadonlySet<string> | undefined => {
  let out: Set<string> | undefined
  for (const line of lines) {
    if (!/^connection:/i.test(line)) continue
    out ??= new Set()
    for (const name of line.slice(11).split(",")) out.add(name.trim().toLowerCase())
  }
  return out
}

/** Whether TE contains `trailers`, the only value that HTTP/2 allows. */
const hasTrailers = (value: string): boolean =>
  value.split(",").some((member) => member.trim().toLowerCase() === "trailers")

/** Most names for which the result is cached. Programs use few; beyond the limit the cache is cleared. */
const capacity = 512

const verdicts = new Map<string, boolean>()

/** Whether the name of a field suggests a secret value, which no table may hold. */
const isSecret = (name: string): boolean => {
  const known = verdicts.get(name)
  if (known !== undefined) return known
  if (verdicts.size >= capacity) verdicts.clear()
  const verdict = isHiddenHeader(name)
  verdicts.set(name, verdict)
  return verdict
}
