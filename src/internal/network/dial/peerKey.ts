/**
 * Computes a key of the peer at the end of a route and of the TLS settings that verify it. Only requests with equal
 * keys share stored responses.
 */
import { createHash } from "node:crypto"
import type { Ssl } from "../../../Ssl.js"
import type { ProxyRoute, Route } from "../../transport/transport.js"
import { settingsOf } from "../tls/tlsSettings.js"

/** The parts of a proxy that may change the peer. `identity` replaces credentials that change with each request. */
const proxyParts = (proxy: ProxyRoute): ReadonlyArray<unknown> => [
  proxy.url,
  proxy.identity ?? proxy.authorization,
  proxy.user,
  proxy.password,
  proxy.headers,
  proxy.kind === "https" ? settingsOf(proxy.ssl, undefined, undefined).key : undefined
]

/**
 * A digest of the origin, TLS settings and proxy of a route. `connector` identifies the connector; `ssl` is its TLS
 * option. Unlike `Route.key` it is equal in every process, so that a stored key can be compared.
 */
export const peerKeyOf = (route: Route, connector: ReadonlyArray<unknown>, ssl: Ssl | undefined): string => {
  const { origin, proxy, serverHostname } = route
  const tls = origin.scheme === "https" ? settingsOf(route.ssl, ssl, serverHostname).key : undefined
  const parts = [connector, origin.key, tls, proxy === undefined ? undefined : proxyParts(proxy)]
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url")
}
