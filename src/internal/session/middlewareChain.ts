/** Runs the middlewares around one hop. They run again for each redirect, and before cookies are added. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, InvalidRequest, isClientError, MiddlewareError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { withoutItself } from "../currentOptions.js"
import { type Defaults, PreparedRequest } from "../request/preparedRequest.js"
import { effectOr, kindOf } from "../userResult.js"
import type { Call } from "./call.js"
import type { Hop } from "./hop.js"
import { sendHop } from "./sendHop.js"
import type { SessionCore } from "./sessionCore.js"
import { withinCall } from "./withinCall.js"

const calls = new WeakMap<Next, Call>()

/** Records the call that a `next` belongs to. */
const bindNext = (next: Next, call: Call): Next => {
  calls.set(next, call)
  return next
}

/** The call of a `next`, for middlewares of this package that emit signals or make responses. */
export const callOf = (next: Next): Call | undefined => calls.get(next)

const cores = new WeakMap<Defaults, SessionCore>()

/** Records the session of these defaults. */
export const bindCore = (defaults: Defaults, core: SessionCore): void => {
  cores.set(defaults, core)
}

/** The session of a request; `undefined` if it was made without one. */
export const coreOf = (defaults: Defaults): SessionCore | undefined => cores.get(defaults)

/** Leaves the response of a hop as it is: `pipeline.ts` follows redirects after the middlewares. */
const acceptResponse = () => undefined

/** The innermost `next`, which sends the hop. Middlewares may call it any number of times, also in parallel. */
const innermostNext =
  (call: Call): Next =>
  (request: ClientRequest) => {
    if (!(request instanceof PreparedRequest)) {
      return Effect.fail(
        new InvalidRequest({
          ...call.details(undefined),
          option: "request",
          description: "expected the middleware to send a request of this session"
        })
      )
    }
    return Effect.suspend(() => {
      let hop: Hop | undefined
      const sent = sendHop(call, request, false, acceptResponse, (startedHop) => {
        hop = startedHop
      })
      // A failure has already ended its hop. An interruption or a defect of a listener has not.
      return Effect.onError(sent, (cause) =>
        Effect.sync(() => {
          if (!Cause.isFailure(cause)) hop?.interrupt()
        })
      )
    })
  }

const middlewareError = (
  call: Call,
  more: { readonly description?: string; readonly cause?: unknown }
): MiddlewareError => new MiddlewareError({ ...call.details(undefined), reason: "Failed", ...more })

const isResponse = (value: unknown): boolean => Predicate.hasProperty(value, "~effect-http-session/ClientResponse")

/**
 * Runs a middleware. A result that is not a response, or an error that is not a ClientError, becomes a MiddlewareError.
 */
const runMiddleware = (
  call: Call,
  middleware: Middleware,
  request: ClientRequest,
  next: Next
): Effect.Effect<ClientResponse, ClientError> =>
  Effect.suspend(() =>
    Effect.matchEffect(
      effectOr(middleware(request, next), (kind) =>
        middlewareError(call, { description: `expected a middleware to return an Effect, got ${kind}` })
      ),
      {
        onFailure: (error): Effect.Effect<never, ClientError> =>
          Effect.fail(isClientError(error) ? error : middlewareError(call, { cause: error })),
        onSuccess: (response): Effect.Effect<ClientResponse, ClientError> =>
          isResponse(response)
            ? Effect.succeed(response)
            : Effect.fail(
                middlewareError(call, {
                  description: `expected a middleware to return a response, got ${kindOf(response)}`
                })
              )
      }
    )
  )

/** Runs the middlewares around a hop, then releases all responses except the returned one. */
export const sendThroughMiddlewares = (
  call: Call,
  request: PreparedRequest
): Effect.Effect<ClientResponse, ClientError> => {
  const { middlewares } = request
  let next = bindNext(innermostNext(call), call)
  for (const middleware of [...middlewares].reverse()) {
    const inner = next
    next = bindNext((value) => runMiddleware(call, middleware, value, inner), call)
  }
  const chain =
    middlewares.length === 0
      ? next(request)
      : withinCall(call, withoutItself("middlewares", middlewares, next(request)))
  return Effect.tap(chain, (response) => Effect.sync(() => call.releaseOthers(response)))
}
