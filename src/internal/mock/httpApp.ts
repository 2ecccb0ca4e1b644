/**
 * An app of @effect/platform as the handler of a mock.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { fromResponse } from "./mockAnswer.js"
import type { Answering } from "./mockConnection.js"

/** Serves each request. An app that fails or dies answers as its server would: 500, unless its error knows better. */
export const serving =
  <E, R>(app: HttpApp.Default<E, R>): Answering<Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>> =>
  (request, scope) =>
    Effect.flatMap(Effect.runtime<Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>>(), (runtime) => {
      const withoutBody = request.method === "HEAD"
      const source = HttpServerRequest.fromWeb(request)
      const own = Context.add(
        Context.make(HttpServerRequest.HttpServerRequest, source),
        Scope.Scope,
        // That of the exchange, which ends with the body of the response.
        scope
      )
      const provided = Effect.mapInputContext(Effect.provide(app, own), (input: Context.Context<never>) =>
        Context.merge(runtime.context, input)
      )
      let answered: Response | undefined
      const handled = HttpApp.toHandled(Effect.interruptible(provided), (_, response) =>
        Effect.sync(() => {
          answered = HttpServerResponse.toWeb(response, { withoutBody, runtime })
        })
      )
      // It may fail although it has answered: then its error is the answer's.
      return Effect.matchCauseEffect(Effect.provideService(handled, HttpServerRequest.HttpServerRequest, source), {
        onFailure: (cause) => (answered === undefined ? Effect.failCause(cause) : Effect.succeed(answered)),
        onSuccess: () => Effect.sync(() => answered ?? new Response(null, { status: 500 }))
      }).pipe(Effect.map((response) => fromResponse(response, request.method)))
    })
