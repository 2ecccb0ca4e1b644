/**
 * Unix domain sockets: every request uses the socket, for any host in the URL.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schema } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const onSocket = (path: string) =>
  Session.layerWithoutDependencies({ baseUrl: "http://docker/" }).pipe(
    Layer.provide([Connector.layerUnix({ path }), CookieJar.layerDummy])
  )

const Echo = Schema.Struct({ headers: Schema.Struct({ host: Schema.String }) })

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = `${yield* fs.makeTempDirectoryScoped()}/docker.sock`
  yield* httpbin({ path })

  const { headers } = yield* Session.get("get").pipe(ClientResponse.schemaJson(Echo), Effect.provide(onSocket(path)))
  yield* Console.log(`answered over the socket, to Host: ${headers.host}`)

  yield* Session.get("get").pipe(
    ClientResponse.discard,
    Effect.catchTag("UnixClientConnectorError", (error) =>
      Console.log(`no socket at ${error.path.split("/").at(-1)}: ${error.code}`)
    ),
    Effect.provide(onSocket(`${path}.gone`))
  )
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

NodeRuntime.runMain(program)
