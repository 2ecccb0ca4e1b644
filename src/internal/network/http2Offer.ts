/** Decides for each route whether its connections may, or must, speak HTTP/2. */
import type { PoolOptions } from "../../Connector.js"
import type { Http2Offer } from "../transport/networkStream.js"
import type { Http2Mode, Route } from "../transport/transport.js"
import { forwards } from "./dial/forwards.js"

/**
 * Converts the option `http2` of a connector to a mode. Off with `forceClose`, because each connection serves one
 * request.
 */
export const modeOf = ({ forceClose, http2 = forceClose !== true }: PoolOptions): Http2Mode =>
  typeof http2 === "boolean" ? (http2 ? "auto" : false) : (http2.mode ?? "auto")

/** Why a request cannot be sent: the name of an option and a description. */
export interface Refusal {
  readonly option: string
  readonly description: string
}

const contradiction: Refusal = {
  option: "version",
  description: 'expected a version below "2", because the connector has forceClose; use a session without version: "2"'
}

const needsHttp1: Refusal = {
  option: "http2",
  description:
    "expected a request that may use HTTP/2, which the connector requires; WebSockets, upgrades and versions below 2 need another connector"
}

const needsTls: Refusal = {
  option: "http2",
  description:
    'expected an https URL, because the connector requires HTTP/2 by ALPN; mode: "prior-knowledge" has no ALPN'
}

/** The offer for a route. `requiresHttp1` is true if the server has required HTTP/1.1 before. */
export const offerOf = (
  mode: Http2Mode,
  forceClose: boolean,
  route: Route,
  requiresHttp1: boolean
): Http2Offer | Refusal => {
  const { origin, proxy, tunnel, version } = route
  if (version === "1") return mode === "require" ? needsHttp1 : "never"
  if (version === "2") return forceClose ? contradiction : "required"
  if (mode === false) return "never"
  if (mode === "prior-knowledge") return "required"
  if (origin.scheme === "http") return mode === "require" ? needsTls : "never"
  if (proxy !== undefined && forwards(proxy, origin, tunnel)) return "never"
  if (mode === "require") return "required"
  return requiresHttp1 ? "never" : "allowed"
}
