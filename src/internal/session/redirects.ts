/** Follows redirects (RFC 9110 section 15.4, Fetch section 4.4) and drops everything bound to the previous origin. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest, InvalidURL, RequestBodyError, TooManyRedirects } from "../../Errors.js"
import { withoutItself } from "../currentOptions.js"
import { sameOrigin } from "../http/origin.js"
import { parseTarget, referencesIn, resolveLocation } from "../http/target.js"
import { redactUrl } from "../redact.js"
import { isReplayable } from "../request/body/replayable.js"
import { adopt } from "../request/prepare.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import { moveTo, redirectTo } from "../request/retarget.js"
import type { Response } from "../response/response.js"
import { effectOr, kindOf } from "../userResult.js"
import type { Call } from "./call.js"
import { withinCall } from "./withinCall.js"

const becomesGet = (status: number, method: string): boolean =>
  status === 303 ? method !== "HEAD" : (status === 301 || status === 302) && method === "POST"

/** The request of the next hop, without anything bound to the origin it leaves. */
export const nextRequest = (
  request: PreparedRequest,
  status: number,
  location: string
): PreparedRequest | InvalidURL | RequestBodyError => {
  const target = resolveLocation(location, request.target, request.defaults.requoteRedirectUrl)
  if (target instanceof InvalidURL) return target
  const toGet = becomesGet(status, request.method)
  if (!toGet && !isReplayable(request.body)) {
    return new RequestBodyError({ ...request.details, reason: "NotReplayable" })
  }
  // Credentials in a Location are sent to its origin, but not in clear text after a hop over https.
  const downgrade = request.target.origin.scheme === "https" && target.origin.scheme === "http"
  const permittedTarget = downgrade ? target.withoutUserinfo : target
  return redirectTo(request, permittedTarget, toGet ? "GET" : request.method, !toGet)
}

/** The two ways to continue after a redirect: send another hop, or keep the redirect as the final response. */
export interface Continuations {
  readonly send: (request: PreparedRequest) => Effect.Effect<ClientResponse, ClientError>
  readonly end: (response: Response) => Effect.Effect<ClientResponse, ClientError>
}

/** Follows a redirect; `undefined` if the response is final because it lacks a Location. */
export const follow = (
  call: Call,
  response: Response,
  after: Continuations
): Effect.Effect<ClientResponse, ClientError> | undefined => {
  const locations = referencesIn(response.rawHeaders, "location")
  const location = locations.find((value) => value !== "")
  if (location === undefined) return undefined
  return Effect.suspend(() => {
    const step = Effect.suspend(() => {
      const request = answeredRequest(call.request, response)
      const history = [...call.history, response.toHead()]
      const next =
        request.hop >= request.maxRedirects
          ? new TooManyRedirects({ ...call.details(undefined), limit: request.maxRedirects, history })
          : locations.some((value) => value !== location)
            ? differentLocations(call, location)
            : nextRequest(request, response.status, location)
      if (!(next instanceof PreparedRequest)) {
        response.releaseNow()
        return Effect.fail(next)
      }
      const send = (chosen: PreparedRequest): Effect.Effect<ClientResponse, ClientError> => {
        call.history = history
        response.releaseNow()
        return after.send(chosen)
      }
      const { onRedirect } = request
      if (onRedirect === undefined) return send(next)
      const crossOrigin = !sameOrigin(request.target.origin, next.target.origin)
      const choose = withoutItself(
        "onRedirect",
        onRedirect,
        Effect.suspend(() =>
          effectOr(onRedirect({ response: response.toHead(), next, crossOrigin }), (kind) =>
            invalidChoice(next, `expected an Effect of an Option, got ${kind}`)
          )
        )
      )
      return Effect.flatMap(withinCall(call, choose), (choice) => {
        if (!Option.isOption(choice))
          return Effect.fail(invalidChoice(next, `expected an Option, got ${kindOf(choice)}`))
        if (Option.isNone(choice)) return after.end(response)
        const chosen = checkChosen(choice.value, next, [request.url, ...history.map(({ url }) => url)])
        return chosen instanceof PreparedRequest ? send(chosen) : Effect.fail(chosen)
      })
    })
    return call.trace === undefined ? step : Effect.zipRight(call.trace.redirected(response, location), step)
  })
}

/** The request that the response answers. Its URL may differ from the call's, because a middleware may change it. */
const answeredRequest = (request: PreparedRequest, response: Response): PreparedRequest => {
  if (response.url === request.url) return request
  const target = parseTarget(response.url, true)
  return target instanceof InvalidURL ? request : moveTo(request, target, {})
}

/**
 * The error for two different Locations, which are more likely an attack than a mistake. curl and Chrome reject them
 * too.
 */
const differentLocations = (call: Call, location: string): InvalidURL =>
  new InvalidURL({
    ...call.details(undefined),
    url: redactUrl(location),
    reason: "Syntax",
    description: "the response has two different Location headers",
    redirect: true
  })

const invalidChoice = (next: PreparedRequest, description: string): InvalidRequest =>
  new InvalidRequest({ ...next.details, option: "onRedirect", description })

/**
 * Checks the request that `onRedirect` returned instead of `next`, and gives it the hop number of `next`. A request of
 * another session takes over the redirect options of `next`. `visited` are the URLs of the hops so far.
 */
const checkChosen = (
  chosen: ClientRequest,
  next: PreparedRequest,
  visited: ReadonlyArray<string>
): PreparedRequest | ClientError => {
  if (chosen === next) return next
  if (!(chosen instanceof PreparedRequest)) {
    return invalidChoice(next, "expected a request made by ClientRequest.make")
  }
  if (chosen.defaults === next.defaults) return chosen.hop === next.hop ? chosen : chosen.derive({ hop: next.hop })
  const { maxRedirects, onRedirect, raiseForStatus } = next
  // A request that has left its origin does not get the session's credentials again, even if it returns to it.
  const hasLeft = !visited.every((url) => {
    const target = parseTarget(url, true)
    return !(target instanceof InvalidURL) && sameOrigin(target.origin, chosen.target.origin)
  })
  const adopted = adopt(next.defaults, chosen, { maxRedirects, onRedirect, raiseForStatus }, hasLeft)
  return adopted instanceof PreparedRequest ? adopted.derive({ hop: next.hop }) : adopted
}
