/** An `HttpApi` of one endpoint, as a fetch handler. */
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

export class Pong extends Schema.Class<Pong>("Pong")({ pong: Schema.Boolean }) {}

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("all").add(HttpApiEndpoint.get("ping", "/ping", { success: Pong }))
)

const ApiLive = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(
    HttpApiBuilder.group(Api, "all", (all) => all.handle("ping", () => Effect.succeed(new Pong({ pong: true }))))
  )
)

export const pingHandler = Effect.acquireRelease(
  Effect.sync(() => HttpRouter.toWebHandler(Layer.provide(ApiLive, HttpServer.layerServices))),
  (app) => Effect.promise(() => app.dispose())
).pipe(
  Effect.map(
    ({ handler }) =>
      (request: Request) =>
        handler(request)
  )
)
