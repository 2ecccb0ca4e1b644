/** Sends one hop: adds cookies and credentials, serializes the head and computes the route. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest } from "../../Errors.js"
import type { Jar } from "../cookies/jar.js"
import { toWire as toWireText } from "../cookies/wire.js"
import { callback } from "../effect/callback.js"
import { getField } from "../http/headerFields.js"
import type { Environment } from "../proxy/environment.js"
import { isSendable } from "../request/body/replayable.js"
import { withoutExpectation } from "../request/edits.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { loginOf } from "../request/sessionDefaults.js"
import { isWireError, toWire } from "../request/wireRequest.js"
import { effectOr } from "../userResult.js"
import type { Call } from "./call.js"
import { Hop, type OnResponse, type Resume } from "./hop.js"
import { cookieHeader, cookiesToSeed, isSecureHome, markSeeded } from "./hopCookies.js"
import { environmentOf, routeOf } from "./route.js"
import { withinCall } from "./withinCall.js"

/** Whether a redirect led from https to http. Credentials must not follow it in clear text. */
export const isDowngraded = (call: Call, request: PreparedRequest): boolean =>
  request.target.origin.scheme === "http" && call.history.some((hop) => hop.url.startsWith("https:"))

/**
 * Adds the credentials of netrc if the session trusts the environment and the request has no credentials. If the
 * request has only a user name, adds the password of that user, like curl.
 */
export const withNetrc = (
  request: PreparedRequest,
  call: Call,
  environment: Environment | undefined
): PreparedRequest => {
  if (environment === undefined || request.noAuth) return request
  const login = request.auth === undefined ? undefined : loginOf(request.auth)
  if (request.auth !== undefined && login === undefined) return request
  if (getField(request.fields.pairs, "authorization") !== undefined || isDowngraded(call, request)) return request
  const auth = environment.netrc(request.target.origin.host, login)
  return auth === undefined ? request : request.derive({ auth })
}

/** Creates the hop, or returns the error if it cannot be sent. */
const makeHop = (
  call: Call,
  request: PreparedRequest,
  cookies: string | undefined,
  collect: boolean,
  onResponse: OnResponse,
  onHop?: (hop: Hop) => void
): Hop | ClientError => {
  if (call.failure !== undefined) return call.failure
  const { core } = call
  if (core.closed) return core.closedError(call.details(undefined))
  const environment = environmentOf(request, core)
  const authorized = withNetrc(request, call, environment)
  const trace = call.trace?.hop(authorized)
  const body = call.bodyContext(authorized, trace)
  const wire = toWire(authorized, cookies, trace?.override, body, core.transport.forceClose)
  if (isWireError(wire)) {
    trace?.failed(Cause.fail(wire))
    return wire
  }
  const route = routeOf(authorized, environment, core.transport.http2, wire.upgrade !== undefined)
  if ("_tag" in route) {
    trace?.failed(Cause.fail(route))
    return route
  }
  const onHopResponse = wire.expectContinue
    ? unlessExpectationFails(request, onResponse, (repeated) => sendHop(call, repeated, collect, onResponse, onHop))
    : onResponse
  return new Hop(call, authorized, trace?.propagated(wire) ?? wire, route, trace, collect, onHopResponse)
}

/** Repeats a request without `Expect: 100-continue` after a 417 response (RFC 9110 section 10.1.1). */
const unlessExpectationFails =
  (
    request: PreparedRequest,
    onResponse: OnResponse,
    send: (request: PreparedRequest) => Effect.Effect<ClientResponse, ClientError>
  ): OnResponse =>
  (call, response) => {
    if (response.status !== 417 || !isSendable(request.body)) return onResponse(call, response)
    return Effect.suspend(() => {
      response.releaseNow()
      const url = request.target.shownUrl
      const facts = {
        _tag: "RequestRetry",
        method: request.method,
        url,
        reason: "ExpectationFailed",
        delay: 0
      } as const
      const repeated = Effect.suspend(() => send(withoutExpectation(request)))
      return call.trace === undefined ? repeated : Effect.zipRight(call.trace.emit(facts), repeated)
    })
  }

