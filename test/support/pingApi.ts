/** An `HttpApi` of one endpoint, as a fetch handler. */
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpServer } from "@effect/platform"
import { Effect, Layer, Schema } from "effect"

export class Pong extends Schema.Class<Pong>("Pong")({ pong: Schema.Boolean }) {}

const Api = HttpApi.make("api").add(HttpApiGroup.make("all").add(HttpApiEndpoint.get("ping", "/ping").addSuccess(Pong)))

const ApiLive = HttpApiBuilder.api(Api).pipe(
  Layer.provide(
    HttpApiBuilder.group(Api, "all", (all) => all.handle("ping", () => Effect.succeed(new Pong({ pong: true }))))
  )
)

export const pingHandler = Effect.acquireRelease(
  Effect.sync(() => HttpApiBuilder.toWebHandler(Layer.merge(ApiLive, HttpServer.layerContext))),
  (app) => Effect.promise(() => app.dispose())
).pipe(
  Effect.map(
    ({ handler }) =>
      (request: Request) =>
        handler(request)
  )
)
