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
import { shownResponse } from "../tracing/shownMessages.js"

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

/** Why a request is sent again. */
interface RetryFacts extends Pick<RequestRetry, "reason" | "delay" | "error"> {
  /** That of the attempt that is given up. */
  readonly response?: ClientResponse | undefined
}

/** Emits a `RequestRetry` to those who watch the request. */
export const tellRetry = (
  next: Next,
  request: ClientRequest,
  { response, ...facts }: RetryFacts
): Effect.Effect<void> => {
  const trace = callOf(next)?.trace
  if (trace === undefined) return Effect.void
  const signal = { _tag: "RequestRetry", method: request.method, url: redactUrl(request.url), ...facts } as const
  return trace.emit(response === undefined ? signal : { ...signal, response: shownResponse(response) })
}

/** Whether the request brings credentials of its own, or wants none. */
export const hasCredentials = (request: Prepared): boolean =>
  request.auth !== undefined || request.noAuth || request.header("authorization")._tag === "Some"
