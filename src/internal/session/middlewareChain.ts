/**
 * The middlewares around one hop: inside redirects, outside cookies and the connector.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest } from "../../Errors.js"
import type { Next } from "../../Middleware.js"
import { withoutItself } from "../currentOptions.js"
import { Prepared } from "../request/preparedRequest.js"
import type { Call } from "./call.js"
import type { Hop } from "./hop.js"
import { sendHop } from "./sendHop.js"
import { withinCall } from "./withinCall.js"

const calls = new WeakMap<Next, Call>()

/** Records the call that a `next` belongs to. */
const bind = (next: Next, call: Call): Next => {
  calls.set(next, call)
  return next
}

/** The call of a `next`, for the middlewares of this package: they emit signals and make responses. */
export const callOf = (next: Next): Call | undefined => calls.get(next)

const nothing = () => undefined

/** The innermost step. It can be run any number of times, side by side too; interrupted, it leaves nothing. */
const send =
  (call: Call): Next =>
  (request: ClientRequest) => {
    if (!(request instanceof Prepared)) {
      return Effect.fail(
        new InvalidRequest({
          ...call.details(undefined),
          option: "request",
          description: "a middleware has sent something that is no request of this session"
        })
      )
    }
    return Effect.suspend(() => {
      let hop: Hop | undefined
      const sent = sendHop(call, request, false, nothing, (begun) => {
        hop = begun
      })
      // A failure has ended its hop; an interruption, or a listener that dies, has not.
      return Effect.onError(sent, (cause) =>
        Effect.sync(() => {
          if (!Cause.isFailure(cause)) hop?.interrupt()
        })
      )
    })
  }

/** Runs the chain, and releases all responses but the one that it returns. */
export const sendThroughMiddlewares = (call: Call, request: Prepared): Effect.Effect<ClientResponse, ClientError> => {
  const { middlewares } = request
  let next = bind(send(call), call)
  for (const middleware of [...middlewares].reverse()) {
    const inner = next
    next = bind((value) => Effect.suspend(() => middleware(value, inner)), call)
  }
  const chain =
    middlewares.length === 0
      ? next(request)
      : withinCall(call, withoutItself("middlewares", middlewares, next(request)))
  return Effect.tap(chain, (response) => Effect.sync(() => call.releaseOthers(response)))
}
