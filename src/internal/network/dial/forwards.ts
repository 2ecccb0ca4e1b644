/**
 * Which requests a proxy sees as they are.
 */
import type { Origin } from "../../http/origin.js"
import type { ProxyRoute } from "../../transport/transport.js"

/**
 * Whether the proxy is asked for the target itself, in absolute form. A connection to such a proxy belongs to nobody's
 * origin; everything else goes through a tunnel that ends at one. `tunnel`: even where http would be forwarded.
 */
export const forwards = (proxy: ProxyRoute, origin: Origin, tunnel: boolean): boolean =>
  (proxy.kind === "http" || proxy.kind === "https") && origin.scheme === "http" && !tunnel
