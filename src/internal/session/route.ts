/**
 * Where a prepared request goes, and by what way.
 */
import type { InvalidRequest, InvalidURL } from "../../Errors.js"
import { settingsOf } from "../transport/dial/tlsSettings.js"
import type { Origin, Route } from "../transport/Transport.js"
import type { Environment } from "./environment.js"
import type { Prepared } from "./prepared.js"
import { resolveProxy } from "./proxyInput.js"

/** Routes without a proxy and with the connector's TLS: one for each origin. */
const direct = new WeakMap<Origin, Route>()

const directRoute = (origin: Origin): Route => {
  let route = direct.get(origin)
  if (route === undefined) {
    route = { origin, proxy: undefined, ssl: true, serverHostname: undefined, tunnel: false, key: origin.key }
    direct.set(origin, route)
  }
  return route
}

/** The URL with the scheme it was asked for by: environments tell ws from http. */
const targetUrl = (request: Prepared): string =>
  request.target.websocket ? request.target.url.replace(/^http/, "ws") : request.target.url

/** The route, whose key holds everything that must not be mixed. */
export const routeOf = (
  request: Prepared,
  environment: Environment | undefined
): Route | InvalidURL | InvalidRequest => {
  const { origin, websocket: tunnel } = request.target
  const { serverHostname, ssl = true } = request
  const plain = origin.scheme === "http" || (ssl === true && serverHostname === undefined)
  const { proxy: input, proxyAuth, proxyHeaders } = request.proxy
  if (input === undefined && environment === undefined && plain && !tunnel) return directRoute(origin)
  const proxy = resolveProxy(input, environment, proxyAuth, proxyHeaders, origin, targetUrl(request))
  if (proxy !== undefined && "_tag" in proxy) return proxy
  const by = proxy === undefined ? "" : ` via ${proxy.key}${tunnel ? " tunnel" : ""}`
  const tls = plain ? "" : ` tls ${settingsOf(ssl, undefined, serverHostname).key}`
  return { origin, proxy, ssl, serverHostname, tunnel, key: `${origin.key}${by}${tls}` }
}
