/**
 * Whether a proxy forwards a request itself or opens a tunnel for it.
 */
import type { Origin } from "../../http/origin.js"
import type { ProxyRoute } from "../../transport/transport.js"

/**
 * Whether the request goes to the proxy itself, with its target in absolute form. Such a connection serves any origin;
 * all other requests use a tunnel to one origin. With `tunnel`, http requests use a tunnel too.
 */
export const forwards = (proxy: ProxyRoute, origin: Origin, tunnel: boolean): boolean =>
  (proxy.kind === "http" || proxy.kind === "https") && origin.scheme === "http" && !tunnel
