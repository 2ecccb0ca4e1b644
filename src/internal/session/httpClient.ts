/**
 * @effect/platform's HttpClient on a session.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { RequestOptions } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import type { SessionService } from "../../Session.js"
import { HeadResponse, PlatformResponse } from "./httpClientResponse.js"
import { NoSpans } from "./tracing/spans.js"

/** What a request of the platform says, beside its method and its URL with the parameters in it. */
const optionsOf = (request: HttpClientRequest): RequestOptions => {
  const { body, headers } = request
  const options = { headers: Object.entries(headers) }
  return body._tag === "Empty" ? options : { ...options, data: body }
}

/** Ours as the platform's; what was wrong stays in `cause`. */
const toPlatformError = (request: HttpClientRequest, cause: ClientError): HttpClientError.HttpClientError => {
  const description = cause.message
  switch (cause._tag) {
    case "InvalidURL":
      return new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause, description })
    case "InvalidRequest":
    case "RequestBodyError":
      return new HttpClientError.RequestError({ request, reason: "Encode", cause, description })
    case "ClientResponseError":
    case "TooManyRedirects":
      return new HttpClientError.ResponseError({
        request,
        response: HeadResponse.ofError(request, cause),
        reason: "StatusCode",
        cause,
        description
      })
    default:
      return new HttpClientError.RequestError({ request, reason: "Transport", cause, description })
  }
}

/** Gives a response back once, when its body has ended or when it is aborted. */
class Lifetime {
  private readonly scope: Scope.CloseableScope
  private readonly signal: AbortSignal

  constructor(scope: Scope.CloseableScope, signal: AbortSignal) {
    this.scope = scope
    this.signal = signal
    signal.addEventListener("abort", this.onAbort)
  }

  private readonly onAbort = (): void => {
    Effect.runFork(this.close)
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.signal.removeEventListener("abort", this.onAbort)
      return Scope.close(this.scope, Exit.void)
    })
  }
}

/** A client whose responses live until their bodies have ended, or until the platform aborts them. */
export const makeHttpClient = (session: Pick<SessionService, "request">): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.flatMap(Scope.make(), (scope) => {
      const lifetime = new Lifetime(scope, signal)
      const opened = Effect.mapInputContext(
        session.request(request.method, url, optionsOf(request)),
        (input: Context.Context<never>) => Context.add(Context.add(input, Scope.Scope, scope), NoSpans, true)
      )
      return opened.pipe(
        Effect.map(
          (response: ClientResponse): HttpClientResponse => new PlatformResponse(request, response, lifetime.close)
        ),
        Effect.mapError((error) => toPlatformError(request, error)),
        Effect.onError(() => lifetime.close)
      )
    })
  )
