/** Runs an HTTP app of Effect as the handler of a mock. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"
import { fromResponse } from "./mockAnswer.js"
import type { AnswerRequest } from "./mockConnection.js"

/** The requirements of an app that the mock does not provide. */
type Rest<R> = Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>

/**
 * Serves each request with the app. An app that fails or dies answers as on its server: with status 500, unless the
 * error defines a response.
 */
export const answerWithApp =
  <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>): AnswerRequest<Rest<R>> =>
  (request, scope) =>
    Effect.flatMap(Effect.context<Rest<R>>(), (context) => {
      const withoutBody = request.method === "HEAD"
      const source = HttpServerRequest.fromWeb(request)
      const requestContext = Context.add(
        Context.make(HttpServerRequest.HttpServerRequest, source),
        Scope.Scope,
        // The Scope of the exchange, which closes with the body of the response.
        scope
      )
      const provided = Effect.updateContext(
        Effect.provideContext(app, requestContext) as Effect.Effect<HttpServerResponse.HttpServerResponse, E, Rest<R>>,
        (input: Context.Context<never>): Context.Context<Rest<R>> => Context.merge(context, input)
      )
      let produced: Response | undefined
      const handled = HttpEffect.toHandled(Effect.interruptible(provided), (_, response) =>
        Effect.sync(() => {
          produced = HttpServerResponse.toWeb(response, { withoutBody, context })
        })
      )
      // An app may fail after it has produced a response; the response is used then.
      return Effect.matchCauseEffect(Effect.provideService(handled, HttpServerRequest.HttpServerRequest, source), {
        onFailure: (cause) => (produced === undefined ? Effect.failCause(cause) : Effect.succeed(produced)),
        onSuccess: () => Effect.sync(() => produced ?? new Response(null, { status: 500 }))
      }).pipe(Effect.map((response) => fromResponse(response, request.method)))
    })
