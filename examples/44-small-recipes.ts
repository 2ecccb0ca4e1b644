/**
 * Small recipes: pages behind a cursor, a download piped into an upload, a log of requests, and a TLS key log.
 */
import { createHash } from "node:crypto"
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Stream } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { copy } from "./recipes/copy.js"
import { loggingKeys } from "./recipes/keyLog.js"
import { Logged } from "./recipes/logging.js"
import { items } from "./recipes/paging.js"
import { standard } from "./support/certificates.js"
import { json, serve } from "./support/server.js"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16)

const file = Buffer.alloc(5_000_000, "content ")

const program = Effect.gen(function* () {
  let requests = 0
  let stored: Uint8Array = new Uint8Array()
  const { url } = yield* serve(({ body, method, path, query }) => {
    if (path === "/items") {
      requests++
      const first = Number(query.get("cursor") ?? 0)
      const page = Array.from({ length: 10 }, (_, i) => ({ id: first + i }))
      return json(first < 90 ? { items: page, next: String(first + 10) } : { items: page })
    }
    if (method === "PUT") stored = body
    return path === "/moved"
      ? { status: 302, headers: { location: "/file?token=s3cret" } }
      : { headers: { "content-type": "text/plain" }, body: method === "PUT" ? "stored" : file }
  })

  const found = yield* Stream.runCollect(Stream.take(items(`${url}/items`), 25))
  yield* Console.log(`paging:  ${found.length} items by ${requests} requests`)

  yield* copy(`${url}/file`, `${url}/stored`)
  yield* Console.log(`copied:  ${stored.length} bytes,`, sha256(stored) === sha256(file) ? "equal" : "different")

  yield* Session.get(`${url}/moved`).pipe(ClientResponse.discard, Effect.provide(Logged))

  const { ca, good } = yield* standard()
  const secure = yield* serve(() => ({ body: "secret" }), { tls: good })
  const fs = yield* FileSystem.FileSystem
  const path = `${yield* fs.makeTempDirectoryScoped()}/keys.log`
  const ssl = yield* loggingKeys(path, { ca })
  yield* Session.get(secure.url, { ssl }).pipe(ClientResponse.text)
  // Deno does not call onKeyLog.
  const text = (yield* fs.exists(path)) ? yield* fs.readFileString(path) : "none"
  const labels = text
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[0])
  yield* Console.log("key log:", [...new Set(labels)].sort().join(", "))
}).pipe(Effect.scoped, Effect.provide([Session.layer(), NodeContext.layer]))

NodeRuntime.runMain(program)
