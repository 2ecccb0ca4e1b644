/** Runs an HttpApp of @effect/platform as the handler of a mock. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { fromResponse } from "./mockAnswer.js"
import type { AnswerRequest } from "./mockConnection.js"

/**
 * Serves each request with the app. An app that fails or dies answers as on its server: with status 500, unless the
 * error defines a response.
 */
export const answerWithApp =
  <E, R>(app: HttpApp.Default<E, R>): AnswerRequest<Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>> =>
  (request, scope) =>
    Effect.flatMap(Effect.runtime<Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>>(), (runtime) => {
      const withoutBody = request.method === "HEAD"
      const source = HttpServerRequest.fromWeb(request)
      const requestContext = Context.add(
        Context.make(HttpServerRequest.HttpServerRequest, source),
        Scope.Scope,
        // The Scope of the exchange, which closes with the body of the response.
        scope
      )
      const provided = Effect.mapInputContext(Effect.provide(app, requestContext), (input: Context.Context<never>) =>
        Context.merge(runtime.context, input)
      )
      let produced: Response | undefined
      const handled = HttpApp.toHandled(Effect.interruptible(provided), (_, response) =>
        Effect.sync(() => {
          produced = HttpServerResponse.toWeb(response, { withoutBody, runtime })
        })
      )
      // An app may fail after it has produced a response; the response is used then.
      return Effect.matchCauseEffect(Effect.provideService(handled, HttpServerRequest.HttpServerRequest, source), {
        onFailure: (cause) => (produced === undefined ? Effect.failCause(cause) : Effect.succeed(produced)),
        onSuccess: () => Effect.sync(() => produced ?? new Response(null, { status: 500 }))
      }).pipe(Effect.map((response) => fromResponse(response, request.method)))
    })
