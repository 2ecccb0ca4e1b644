/**
 * One request to one origin: cookies, credentials, the wire form and the way there. No redirects, no middlewares.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { Jar } from "../cookies/jar.js"
import { toWire as toWireText } from "../cookies/wire.js"
import { getField } from "../http/headerFields.js"
import { type Environment, environmentOf } from "../proxy/environment.js"
import type { Prepared } from "../request/preparedRequest.js"
import { loginOf } from "../request/sessionDefaults.js"
import { isWireError, toWire } from "../request/wireRequest.js"
import type { Call } from "./call.js"
import { Hop, type OnResponse, type Resume } from "./hop.js"
import { cookieHeader, isSecureHome, seeded, toSeed } from "./hopCookies.js"
import { routeOf } from "./route.js"
import { withinCall } from "./withinCall.js"

/** Whether a redirect has led from https to http: no password goes along in clear. */
const downgraded = (call: Call, request: Prepared): boolean =>
  request.target.origin.scheme === "http" && call.history.some((hop) => hop.url.startsWith("https:"))

/**
 * With netrc's credentials for the host, where the environment is trusted and the request has none, or only a name: that
 * one's password, as curl has it.
 */
const withNetrc = (request: Prepared, call: Call, environment: Environment | undefined): Prepared => {
  if (environment === undefined || request.noAuth) return request
  const login = request.auth === undefined ? undefined : loginOf(request.auth)
  if (request.auth !== undefined && login === undefined) return request
  if (getField(request.fields.pairs, "authorization") !== undefined || downgraded(call, request)) return request
  const auth = environment.netrc(request.target.origin.host, login)
  return auth === undefined ? request : request.derive({ auth })
}

/** The hop to be sent, or why it cannot be. */
const makeHop = (
  call: Call,
  given: Prepared,
  cookies: string | undefined,
  collect: boolean,
  onResponse: OnResponse
): Hop | ClientError => {
  if (call.failure !== undefined) return call.failure
  const { core } = call
  if (core.closed) return core.closedError(call.details(undefined))
  const environment = environmentOf(given, core)
  const request = withNetrc(given, call, environment)
  const trace = call.trace?.hop(request)
  const wire = toWire(request, cookies, trace?.override, call.bodyContext(request, trace))
  if (isWireError(wire)) {
    trace?.failed(Cause.fail(wire))
    return wire
  }
  const route = routeOf(request, environment)
  if ("_tag" in route) {
    trace?.failed(Cause.fail(route))
    return route
  }
  return new Hop(call, request, trace?.propagated(wire) ?? wire, route, trace, collect, onResponse)
}

/** Puts one request on its way; `onHop` has its hop before anything can be interrupted. */
export const exchange = (
  call: Call,
  request: Prepared,
  collect: boolean,
  onResponse: OnResponse,
  onHop?: (hop: Hop) => void
): Effect.Effect<ClientResponse, ClientError> => {
  const { jar } = call.core
  const send = (cookies: string | undefined, resume: Resume): void => {
    const hop = makeHop(call, request, cookies, collect, onResponse)
    if (hop instanceof Hop) {
      onHop?.(hop)
      hop.start(resume)
    } else resume(Effect.fail(hop))
  }
  return jar === undefined
    ? withForeignJar(call, request, (cookies) => Effect.async((resume) => send(cookies, resume)))
    : Effect.async((resume) => send(cookieHeader(call, jar, request), resume))
}

/** The same for the plain way, in one step: one closure for each request. */
export const exchangeAtOnce = (
  call: Call,
  jar: Jar,
  request: Prepared,
  collect: boolean,
  onResponse: OnResponse
): Effect.Effect<ClientResponse, ClientError> =>
  Effect.async((resume) => {
    const hop = makeHop(call, request, cookieHeader(call, jar, request), collect, onResponse)
    if (hop instanceof Hop) hop.start(resume)
    else resume(Effect.fail(hop))
  })

/** The same with a jar of the user's own, which is asked by its effects. */
const withForeignJar = (
  call: Call,
  request: Prepared,
  send: (cookies: string | undefined) => Effect.Effect<ClientResponse, ClientError>
): Effect.Effect<ClientResponse, ClientError> => {
  const { jarService } = call.core
  const { url } = request.target
  const own = toSeed(call, request)
  const asked = Effect.suspend(() => jarService.cookieHeader(url))
  const seeding = isSecureHome(request)
    ? jarService.setCookies(
        own.map(([name, value]) => `${name}=${value}; Path=/; Secure`),
        url
      )
    : jarService.updateCookies(own, url)
  const header =
    own.length === 0
      ? asked
      : Effect.zipRight(
          Effect.tap(seeding, () => Effect.sync(() => seeded(call, request))),
          asked
        )
  return Effect.flatMap(withinCall(call, header), (cookies) =>
    Effect.flatMap(send(cookies._tag === "Some" ? toWireText(cookies.value) : undefined), (response) => {
      const lines = response.headerValues("set-cookie")
      if (lines.length === 0) return Effect.succeed(response)
      return Effect.as(withinCall(call, jarService.setCookies(lines, url)), response)
    })
  )
}
