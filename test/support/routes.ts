/** Routes as apps and as servers. */
import { type HttpMethod, HttpRouter, HttpServer, type HttpServerResponse } from "@effect/platform"
import { Effect, Layer } from "effect"
import * as Connector from "../../src/Connector.js"

type Handler<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

/** A route of an app. */
export const route = <E, R>(method: HttpMethod.HttpMethod, path: `/${string}`, handler: Handler<E, R>) =>
  HttpRouter.makeRoute(method, path, handler)

/** A connector that answers by routes. */
export const layerRoutes = <Routes extends ReadonlyArray<HttpRouter.Route<unknown, unknown>>>(...routes: Routes) =>
  Connector.layerHttpApp(HttpRouter.fromIterable<Routes[number]>(routes))

/** A server of the routes that a layer adds. */
export const servedRoutes = <A, E, R>(routes: Layer.Layer<A, E, R>) =>
  HttpRouter.Default.serve().pipe(Layer.provide(routes))

/** Host and port of the server. */
export const servedAt = Effect.map(HttpServer.HttpServer, ({ address }) => {
  if (address._tag !== "TcpAddress") throw new Error("expected a server of TCP")
  return `127.0.0.1:${address.port}`
})
