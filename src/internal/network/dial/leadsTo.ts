/** Whether a connection leads to a host, so that it must be retired when the host's addresses change. */
import type { Route } from "../../transport/transport.js"
import { forwards } from "./forwards.js"

/**
 * Whether the host is the origin or the proxy of the route. With a forwarding proxy only the proxy counts, because one
 * connection serves any origin. `host` is in canonical form. Without `port`, every port matches.
 */
export const leadsTo = ({ origin, proxy, tunnel }: Route, host: string, port: number | undefined): boolean => {
  const isAt = (place: { readonly host: string; readonly port: number }): boolean =>
    place.host === host && (port === undefined || place.port === port)
  if (proxy === undefined) return isAt(origin)
  return isAt(proxy) || (!forwards(proxy, origin, tunnel) && isAt(origin))
}
