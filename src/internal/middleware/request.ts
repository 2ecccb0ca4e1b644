/**
 * What the middlewares of this package ask of a request and of what came of it.
 */
import * as Effect from "effect/Effect"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { isClientError, MiddlewareError } from "../../Errors.js"
import type { Next, Outcome } from "../../Middleware.js"
import type { RequestRetry } from "../../Tracing.js"
import { redactUrl } from "../redact.js"
import { Prepared } from "../request/preparedRequest.js"
import { callOf } from "../session/middlewareChain.js"

/** Requests are made by this package only. */
export const preparedOf = (request: ClientRequest): Prepared => {
  if (request instanceof Prepared) return request
  throw new TypeError("the request was not made by effect-http-session")
}

/** The outcome, if it is a response. */
export const responseOf = (outcome: Outcome): ClientResponse | undefined =>
  isClientError(outcome) ? undefined : outcome

/** An error of a middleware's own. */
export const middlewareError = (
  request: ClientRequest,
  reason: MiddlewareError["reason"],
  more: { readonly description?: string; readonly cause?: unknown }
): MiddlewareError => new MiddlewareError({ ...preparedOf(request).details, reason, ...more })

/** Tells those who watch the request that it will be sent again. */
export const tellRetry = (
  next: Next,
  request: ClientRequest,
  facts: Pick<RequestRetry, "reason" | "delay" | "error">
): Effect.Effect<void> => {
  const trace = callOf(next)?.trace
  return trace === undefined
    ? Effect.void
    : trace.emit({ _tag: "RequestRetry", method: request.method, url: redactUrl(request.url), ...facts })
}

/** Whether the request brings credentials of its own, or wants none. */
export const hasCredentials = (request: Prepared): boolean =>
  request.auth !== undefined || request.noAuth || request.header("authorization")._tag === "Some"
