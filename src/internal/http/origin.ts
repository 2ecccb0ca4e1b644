/** Origins. Host, connections, cookies and credentials use the same object, and therefore the same host. */
import type { Host } from "./host.js"

/** Scheme, host and port. Credentials and cookies are bound to an origin. */
export interface Origin {
  readonly scheme: "http" | "https"
  /**
   * In canonical form: lower-case A-labels or an IP address, IPv6 without brackets. Connections, TLS and cookies use
   * it.
   */
  readonly host: string
  readonly port: number
  /** The interface of an IPv6 address. It selects the network on this machine, and is never sent (RFC 6874). */
  readonly zone?: string | undefined
  /** As in a URL: IPv6 in brackets and with its zone, without the default port. */
  readonly authority: string
  /**
   * The value of Host if it differs from `authority`: without a zone, and for https without the final dot of a name,
   * because SNI does not allow the dot (RFC 6066, section 3) and servers compare SNI with Host.
   */
  readonly hostField?: string | undefined
  /** 0 for a name. */
  readonly ip: 0 | 4 | 6
  /** For example "https://example.com:443". */
  readonly key: string
}

/** Most cached origins. Programs use few; at the limit, the cache is cleared. */
const capacity = 512

const origins = new Map<string, Origin>()

const defaultPort = { http: 80, https: 443 } as const

/** The origin of a canonical host. The default port is that of the scheme. */
export const makeOrigin = (scheme: "http" | "https", host: Host, port: number | undefined): Origin => {
  const number = port ?? defaultPort[scheme]
  const { zone } = host
  const bare = host.ip === 6 ? `[${host.name}]` : host.name
  const name = zone === undefined ? bare : `[${host.name}%25${encodeURIComponent(zone)}]`
  const key = `${scheme}://${name}:${number}`
  const known = origins.get(key)
  if (known !== undefined) return known
  const shownPort = number === defaultPort[scheme] ? "" : `:${number}`
  const sent = scheme === "https" && bare.endsWith(".") ? bare.slice(0, -1) : bare
  const origin: Origin = {
    scheme,
    host: host.name,
    port: number,
    zone,
    authority: name + shownPort,
    hostField: sent === name ? undefined : sent + shownPort,
    ip: host.ip,
    key
  }
  if (origins.size >= capacity) origins.clear()
  origins.set(key, origin)
  return origin
}

/** The value of the Host header for an origin. */
export const hostFieldOf = (origin: Origin): string => origin.hostField ?? origin.authority

/** An address with its zone, in the operating system's notation. */
export const zonedAddress = ({ host, zone }: { readonly host: string; readonly zone?: string | undefined }): string =>
  zone === undefined ? host : `${host}%${zone}`

/** Whether scheme, host and port are equal, so that credentials for one may be sent to the other. */
export const sameOrigin = (a: Origin, b: Origin): boolean => a === b || a.key === b.key
