import { NodeHttpServer } from "@effect/platform-node"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Schema, Stream } from "effect"
import { overSession } from "./support/platformApi.js"
import { servedAt, servedRoutes } from "./support/routes.js"
import { NotThere, ServedUsers, User, usersClient } from "./support/usersApi.js"

describe("an HttpApi that is served and requested", () => {
  it.scopedLive("answers its derived client", () =>
    Effect.gen(function* () {
      const baseUrl = `http://${yield* servedAt}`
      const users = yield* usersClient(baseUrl)
      assert.deepStrictEqual(yield* users.find(7), new User({ id: 7, name: "a" }))
      assert.deepStrictEqual(yield* users.find(7, true), new User({ id: 7, name: "A" }))
      const missing = yield* users.find(0).pipe(Effect.flip)
      assert.deepStrictEqual(missing, new NotThere({ id: 0 }))
      const user = new User({ id: 1, name: "b" })
      const [created, response] = yield* users.create(user)
      assert.deepStrictEqual(created, user)
      assert.strictEqual(response.status, 201)
      assert.isUndefined(yield* users.remove(1))
      const form = new FormData()
      form.append("file", new Blob(["12345"]), "a.txt")
      assert.deepStrictEqual(yield* users.upload(form), { name: "a.txt", size: 5 })
      assert.strictEqual((yield* users.fails.pipe(Effect.flip))._tag, "Forbidden")
    }).pipe(Effect.provide(overSession), Effect.provide(ServedUsers))
  )
})

describe("RPC over HTTP", () => {
  class Calls extends RpcGroup.make(
    Rpc.make("Double", { payload: { n: Schema.Number }, success: Schema.Number, error: Schema.String }),
    Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
  ) {}
  const Served = servedRoutes(
    RpcServer.layer(Calls).pipe(
      Layer.provide(
        Calls.toLayer({
          Double: ({ n }) => (n < 0 ? Effect.fail("negative") : Effect.succeed(n * 2)),
          Count: ({ to }) => Stream.range(1, to)
        })
      ),
      Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" }))
    )
  ).pipe(Layer.provide(RpcSerialization.layerNdjson), Layer.provideMerge(NodeHttpServer.layerTest))

  it.scopedLive("carries calls, failures and streams", () =>
    Effect.gen(function* () {
      const url = `http://${yield* servedAt}/rpc`
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Calls)
        assert.strictEqual(yield* client.Double({ n: 21 }), 42)
        assert.strictEqual(yield* client.Double({ n: -1 }).pipe(Effect.flip), "negative")
        assert.deepStrictEqual(
          Chunk.toReadonlyArray(yield* Stream.runCollect(client.Count({ to: 5 }))),
          [1, 2, 3, 4, 5]
        )
      }).pipe(
        Effect.provide(
          RpcClient.layerProtocolHttp({ url }).pipe(Layer.provide([overSession, RpcSerialization.layerNdjson]))
        )
      )
    }).pipe(Effect.provide(Served))
  )
})
