/**
 * A program on BunRuntime. Uses the installed package with Bun's FileSystem, and ends gracefully at SIGTERM during a
 * request. Its folder has no @effect/platform-node.
 */
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { FileSystem, HttpBody } from "@effect/platform"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session } from "effect-http-session"
import "./modules.js"

const failWith = (message) => {
  console.error(message)
  process.exit(1)
}

const expect = (what, expected, got) =>
  expected === got ? Effect.void : Effect.dieMessage(`${what} is not as expected: ${String(got).slice(0, 100)}`)

let stalled
const server = createServer((request, response) => {
  if (request.url === "/stall") {
    stalled = response
    process.kill(process.pid, "SIGTERM")
    return
  }
  response.setHeader("set-cookie", "id=1; Max-Age=60")
  request.pipe(response)
})
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const url = `http://localhost:${server.address().port}`

const files = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ directory: tmpdir() })
  const from = `${folder}/from.txt`
  const to = `${folder}/to.txt`
  yield* fs.writeFileString(from, "contents".repeat(10_000))
  yield* Session.post(`${url}/`, { data: yield* HttpBody.file(from) }).pipe(ClientResponse.toFile(to))
  yield* expect("the file", "contents".repeat(10_000), yield* fs.readFileString(to))
  const jar = `${folder}/cookies.json`
  const remembering = Session.layerWithoutDependencies().pipe(
    Layer.provide([Connector.layerTcp(), CookieJar.layerFile(jar)])
  )
  const visit = Session.get(`${url}/`).pipe(ClientResponse.discard, Effect.provide(remembering))
  yield* visit
  yield* expect("the jar", true, (yield* fs.readFileString(jar)).includes("id"))
}).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  yield* files
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (stalled === undefined) failWith("the program ended before its last request")
      console.log("the Scope closed")
      server.closeAllConnections()
      server.close()
    })
  )
  yield* Session.get(`${url}/stall`).pipe(ClientResponse.text)
  failWith("the request that stalls has ended")
})

// An interruption by SIGTERM is not a failure: the exit code is 0 if the Scopes close.
BunRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(Layer.merge(Session.layer(), BunContext.layer))))
