/**
 * Computes the head that a hop would send, and its peer, without sending anything. The cache derives its keys from
 * them.
 */
import * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import type { Next } from "../../Middleware.js"
import { RouteValue, repeatOnce } from "../proxy/proxyInput.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { isWireError, toWire } from "../request/wireRequest.js"
import type { Sent } from "../response/responseSource.js"
import type { Call } from "./call.js"
import { cookieHeader } from "./hopCookies.js"
import { sentBy } from "./hopFacts.js"
import { callOf, coreOf } from "./middlewareChain.js"
import { environmentOf, routeOf } from "./route.js"
import { customJarCookies, withNetrc } from "./sendHop.js"
import type { SessionCore } from "./sessionCore.js"

/** A request, and the head and peer that it would be sent with. */
export interface Foreseen {
  /** The request to pass on; it keeps the proxy that `Proxy.route` chose. */
  readonly request: PreparedRequest
  readonly sent: Sent
}

/**
 * Makes the request keep the proxy that `Proxy.route` chooses now, because the function may return another one later.
 */
const withChosenProxy = (request: PreparedRequest): PreparedRequest => {
  const { proxy, proxyAuth, proxyHeaders } = request.proxy
  return proxy instanceof RouteValue && proxyAuth === undefined && proxyHeaders === undefined
    ? request.derive({ given: { ...request.given, proxy: repeatOnce(proxy) } })
    : request
}

/** The result for a request with these `cookies` of the jar. `call` is `undefined` if `next` does not belong to one. */
const foreseeWithCookies = (
  core: SessionCore,
  call: Call | undefined,
  request: PreparedRequest,
  cookies: string | undefined
): Foreseen | undefined => {
  const environment = environmentOf(request, core)
  const toPassOn = withChosenProxy(request)
  const toSend = call === undefined ? toPassOn : withNetrc(toPassOn, call, environment)
  const wire = toWire(toSend, cookies, undefined, undefined, core.transport.forceClose)
  if (isWireError(wire)) return undefined
  const route = routeOf(toSend, environment, core.transport.http2, wire.upgrade !== undefined)
  return "_tag" in route ? undefined : { request: toPassOn, sent: sentBy(core, toSend, wire, route) }
}

/** The result for a request without a session: it has neither cookies nor a route. */
const foreseeWithoutSession = (request: PreparedRequest): Foreseen | undefined => {
  const wire = toWire(request, undefined)
  if (isWireError(wire)) return undefined
  return { request, sent: { url: request.url, head: wire.head, secret: request.secretHeaders, peer: "" } }
}

/**
 * Determines what `next` would send if inner middlewares do not change the request. Succeeds with `undefined` if that
 * is unknown, or if the request will fail.
 */
export const foresee = (request: PreparedRequest, next: Next): Effect.Effect<Foreseen | undefined, ClientError> => {
  const call = callOf(next)
  const core = call?.core ?? coreOf(request.defaults)
  if (core === undefined) return Effect.sync(() => foreseeWithoutSession(request))
  const { jar } = core
  if (jar !== undefined) {
    return Effect.map(Effect.clock, (clock) => {
      const caller = call ?? { core, clock: () => clock.unsafeCurrentTimeMillis() }
      return foreseeWithCookies(core, call, request, cookieHeader(caller, jar, request))
    })
  }
  return call === undefined
    ? Effect.succeed(undefined)
    : Effect.map(customJarCookies(call, request), (cookies) => foreseeWithCookies(core, call, request, cookies))
}
