/**
 * Origins: one object for each, so that Host, connections, cookies and credentials go by the same host.
 */
import type { Origin } from "../transport/transport.js"
import type { Host } from "./host.js"

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
