/**
 * Which connections a host's address was looked up for, or would be by their proxy.
 */
import type { Route } from "../../transport/transport.js"
import { forwards } from "./forwards.js"

/**
 * Whether connections of the route lead to the host: as their origin, or as their proxy. A proxy that forwards is asked
 * for any origin by the same connection. The name is canonical; no port means all.
 */
export const leadsTo = ({ origin, proxy, tunnel }: Route, host: string, port: number | undefined): boolean => {
  const isIt = (place: { readonly host: string; readonly port: number }): boolean =>
    place.host === host && (port === undefined || place.port === port)
  if (proxy === undefined) return isIt(origin)
  return isIt(proxy) || (!forwards(proxy, origin, tunnel) && isIt(origin))
}