/** Sends one request to one origin. Calls `onHop` before the first step that can be interrupted. */
export const sendHop = (
  call: Call,
  request: PreparedRequest,
  collect: boolean,
  onResponse: OnResponse,
  onHop?: (hop: Hop) => void
): Effect.Effect<ClientResponse, ClientError> => {
  const { jar } = call.core
  const send = (cookies: string | undefined, resume: Resume): void => {
    const now = call.start()
    const hop = makeHop(call, request, cookies, collect, onResponse, onHop)
    if (hop instanceof Hop) {
      onHop?.(hop)
      hop.start(resume, now)
    } else resume(Effect.fail(hop))
  }
  return jar === undefined
    ? withCustomJar(call, request, (cookies) =>
        callback((resume) => {
          send(cookies, resume)
        })
      )
    : callback((resume) => {
        send(cookieHeader(call, jar, request), resume)
      })
}

/**
 * A variant of `sendHop` with one step and one closure, for requests without middlewares, listeners and custom jars.
 */
export const sendHopDirectly = (
  call: Call,
  jar: Jar,
  request: PreparedRequest,
  collect: boolean,
  onResponse: OnResponse
): Effect.Effect<ClientResponse, ClientError> =>
  callback((resume) => {
    call.begin()
    const now = call.start()
    const hop = makeHop(call, request, cookieHeader(call, jar, request), collect, onResponse)
    if (hop instanceof Hop) hop.start(resume, now)
    else resume(Effect.fail(hop))
  })

const badJar = (call: Call, description: string): InvalidRequest =>
  new InvalidRequest({ ...call.details(undefined), option: "cookieJar", description })

/** Runs a method of a custom jar within the lifetime of the call. */
const jarEffect = <A>(
  call: Call,
  name: string,
  run: () => Effect.Effect<A, ClientError>
): Effect.Effect<A, ClientError> =>
  withinCall(
    call,
    Effect.suspend(() => effectOr(run(), (kind) => badJar(call, `expected ${name} to return an Effect, got ${kind}`)))
  )

const cookieText = (call: Call, header: unknown): Effect.Effect<string | undefined, InvalidRequest> => {
  if (Option.isOption(header)) {
    if (Option.isNone(header)) return Effect.succeed(undefined)
    if (typeof header.value === "string") return Effect.succeed(header.value)
  }
  return Effect.fail(badJar(call, "expected cookieHeader to have an Option of text"))
}

/** The cookies of a custom jar for a hop, as octets. */
export const customJarCookies = (
  call: Call,
  request: PreparedRequest
): Effect.Effect<string | undefined, ClientError> => {
  const { jarService } = call.core
  const { url } = request.target
  const seeds = cookiesToSeed(call, request)
  const readHeader = jarEffect(call, "cookieHeader", () => jarService.cookieHeader(url))
  const addSeeds = isSecureHome(request)
    ? jarEffect(call, "setCookies", () =>
        jarService.setCookies(
          seeds.map(([name, value]) => `${name}=${value}; Path=/; Secure`),
          url
        )
      )
    : jarEffect(call, "updateCookies", () => jarService.updateCookies(seeds, url))
  const header =
    seeds.length === 0
      ? readHeader
      : Effect.zipRight(
          Effect.tap(addSeeds, () => Effect.sync(() => markSeeded(call, request))),
          readHeader
        )
  return Effect.map(
    Effect.flatMap(header, (cookies) => cookieText(call, cookies)),
    (cookies) => (cookies === undefined ? undefined : toWireText(cookies))
  )
}

/** Sends a request with the cookies of a custom jar, and stores the cookies of the response in it. */
const withCustomJar = (
  call: Call,
  request: PreparedRequest,
  send: (cookies: string | undefined) => Effect.Effect<ClientResponse, ClientError>
): Effect.Effect<ClientResponse, ClientError> =>
  Effect.flatMap(customJarCookies(call, request), (cookies) =>
    Effect.flatMap(send(cookies), (response) => {
      const lines = response.headerValues("set-cookie")
      if (lines.length === 0) return Effect.succeed(response)
      const { jarService } = call.core
      return Effect.as(
        jarEffect(call, "setCookies", () => jarService.setCookies(lines, request.target.url)),
        response
      )
    })
  )
