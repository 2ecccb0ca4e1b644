/**
 * Recipe: an upload of 200 MB from a file, and its download, which the second run continues where the first one stopped.
 */
import { createHash } from "node:crypto"
import { createReadStream, createWriteStream, readdirSync, statSync } from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Fiber, Layer, Stream } from "effect"
import { Session } from "effect-http-session"
import { download, upload } from "./recipes/transfer.js"

const size = 200 * 1024 * 1024

/** Stores a file, and serves it by ranges. */
const storage = (path: string) =>
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        if (request.method === "PUT") {
          void pipeline(request, createWriteStream(path)).then(() => response.writeHead(201).end())
          return
        }
        const [, from] = /^bytes=(\d+)-/.exec(request.headers.range ?? "") ?? []
        const start = Number(from ?? 0)
        console.log(
          from === undefined ? "server: the whole file" : `server: from ${Math.floor(start / 1024 / 1024)} MiB`
        )
        response.writeHead(from === undefined ? 200 : 206, {
          etag: '"v1"',
          "accept-ranges": "bytes",
          "content-length": statSync(path).size - start,
          ...(from === undefined ? {} : { "content-range": `bytes ${start}-${size - 1}/${size}` })
        })
        pipeline(createReadStream(path, { start }), response).catch(() => response.destroy())
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const digest = (path: string) =>
  Effect.promise(async () => {
    const hash = createHash("sha256")
    await pipeline(createReadStream(path), hash)
    return hash.digest("hex")
  })

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const mebibyte = 1024 * 1024
  const blocks = Stream.range(1, size / mebibyte).pipe(Stream.map((i) => new Uint8Array(mebibyte).fill(i)))
  yield* Stream.run(blocks, fs.sink(`${directory}/original.bin`))

  const server = yield* storage(`${directory}/stored.bin`)
  const url = `http://localhost:${(server.address() as AddressInfo).port}/file`
  /** A run of the program, with a new session. */
  const run = <A, E>(effect: Effect.Effect<A, E, Session.Session | FileSystem.FileSystem>) =>
    Effect.provide(effect, Layer.fresh(Session.layer()))

  yield* run(upload(`${directory}/original.bin`, url))

  // The first run ends within the file, as if by SIGINT.
  const begun = Effect.sync(() =>
    readdirSync(directory).some((name) => name.includes("copy") && statSync(join(directory, name)).size > size / 3)
  )
  const first = yield* Effect.fork(run(download(url, `${directory}/copy.bin`)))
  yield* Effect.repeat(Effect.delay(begun, "5 millis"), { until: (isBegun) => isBegun })
  yield* Fiber.interrupt(first)
  yield* Console.log(
    "interrupted; left:",
    (yield* fs.readDirectory(directory)).filter((name) => name.includes("copy"))
  )

  yield* run(download(url, `${directory}/copy.bin`))
  const equal = (yield* digest(`${directory}/copy.bin`)) === (yield* digest(`${directory}/original.bin`))
  yield* Console.log("the copy is", equal ? "equal" : "different")
}).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

NodeRuntime.runMain(program)
