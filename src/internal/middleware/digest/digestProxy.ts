/**
 * Digest authentication for proxies: finds the proxy of a request, and attaches the answer in a way that no other
 * server gets it.
 */
import { randomUUID } from "node:crypto"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Next } from "../../../Middleware.js"
import { forwards } from "../../network/dial/forwards.js"
import { authorityForm } from "../../network/dial/tunnel.js"
import { ProxyValue } from "../../proxy/proxyInput.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { callOf } from "../../session/middlewareChain.js"
import { environmentOf, routeOf } from "../../session/route.js"
import type { ProxyRoute } from "../../transport/transport.js"

/** The part of a request that its proxy sees. */
export interface ProxyLeg {
  readonly proxy: ProxyRoute
  /**
   * Whether the request goes through a tunnel. Then the proxy sees only a CONNECT, and neither the request nor its
   * body.
   */
  readonly tunnel: boolean
  readonly method: string
  /** The target on the request line that the proxy receives (RFC 7616 section 3.4). */
  readonly uri: string
}

const absoluteForm = ({ target }: PreparedRequest): string =>
  target.target === "*" ? target.url.slice(0, -1) : target.url

/** The leg to the HTTP proxy of a request. `undefined` without one, or if it already has credentials. */
export const proxyLeg = (request: PreparedRequest, next: Next): ProxyLeg | undefined => {
  const call = callOf(next)
  if (call === undefined || Option.isSome(request.header("proxy-authorization"))) return undefined
  const route = routeOf(request, environmentOf(request, call.core), call.core.transport.http2, false)
  if ("_tag" in route || route.proxy === undefined) return undefined
  const { origin, proxy } = route
  if (proxy.kind !== "http" && proxy.kind !== "https") return undefined
  if (proxy.authorization !== undefined || proxy.answer !== undefined) return undefined
  return forwards(proxy, origin, route.tunnel)
    ? { proxy, tunnel: false, method: request.method, uri: absoluteForm(request) }
    : { proxy, tunnel: true, method: "CONNECT", uri: authorityForm(origin) }
}

/** Unique per process, because `id` counts from 1 in each. */
const identities = randomUUID()

/**
 * The same request with an answer for the proxy. The answer is part of the route instead of the headers, because an
 * origin would receive a header if the route changed. `id` keeps connections with these credentials apart from others.
 * Each CONNECT computes its own answer; a request in an existing tunnel needs none.
 */
export const withAnswer = (
  request: PreparedRequest,
  leg: ProxyLeg,
  id: number,
  answer: () => string
): PreparedRequest => {
  const { proxy } = leg
  const key = `${proxy.key} digest ${id}`
  const identity = `digest ${identities} ${id}`
  const route = leg.tunnel ? { ...proxy, key, identity, answer } : { ...proxy, key, identity, authorization: answer() }
  const given = {
    ...request.given,
    proxy: new ProxyValue(proxy.url, Either.right(route)),
    proxyAuth: undefined,
    proxyHeaders: undefined
  }
  return request.derive({ given })
}
