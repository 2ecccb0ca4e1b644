/**
 * Recipe: a login whose cookie is saved to a file, so that the second run does not log in again.
 */
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { orders, remembering } from "./recipes/login.js"
import { json, serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const sessions = new Set<string>()
  const { url } = yield* serve(({ body, headers, path }) => {
    if (path === "/orders") {
      const known = [...sessions].some((id) => headers.cookie === `sid=${id}`)
      return known ? json(["a book"]) : json({ error: "log in first" }, 401)
    }
    if (new URLSearchParams(body.toString()).get("password") !== "pass") return json({}, 403)
    const id = `s${sessions.size + 1}`
    sessions.add(id)
    return { headers: { "set-cookie": `sid=${id}; Path=/; Max-Age=3600; HttpOnly` } }
  })
  const fs = yield* FileSystem.FileSystem
  const file = `${yield* fs.makeTempDirectoryScoped()}/cookies.json`

  // Each run is a new session, which loads and saves the file.
  const run = (name: string) =>
    Effect.flatMap(orders, (found) => Console.log(`${name}:`, found)).pipe(
      Effect.provide(Layer.fresh(remembering(file, url)))
    )
  yield* run("first run")
  yield* Console.log("the file: mode", ((yield* fs.stat(file)).mode & 0o777).toString(8))
  yield* run("second run")
  sessions.clear()
  yield* Console.log("the server forgets its sessions")
  yield* run("third run")
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

NodeRuntime.runMain(program)
