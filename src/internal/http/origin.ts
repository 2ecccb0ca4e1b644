/** Origins. Each has one shared object, so that Host, connections, cookies and credentials all use the same host. */
import type { Host } from "./host.js"

/** Scheme, host and port. Credentials and cookies are bound to an origin. */
export interface Origin {
  readonly scheme: "http" | "https"
  /**
   * Canonical: lower-case A-labels or an IP address, IPv6 without brackets. Connections, TLS and cookies all use it.
   */
  readonly host: string
  readonly port: number
  /** The value of the Host header: IPv6 in brackets, without the default port. */
  readonly authority: string
  /** 0 for a name. */
  readonly ip: 0 | 4 | 6
  /** For example "https://example.com:443". */
  readonly key: string
}

/** Most cached origins. Programs use few; one that exceeds the limit starts with an empty cache again. */
const capacity = 512

const origins = new Map<string, Origin>()

const defaultPort = { http: 80, https: 443 } as const

/** The origin of a canonical host; the port defaults to the scheme's. */
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

/** Whether credentials may be sent to both: scheme, host and port are equal. */
export const sameOrigin = (a: Origin, b: Origin): boolean => a === b || a.key === b.key
