/**
 * Which peer answers by a route, and how far it is trusted.
 */
import { createHash } from "node:crypto"
import type { Ssl } from "../../../Ssl.js"
import type { ProxyRoute, Route } from "../../transport/transport.js"
import { settingsOf } from "../tls/tlsSettings.js"

/** `identity` stands for credentials that are written anew for each request. */
const proxyParts = (proxy: ProxyRoute): ReadonlyArray<unknown> => [
  proxy.url,
  proxy.identity ?? proxy.authorization,
  proxy.user,
  proxy.password,
  proxy.headers,
  proxy.kind === "https" ? settingsOf(proxy.ssl, undefined, undefined).key : undefined
]

/**
 * A digest of the TLS settings and the proxy of a route. `connector` names the connector, `ssl` is its own setting.
 * Unlike `Route.key` it is the same in every process, so that it can be compared with a stored one.
 */
export const peerKeyOf = (route: Route, connector: ReadonlyArray<unknown>, ssl: Ssl | undefined): string => {
  const { origin, proxy, serverHostname } = route
  const tls = origin.scheme === "https" ? settingsOf(route.ssl, ssl, serverHostname).key : undefined
  const parts = [connector, origin.key, tls, proxy === undefined ? undefined : proxyParts(proxy)]
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url")
}
