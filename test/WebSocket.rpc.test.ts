import { createServer } from "node:http"
import { Socket } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Schema, Stream } from "effect"
import { Session, WebSocket } from "effect-http-session"
import { servedAt, servedRoutes } from "./support/routes.js"

class Calls extends RpcGroup.make(
  Rpc.make("Double", { payload: { n: Schema.Number }, success: Schema.Number }),
  Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
) {}

const handlers = Calls.toLayer({
  Double: ({ n }) => Effect.succeed(n * 2),
  Count: ({ to }) => Stream.range(1, to)
})

const server = servedRoutes(
  RpcServer.layer(Calls).pipe(
    Layer.provide(handlers),
    Layer.provide(RpcServer.layerProtocolWebsocket({ path: "/rpc" }))
  )
).pipe(
  Layer.provide(RpcSerialization.layerNdjson),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

describe("RPC", () => {
  it.scopedLive("runs over makeSocket", () =>
    Effect.gen(function* () {
      const at = yield* servedAt
      const socket = Layer.effect(Socket.Socket, WebSocket.makeSocket(`ws://${at}/rpc`))
      const protocol = RpcClient.layerProtocolSocket().pipe(
        Layer.provide(socket),
        Layer.provide(RpcSerialization.layerNdjson),
        Layer.provide(Session.layer())
      )
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Calls)
        assert.strictEqual(yield* client.Double({ n: 21 }), 42)
        const counted = yield* Stream.runCollect(client.Count({ to: 300 }))
        assert.strictEqual(Chunk.size(counted), 300)
      }).pipe(Effect.scoped, Effect.provide(protocol))
    }).pipe(Effect.provide(server))
  )
})
