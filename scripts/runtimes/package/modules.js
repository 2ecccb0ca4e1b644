/** Loads the installed package, in a folder without @effect/platform-node, and makes a request. */
import { createServer } from "node:http"
import { Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"

const server = createServer((_, response) => response.end('{"name":"Ada"}'))
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const request = Session.get(`http://127.0.0.1:${server.address().port}/`).pipe(ClientResponse.json)
const { name } = await Effect.runPromise(Effect.provide(request, Session.layer()))
server.close()
if (name !== "Ada") throw new Error(`expected Ada, got ${name}`)
const present = await import("@effect/platform-node").then(
  () => true,
  () => false
)
if (present) throw new Error("expected a folder without @effect/platform-node")
