/** Computes the route of a prepared request: its origin and the proxy on the way. */
import { InvalidRequest, type InvalidURL } from "../../Errors.js"
import { getField } from "../http/headerFields.js"
import type { Origin } from "../http/origin.js"
import { forwards } from "../network/dial/forwards.js"
import { settingsOf } from "../network/tls/tlsSettings.js"
import type { Environment } from "../proxy/environment.js"
import { resolveProxy } from "../proxy/proxyInput.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Http2Mode, ProxyRoute, Route } from "../transport/transport.js"
import type { SessionCore } from "./sessionCore.js"

/** Cached routes by origin: without proxy, with the connector's TLS settings, for any version. */
const directRoutes = new WeakMap<Origin, Route>()

const directRoute = (origin: Origin): Route => {
  let route = directRoutes.get(origin)
  if (route === undefined) {
    const version = "any"
    route = { origin, proxy: undefined, ssl: true, serverHostname: undefined, tunnel: false, version, key: origin.key }
    directRoutes.set(origin, route)
  }
  return route
}

/**
 * The HTTP version that a request requires. "any" if no connection of the connector speaks HTTP/2, as "1" adds nothing.
 */
const versionOf = (request: PreparedRequest, http2: Http2Mode, upgrades: boolean): Route["version"] => {
  const { http } = request.defaults
  if (http === "2" && !upgrades) return "2"
  const neverHttp2 = http2 === false || (http2 === "auto" && request.target.origin.scheme === "http")
  return neverHttp2 ? "any" : upgrades ? "1" : http
}

/** The URL with its original scheme, because proxy variables distinguish ws from http. */
const targetUrl = (request: PreparedRequest): string =>
  request.target.websocket ? request.target.url.replace(/^http/, "ws") : request.target.url

/** Why a Proxy-Authorization header of the caller cannot be sent; `undefined` if it can. */
const refuseHeader = (proxy: ProxyRoute, forwarded: boolean): string | undefined =>
  !forwarded
    ? "the header would reach the origin inside the tunnel; use proxyAuth or proxyHeaders"
    : proxy.authorization !== undefined
      ? "expected credentials only once: the proxy already has some"
      : undefined

/**
 * The route of a request. Requests share connections only if the keys of their routes are equal. `http2` is the option
 * of the connector; `upgrades` is true for a request for another protocol.
 */
export const routeOf = (
  request: PreparedRequest,
  environment: Environment | undefined,
  http2: Http2Mode,
  upgrades: boolean
): Route | InvalidURL | InvalidRequest => {
  const { origin, websocket } = request.target
  const { serverHostname, ssl = true } = request
  const hasDefaultTls = origin.scheme === "http" || (ssl === true && serverHostname === undefined)
  const version = versionOf(request, http2, upgrades || websocket)
  if (!request.hasProxy && environment === undefined && hasDefaultTls && !websocket && version === "any") {
    return directRoute(origin)
  }
  const { proxy: input, proxyAuth, proxyHeaders } = request.proxy
  const proxy = resolveProxy(input, environment, proxyAuth, proxyHeaders, origin, targetUrl(request))
  if (proxy !== undefined && "_tag" in proxy) return proxy
  const requiresHttp2 = version === "2" || (version === "any" && http2 === "prior-knowledge")
  const tls = hasDefaultTls ? "" : ` tls ${settingsOf(ssl, undefined, serverHostname).key}`
  // Without a tunnel, a proxy would see the Upgrade header as meant for itself (RFC 9110, section 7.8), and HTTP/2
  // would end at the proxy.
  const tunnel =
    websocket || (proxy !== undefined && (requiresHttp2 || getField(request.fields.pairs, "upgrade") !== undefined))
  const suffix = `${tls}${version === "any" ? "" : ` ${version}`}`
  if (proxy === undefined) return { origin, proxy, ssl, serverHostname, tunnel, version, key: `${origin.key}${suffix}` }
  const forwarded = forwards(proxy, origin, tunnel)
  if (getField(request.fields.pairs, "proxy-authorization") !== undefined) {
    const refusal = refuseHeader(proxy, forwarded)
    if (refusal !== undefined) {
      return new InvalidRequest({ ...request.details, option: "proxy-authorization", description: refusal })
    }
  }
  // Connections to a forwarding proxy serve requests for all origins.
  const key = forwarded ? `via ${proxy.key}` : `${origin.key} via ${proxy.key}${tunnel ? " tunnel" : ""}${suffix}`
  const userAgent = forwarded ? undefined : request.defaults.userAgent
  return { origin, proxy, ssl, serverHostname, tunnel, version, userAgent, key }
}

/** The proxy and netrc settings of the environment, if the session trusts it. */
export const environmentOf = (request: PreparedRequest, core: SessionCore): Environment | undefined =>
  request.defaults.trustEnv ? core.environment : undefined
