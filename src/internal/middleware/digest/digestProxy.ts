/**
 * The proxy that a Digest challenge can come from, and the way of an answer to it and to nobody else.
 */
import { randomUUID } from "node:crypto"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Next } from "../../../Middleware.js"
import { forwards } from "../../network/dial/forwards.js"
import { authorityForm } from "../../network/dial/tunnel.js"
import { ProxyValue } from "../../proxy/proxyInput.js"
import type { Prepared } from "../../request/preparedRequest.js"
import { callOf } from "../../session/middlewareChain.js"
import { environmentOf, routeOf } from "../../session/route.js"
import type { ProxyRoute } from "../../transport/transport.js"

/** What the proxy is asked. */
export interface ProxyLeg {
  readonly proxy: ProxyRoute
  /** Whether it is asked for a tunnel: it sees neither the request nor its body. */
  readonly tunnel: boolean
  readonly method: string
  /** As on the line that the proxy reads (RFC 7616 section 3.4). */
  readonly uri: string
}

const absoluteForm = ({ target }: Prepared): string => (target.target === "*" ? target.url.slice(0, -1) : target.url)

/** `undefined` where no proxy is asked, or one that has its credentials. */
export const proxyLeg = (request: Prepared, next: Next): ProxyLeg | undefined => {
  const call = callOf(next)
  if (call === undefined || Option.isSome(request.header("proxy-authorization"))) return undefined
  const route = routeOf(request, environmentOf(request, call.core))
  if ("_tag" in route || route.proxy === undefined) return undefined
  const { origin, proxy } = route
  if (proxy.kind !== "http" && proxy.kind !== "https") return undefined
  if (proxy.authorization !== undefined || proxy.answer !== undefined) return undefined
  return forwards(proxy, origin, route.tunnel)
    ? { proxy, tunnel: false, method: request.method, uri: absoluteForm(request) }
    : { proxy, tunnel: true, method: "CONNECT", uri: authorityForm(origin) }
}

/** Of this process, since `id` counts from 1 in each. */
const identities = randomUUID()

/**
 * The request by the same proxy, which gets the answer. Not as a header: should the way be another after all, an origin
 * would get it. `id` tells connections of these credentials from others; an answer is made for each CONNECT, and one
 * that takes a tunnel which is there needs none.
 */
export const withAnswer = (request: Prepared, leg: ProxyLeg, id: number, answer: () => string): Prepared => {
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
