/**
 * What follows a redirect (RFC 9110 section 15.4, Fetch section 4.4), and what must not go with it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import { type ClientError, InvalidURL, RequestBodyError, TooManyRedirects } from "../../Errors.js"
import { withoutIdentity } from "../transport/dial/tlsSettings.js"
import type { Call } from "./call.js"
import { redirectTo } from "./move.js"
import { sameOrigin } from "./origin.js"
import { Prepared } from "./prepared.js"
import { isReplayable } from "./replay.js"
import type { Response } from "./response.js"
import { resolveLocation } from "./url.js"

const becomesGet = (status: number, method: string): boolean =>
  status === 303 ? method !== "HEAD" : (status === 301 || status === 302) && method === "POST"

/** Another origin gets no client certificate either. */
const withoutIdentityOf = (request: Prepared): Prepared => {
  const ssl = request.ssl
  return ssl === undefined ? request : request.derive({ given: { ...request.given, ssl: withoutIdentity(ssl) } })
}

/** The request that a redirect asks for, without anything that is bound to the origin it leaves. */
export const nextRequest = (
  request: Prepared,
  status: number,
  location: string
): Prepared | InvalidURL | RequestBodyError => {
  const target = resolveLocation(location, request.target, request.defaults.requoteRedirectUrl)
  if (target instanceof InvalidURL) return target
  const toGet = becomesGet(status, request.method)
  if (!toGet && !isReplayable(request.body)) {
    return new RequestBodyError({ ...request.details, reason: "NotReplayable" })
  }
  // Credentials in a Location are for its origin alone, and none goes from https to http.
  const downgrade = request.target.origin.scheme === "https" && target.origin.scheme === "http"
  const safe = downgrade ? target.withoutUserinfo : target
  const crossing = !sameOrigin(request.target.origin, target.origin)
  return redirectTo(crossing ? withoutIdentityOf(request) : request, safe, toGet ? "GET" : request.method, !toGet)
}

/** Whether a response is a redirect that can be followed. */
export const redirects = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308

/** Follows a redirect; `undefined` where the response is final after all. */
export const follow = (
  call: Call,
  response: Response,
  send: (request: Prepared) => Effect.Effect<ClientResponse, ClientError>
): Effect.Effect<ClientResponse, ClientError> | undefined => {
  const location = response.headerValues("location")[0]
  if (location === undefined || location === "") return undefined
  const request = call.request
  return Effect.suspend(() => {
    const history = [...call.history, response.toHead()]
    const step = afterTold(call, request, response, location, history, send)
    return call.trace === undefined ? step : Effect.zipRight(call.trace.redirected(response, location), step)
  })
}

/** What comes of a redirect once everybody knows of it. */
const afterTold = (
  call: Call,
  request: Prepared,
  response: Response,
  location: string,
  history: ReadonlyArray<ResponseHead>,
  send: (request: Prepared) => Effect.Effect<ClientResponse, ClientError>
): Effect.Effect<ClientResponse, ClientError> =>
  Effect.suspend(() => {
    if (request.hop >= request.maxRedirects) {
      response.releaseNow()
      return Effect.fail(new TooManyRedirects({ ...call.details(undefined), limit: request.maxRedirects, history }))
    }
    const next = nextRequest(request, response.status, location)
    if (!(next instanceof Prepared)) {
      response.releaseNow()
      return Effect.fail(next)
    }
    const allowed = request.onRedirect === undefined ? Effect.succeed(Option.some(next)) : ask(request, response, next)
    return Effect.flatMap(allowed, (choice) => {
      if (Option.isNone(choice)) return Effect.succeed(response)
      call.history = history
      response.releaseNow()
      return send(choice.value)
    })
  })

const ask = (request: Prepared, response: Response, next: Prepared): Effect.Effect<Option.Option<Prepared>> => {
  const hook = request.onRedirect
  if (hook === undefined) return Effect.succeed(Option.some(next))
  const crossOrigin = !sameOrigin(request.target.origin, next.target.origin)
  return Effect.map(
    hook({ response: response.toHead(), next, crossOrigin }),
    Option.map((chosen) => (chosen instanceof Prepared ? chosen : next))
  )
}
