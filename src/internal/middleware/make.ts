/** Makes a middleware from a function with requirements and errors of its own. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientError } from "../../Errors.js"
import type { Middleware, Next } from "../../Middleware.js"
import { middlewareError } from "./request.js"

export const make = <E, R>(
  f: (request: ClientRequest, next: Next) => Effect.Effect<ClientResponse, E, R>
): Effect.Effect<Middleware, never, Exclude<R, Scope>> =>
  Effect.map(
    Effect.context<Exclude<R, Scope>>(),
    (captured): Middleware =>
      (request, next) =>
        Effect.mapError(
          Effect.mapInputContext(Effect.scoped(f(request, next)), (context: Context.Context<never>) =>
            Context.merge(context, captured)
          ),
          (error): ClientError => (isClientError(error) ? error : middlewareError(request, "Failed", { cause: error }))
        )
  )
