/** Makes a middleware from a function that has requirements and other errors than ClientError. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { currentServices } from "../effect/fiberState.js"
import { Response } from "../response/response.js"
import { Hop } from "../session/hop.js"
import { callOf } from "../session/middlewareChain.js"
import { middlewareError } from "./request.js"

/**
 * Moves a response of another call from the Scope of the middleware to the call of `next`, because it outlives the
 * Scope.
 */
const adopt = (next: Next, response: ClientResponse): Effect.Effect<void> =>
  Effect.sync(() => {
    const call = callOf(next)
    if (call === undefined || !(response instanceof Response)) return
    const { source } = response
    if (source instanceof Hop && source.call !== call) {
      response.detachFromScope()
      call.adopt(response)
    }
  })

export const make = <E, R>(
  f: (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, E, R>
): Effect.Effect<Middleware, never, Exclude<R, Scope>> =>
  Effect.map(
    currentServices<Exclude<R, Scope>>(),
    (captured): Middleware =>
      (request, next) =>
        Effect.mapError(
          Effect.mapInputContext(
            Effect.scoped(Effect.tap(f(request, next), (response) => adopt(next, response))),
            (context: Context.Context<never>) => Context.merge(context, captured)
          ),
          (error): ClientError => (isClientError(error) ? error : middlewareError(request, "Failed", { cause: error }))
        )
  )
