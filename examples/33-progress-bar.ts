/**
 * A progress bar in the terminal, for an upload and for a download.
 */

import { FileSystem } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Option, Stream } from "effect"
import { type ClientRequest, ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

const width = 40

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`

/** Returns a bar if the length is known, else a counter. */
const line = ({ direction, total, transferred }: ClientRequest.Progress): string =>
  Option.match(total, {
    onNone: () => `${direction.padEnd(8)} ${mebibytes(transferred)}`,
    onSome: (size) => {
      const share = size === 0 ? 1 : transferred / size
      const full = Math.round(share * width)
      const percent = `${Math.floor(share * 100)} %`.padStart(5)
      return `${direction.padEnd(8)} [${"#".repeat(full)}${".".repeat(width - full)}] ${percent} ${mebibytes(transferred)}`
    }
  })

/** Redraws the line on a terminal; elsewhere prints a line for each tenth. */
const bar = () => {
  let tenth = -1
  return (progress: ClientRequest.Progress): Effect.Effect<void> =>
    Effect.sync(() => {
      if (process.stdout.isTTY) {
        process.stdout.write(`\r${line(progress)}`)
        return
      }
      const now = Option.match(progress.total, {
        onNone: () => tenth,
        onSome: (size) => Math.floor((progress.transferred / size) * 10)
      })
      if (now > tenth) process.stdout.write(`${line(progress)}\n`)
      tenth = now
    })
}

/** Ends the redrawn line. */
const done = Effect.sync(() => {
  if (process.stdout.isTTY) process.stdout.write("\n")
})

const megabytes = (count: number) =>
  Stream.range(1, count * 16).pipe(
    Stream.map(() => new Uint8Array(64 * 1024)),
    Stream.tap(() => Effect.sleep("5 millis"))
  )

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()

  const size = 4 * 1024 * 1024
  yield* Session.put(`${url}/put`, {
    data: megabytes(4),
    headers: { "content-length": String(size) },
    onProgress: bar()
  }).pipe(ClientResponse.discard, Effect.zipLeft(done))

  yield* Session.get(`${url}/bytes/${8 * 1024 * 1024}`).pipe(
    ClientResponse.toFile(`${directory}/file.bin`, { onProgress: bar() }),
    Effect.zipLeft(done)
  )
  yield* Console.log("both are whole")
}).pipe(Effect.scoped, Effect.provide([Session.layer(), NodeContext.layer]))

NodeRuntime.runMain(program)
