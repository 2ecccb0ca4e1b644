/** Helpers of the middlewares of this package. */
import * as Effect from "effect/Effect"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { isClientError, MiddlewareError } from "../../Errors.js"
import type { Next, Outcome } from "../../Middleware.js"
import type { RequestRetry } from "../../Tracing.js"
import { redactUrl } from "../redact.js"
import { PreparedRequest } from "../request/preparedRequest.js"
import { callOf } from "../session/middlewareChain.js"
import { shownResponse } from "../tracing/shownMessages.js"

/** The implementation of a public request. Throws for an object that this package did not make. */
export const preparedOf = (request: ClientRequest): PreparedRequest => {
  if (request instanceof PreparedRequest) return request
  throw new TypeError("expected a request made by effect-http-session")
}

/** The response of an outcome; `undefined` for an error. */
export const responseOf = (outcome: Outcome): ClientResponse | undefined =>
  isClientError(outcome) ? undefined : outcome

/** A MiddlewareError with the details of the request. */
export const middlewareError = (
  request: ClientRequest,
  reason: MiddlewareError["reason"],
  more: { readonly description?: string; readonly cause?: unknown }
): MiddlewareError => new MiddlewareError({ ...preparedOf(request).details, reason, ...more })

/** Why a request is sent again. */
interface RetryFacts extends Pick<RequestRetry, "reason" | "delay" | "error"> {
  /** The response of the previous attempt. */
  readonly response?: ClientResponse | undefined
}

/** Emits `RequestRetry` to the observers of the request. */
export const emitRetry = (
  next: Next,
  request: ClientRequest,
  { response, ...facts }: RetryFacts
): Effect.Effect<void> => {
  const trace = callOf(next)?.trace
  if (trace === undefined) return Effect.void
  const signal = { _tag: "RequestRetry", method: request.method, url: redactUrl(request.url), ...facts } as const
  return trace.emit(response === undefined ? signal : { ...signal, response: shownResponse(response) })
}

/** Whether the request sets credentials, or turns them off. */
export const hasCredentials = (request: PreparedRequest): boolean =>
  request.auth !== undefined || request.noAuth || request.header("authorization")._tag === "Some"
