/**
 * Mocks and cassettes.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { HttpServerResponse } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as Testing from "effect-http-session/Testing"
import * as planted from "../planted.js"
import { at, sessionOn, temporary } from "./fixtures.js"

export const mocks = Effect.gen(function* () {
  const seen: Array<Connector.MockRequest> = []
  const context = yield* Layer.build(
    Connector.layerMock((request) => {
      seen.push(request)
      return new Response("x", { headers: { "set-cookie": `sid=${planted.secret("mock-cookie")}` } })
    })
  )
  const connector = Context.get(context, Connector.Connector)
  const { session } = yield* sessionOn(connector)
  yield* session.post(at("https://a.test/"), { data: planted.form }).pipe(ClientResponse.text)
  const app = yield* Layer.build(Connector.layerHttpApp(Effect.succeed(HttpServerResponse.text("x"))))
  const calls = Context.get(context, Connector.MockCalls)
  return {
    "a mock": connector,
    "the calls of a mock": calls,
    "each call of a mock": yield* calls.all,
    "the request of a mock's handler": seen,
    "an app as a connector": Context.get(app, Connector.Connector)
  }
})

export const cassettes = Effect.gen(function* () {
  const path = join(yield* temporary, "tape.json")
  const inner = Connector.layerMock(
    () => new Response("x", { headers: { "set-cookie": planted.secret("mock-cookie") } })
  )
  const recorded = yield* Effect.scoped(
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.provide(Testing.layerRecord(path), inner))
      const connector = Context.get(context, Connector.Connector)
      const { session } = yield* sessionOn(connector)
      yield* session.post(at("https://a.test/"), { data: planted.form }).pipe(ClientResponse.text)
      return connector
    })
  )
  const replaying = yield* Layer.build(Testing.layerReplay(path))
  return {
    "a recording connector": recorded,
    "a replaying connector": Context.get(replaying, Connector.Connector),
    "a cassette": yield* Effect.promise(() => readFile(path, "utf8"))
  }
}).pipe(Effect.provide(NodeFileSystem.layer))
