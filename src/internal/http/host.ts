/**
 * Converts hosts to their canonical form. Stricter than WHATWG: rejects a host that two parsers may read differently.
 */
import { isIPv6 } from "node:net"
import { kindOf } from "../userResult.js"
import { decodePercent } from "./percent.js"
import { maxHostLength, parseUrl } from "./whatwg.js"

/** A lower-case name in A-labels or an IP address; IPv6 without brackets. */
export interface Host {
  readonly name: string
  /** 0 for a name. */
  readonly ip: 0 | 4 | 6
  /** The interface of a link-local address, decoded. */
  readonly zone?: string
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** A host whose last label is numeric. WHATWG parses it as an IPv4 address, in any notation. */
const numeric = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/

const plainName = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?$/

/** Characters that the URL parser drops or decodes, or that end the host. Each of them may select another host. */
const misread = /[\0-\x20\x7f/\\?#@:%]/

const viaWhatwg = (host: string): string | undefined => parseUrl(`http://${host}/`)?.hostname

/** The canonical host, or a description of why it is invalid. */
export const canonicalHost = (raw: string): Host | string => {
  if (raw === "") return "the host is empty"
  if (raw.length > maxHostLength) return "the host is longer than 253 characters"
  if (raw.startsWith("[")) return ipv6(raw)
  if (misread.test(raw)) return "the host has characters that are invalid in host names"
  const lower = raw.toLowerCase()
  const ascii = /^[\x21-\x7e]*$/.test(lower)
  if (ascii && !plainName.test(lower)) {
    return /(?:^|\.)\./.test(lower)
      ? "the host has an empty label"
      : "the host has characters that are invalid in host names"
  }
  const idna = !ascii || /(?:^|\.)xn--/.test(lower)
  const name = idna ? viaWhatwg(raw) : lower
  if (name === undefined || name === "") return "the host is not a valid internationalised name"
  if (numeric.test(name)) {
    return !idna && ipv4.test(name) ? { name, ip: 4 } : "the host is not a canonical IPv4 address"
  }
  if (!plainName.test(name)) return "the host has an empty label or characters that are invalid in host names"
  const bare = name.endsWith(".") ? name.slice(0, -1) : name
  if (bare.length > 253) return "the host is longer than 253 characters"
  for (const label of bare.split(".")) {
    // Node 24 accepts A-labels that decode to nothing.
    if (label === "xn--") return "the host is not a valid internationalised name"
    if (label.length > 63) return "a label of the host is longer than 63 characters"
  }
  return { name, ip: 0 }
}

/** A zone that Node accepts in an address. */
const zoneName = /^[0-9A-Za-z.:-]+$/

/** Like `canonicalHost`, but an IPv6 address may have a zone: "[fe80::1%25eth0]" (RFC 6874, section 2). */
export const zonedHost = (raw: string): Host | string => {
  const mark = raw.startsWith("[") ? raw.indexOf("%25") : -1
  if (mark === -1 || !raw.endsWith("]") || raw.length > maxHostLength) return canonicalHost(raw)
  const host = canonicalHost(`${raw.slice(0, mark)}]`)
  if (typeof host === "string") return host
  const zone = decodePercent(raw.slice(mark + 3, -1))
  return zone !== undefined && zoneName.test(zone)
    ? { ...host, zone }
    : "the zone of the IPv6 address is empty or has other characters than letters, digits and .:-"
}

/**
 * The host that an option names, or a description of why it is invalid. Like `canonicalHost`, but IPv6 needs no
 * brackets, and a final dot is removed.
 */
export const namedHost = (input: unknown): Host | string => {
  if (typeof input !== "string") return `expected a string, got ${kindOf(input)}`
  const host = canonicalHost(isIPv6(input) ? `[${input}]` : input)
  if (typeof host === "string" || !host.name.endsWith(".")) return host
  return { name: host.name.slice(0, -1), ip: host.ip }
}

/** The canonical text by which hosts are compared; `undefined` for text that is not a host. */
export const comparableHost = (input: string): string | undefined => {
  const host = namedHost(input)
  return typeof host === "string" ? undefined : host.name
}

const ipv6 = (raw: string): Host | string => {
  const inner = raw.slice(1, -1)
  if (!raw.endsWith("]") || inner.includes("%") || !isIPv6(inner))
    return "the host is not an IPv6 address without a zone"
  const name = viaWhatwg(raw)
  return name === undefined ? "the host is not an IPv6 address" : { name: name.slice(1, -1), ip: 6 }
}
