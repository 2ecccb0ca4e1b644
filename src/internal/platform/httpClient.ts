/** Implements the HttpClient of @effect/platform with a session. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import type { HttpClientResponse } from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { RequestOptions } from "../../ClientRequest.js"
import type { ClientResponse } from "../../ClientResponse.js"
import { type ClientError, isClientError } from "../../Errors.js"
import type { SessionService } from "../../Session.js"
import { stateOf } from "../effect/fiberState.js"
import { redactedNamesOf } from "../effect/tracers.js"
import { raceWithCallback } from "../raceWithCallback.js"
import { NoSpans } from "../tracing/spans.js"
import { hideUrl, toPlatformError } from "./httpClientError.js"
import { hideSecrets } from "./httpClientRequest.js"
import { PlatformResponse } from "./httpClientResponse.js"
import { redactingHeaders, redactSpan, withoutHidden } from "./platformSpan.js"
import { type RequestFailure, requestError } from "./safeErrors.js"

/** The options of a platform request, except its method and its URL, which includes the parameters. */
const optionsOf = (request: HttpClientRequest): RequestOptions => {
  const { body, headers } = request
  const options = { headers: Object.entries(headers) }
  return body._tag === "Empty" ? options : { ...options, data: body }
}

/**
 * Aborts the request when the platform aborts its signal, for example because the Scope of `HttpClient.withScope`
 * closes.
 */
const untilAborted = (
  request: HttpClientRequest,
  signal: AbortSignal,
  opened: Effect.Effect<ClientResponse, ClientError>
): Effect.Effect<ClientResponse, ClientError | RequestFailure> =>
  raceWithCallback(opened, (fail: (error: RequestFailure) => void) => {
    const onAbort = () =>
      fail(
        requestError("Transport", {
          request,
          cause: signal.reason,
          description: "The Scope of the request was closed"
        })
      )
    if (signal.aborted) onAbort()
    else signal.addEventListener("abort", onAbort)
    return () => signal.removeEventListener("abort", onAbort)
  })

/** Releases a response once, at the end of its body or when it is aborted. */
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

/** A client whose responses are released at the end of their bodies or when the platform aborts them. */
export const makeHttpClient = (session: Pick<SessionService, "request">): HttpClient.HttpClient =>
  HttpClient.transformResponse(makeClient(session), (sent) =>
    redactingHeaders(
      Effect.catchAll(sent, (error) =>
        Effect.withFiberRuntime<never, HttpClientError.HttpClientError>((fiber) =>
          Effect.fail(hideUrl(error, withoutHidden(redactedNamesOf(stateOf(fiber)))))
        )
      )
    )
  )

const makeClient = (session: Pick<SessionService, "request">): HttpClient.HttpClient =>
  HttpClient.make((original, url, signal, fiber) => {
    const names = withoutHidden(redactedNamesOf(stateOf(fiber)))
    const request = hideSecrets(original, names)
    const sent = Effect.flatMap(Scope.make(), (scope) => {
      const lifetime = new Lifetime(scope, signal)
      const opened = Effect.mapInputContext(
        session.request(request.method, url, optionsOf(request)),
        (input: Context.Context<never>) => Context.add(Context.add(input, Scope.Scope, scope), NoSpans, true)
      )
      return untilAborted(request, signal, opened).pipe(
        Effect.map(
          (response: ClientResponse): HttpClientResponse => new PlatformResponse(request, url, response, lifetime.close)
        ),
        Effect.mapError((error) => (isClientError(error) ? toPlatformError(request, url, error) : error)),
        Effect.onError(() => lifetime.close)
      )
    })
    return Effect.zipRight(redactSpan(url), sent)
  })
