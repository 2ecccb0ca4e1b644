/**
 * GETs of one URL through a cache with a folder as its store: prints the bodies. Takes the URL, the folder, and for
 * each request a token and a proxy.
 */
import { writeSync } from "node:fs"
import { NodeFileSystem, NodeKeyValueStore } from "@effect/platform-node"
import { Effect } from "effect"
import * as Auth from "../../../src/Auth.js"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Connector from "../../../src/Connector.js"
import * as CookieJar from "../../../src/CookieJar.js"
import * as Middleware from "../../../src/Middleware.js"
import * as Session from "../../../src/Session.js"

const [url = "", folder = "", ...pairs] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const cache = yield* Middleware.cache()
  const session = yield* Session.make({ middlewares: [cache] })
  const bodies: Array<string> = []
  for (let index = 0; index < pairs.length; index += 2) {
    const options = { auth: Auth.bearer(pairs[index] ?? ""), proxy: pairs[index + 1] ?? "" }
    bodies.push(yield* session.get(url, options).pipe(ClientResponse.text))
  }
  return bodies.join()
}).pipe(
  Effect.provide(Connector.layerTcp()),
  Effect.provide(CookieJar.layer()),
  Effect.scoped,
  Effect.provide(NodeKeyValueStore.layerFileSystem(folder)),
  Effect.provide(NodeFileSystem.layer)
)

writeSync(1, await Effect.runPromise(program))
