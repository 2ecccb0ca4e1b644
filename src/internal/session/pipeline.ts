/**
 * The stages of one request, in order:
 *
 * 1. `sendCall`: tracing starts; listeners see the request and may edit its headers.
 * 2. `sendRequest`: one hop, for the first request and for each redirect.
 * 3. `sendThroughMiddlewares` (`middlewareChain.ts`): the middlewares of the session and the request, outermost first.
 * 4. `sendHop` (`sendHop.ts`): cookies, credentials, the serialized head and the route; then the transport.
 * 5. `onResponse`: the head has arrived. A redirect is followed, which repeats stage 2.
 * 6. `finish`: `raiseForStatus` accepts or rejects the final response.
 *
 * `responseLifetime.ts` runs `sendCall` guarded against interruption, and decides how long the response lives.
 */
import * as Effect from "effect/Effect"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest } from "../../Errors.js"
import { withoutItself } from "../currentOptions.js"
import { isRedirect } from "../http/methods.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { Response } from "../response/response.js"
import { effectOr } from "../userResult.js"
import type { Call } from "./call.js"
import type { OnResponse } from "./hop.js"
import { bindResponse } from "./madeResponse.js"
import { sendThroughMiddlewares } from "./middlewareChain.js"
import { follow } from "./redirects.js"
import { sendHopDirectly } from "./sendHop.js"
import { withinCall } from "./withinCall.js"

type ResponseEffect = Effect.Effect<ClientResponse, ClientError>

/**
 * Sends the request of a call and follows its redirects. With `collect`, the body is read in the same step. The call
 * begins with the first step of this effect.
 */
export const sendCall = (call: Call, collect: boolean): ResponseEffect => {
  const { core, request, trace } = call
  if (trace === undefined && core.jar !== undefined && request.middlewares.length === 0) {
    return sendHopDirectly(call, core.jar, request, collect, onResponse)
  }
  return Effect.suspend(() => {
    call.begin()
    return sendObserved(call, collect)
  })
}

/** Starts tracing, if the call has any, and sends its request. */
const sendObserved = (call: Call, collect: boolean): ResponseEffect => {
  const { trace } = call
  if (trace === undefined) return sendRequest(call, call.request, collect)
  if (trace.listening) {
    return withinCall(
      call,
      Effect.suspend(() => trace.start((request) => sendRequest(call, request, collect)))
    )
  }
  trace.begin()
  return sendRequest(call, call.request, collect)
}

const sendRequest = (call: Call, request: PreparedRequest, collect: boolean): ResponseEffect => {
  call.request = request
  if (request.middlewares.length === 0 && call.trace?.listening !== true) {
    const { jar } = call.core
    if (jar !== undefined) return sendHopDirectly(call, jar, request, collect, onResponse)
  }
  return Effect.flatMap(sendThroughMiddlewares(call, request), (response) => {
    if (!(response instanceof Response)) return Effect.succeed(response)
    bindResponse(response, call)
    return onResponse(call, response) ?? Effect.succeed(response)
  })
}

const onResponse: OnResponse = (call, response) => {
  if (isRedirect(response.status) && call.request.follow) {
    const next = follow(call, response, {
      send: (target) => sendRequest(call, target, false),
      end: (last) => finish(call, last) ?? Effect.succeed(last)
    })
    if (next !== undefined) return next
  }
  return finish(call, response)
}

const finish: OnResponse = (call, response) => {
  const raise = call.request.raiseForStatus
  if (raise === false || (raise === true && response.status < 400)) {
    return call.trace === undefined ? undefined : call.trace.ended(response)
  }
  if (raise === true) return Effect.as(response.raiseForStatus, response)
  // Suspends the call of `raise`: if it throws, the request must fail, and not the connection that runs this callback.
  const check = withoutItself(
    "raiseForStatus",
    raise,
    Effect.suspend(() =>
      effectOr(raise(response), (kind) => {
        const description = `expected the function to return an Effect, got ${kind}`
        return new InvalidRequest({ ...call.details(undefined), option: "raiseForStatus", description })
      })
    )
  )
  const checked = Effect.as(withinCall(call, check), response)
  return call.trace === undefined ? checked : Effect.tap(checked, () => call.trace?.ended(response) ?? Effect.void)
}
