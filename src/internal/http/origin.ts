/**
 * Origins: one object for each, so that Host, connections, cookies and credentials go by the same host.
 */
import type { Host } from "./host.js"

/** Scheme, host and port: credentials and cookies are bound to them. */
export interface Origin {
  readonly scheme: "http" | "https"
  /** Canonical: lower-case A-labels or an IP address, IPv6 without brackets. The one host for connect, TLS, cookies. */
  readonly host: string
  readonly port: number
  /** The value of Host: IPv6 in brackets, no default port. */
  readonly authority: string
  /** 0 for a name. */
  readonly ip: 0 | 4 | 6
  /** Such as "https://example.com:443". */
  readonly key: string
}

/** Origins are few; a program that names many starts over rather than growing. */
const capacity = 512

const origins = new Map<string, Origin>()

const defaultPort = { http: 80, https: 443 } as const

/** The origin of a canonical host; no port is the scheme's. */
export const makeOrigin = (scheme: "http" | "https", host: Host, port: number | undefined): Origin => {
  const number = port ?? defaultPort[scheme]
  const name = host.ip === 6 ? `[${host.name}]` : host.name
  const key = `${scheme}://${name}:${number}`
  const known = origins.get(key)
  if (known !== undefined) return known
  const origin: Origin = {
    scheme,
    host: host.name,
    port: number,
    authority: number === defaultPort[scheme] ? name : `${name}:${number}`,
    ip: host.ip,
    key
  }
  if (origins.size >= capacity) origins.clear()
  origins.set(key, origin)
  return origin
}

/** Whether credentials may go from one to the other: scheme, host and port are the same. */
export const sameOrigin = (a: Origin, b: Origin): boolean => a === b || a.key === b.key
