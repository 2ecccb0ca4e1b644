/**
 * Measures the heap and the external memory of an idle connection, or of a bare socket. Usage: idle.js <bare | ours>
 */
import { fork } from "node:child_process"
import { connect } from "node:net"
import { Effect } from "effect"
import { ClientResponse, Session } from "../dist/bundle/index.js"
import { here } from "./processes.js"

const count = 1000

const server = fork(here("./holdingServer.js"), { execArgv: [] })
const answerOf = () => new Promise((resolve) => server.once("message", resolve))
const { port } = await answerOf()

const used = async () => {
  // Repeats the collection in later turns, because a turn retains closures of finished requests.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    global.gc()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const openAll = async (open, total) => {
  server.send(total)
  await answerOf()
  await open(total)
}

/** Bytes per connection of the second thousand. During the first, V8 compiles the functions. */
const cost = async (open) => {
  await openAll(open, count)
  const before = await used()
  await openAll(open, 2 * count)
  return ((await used()) - before) / count
}

const bare = []
const openBare = async (total) => {
  while (bare.length < total) {
    const buffer = openBare.buffer
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread: { buffer, callback: () => true } })
    bare.push(socket)
    await new Promise((resolve) => socket.once("connect", resolve))
  }
  await Promise.all(
    bare.map(
      (socket) =>
        new Promise((resolve) => {
          socket.write("GET / HTTP/1.1\r\n\r\n", resolve)
        })
    )
  )
}
openBare.buffer = Buffer.alloc(64 * 1024)

if (process.argv[2] === "bare") {
  console.log(JSON.stringify({ bytes: Math.round(await cost(openBare)) }))
} else {
  const program = Effect.gen(function* () {
    const session = yield* Session.Session
    const get = ClientResponse.text(session.get(`http://127.0.0.1:${port}/`))
    const open = (total) =>
      Effect.runPromise(
        Effect.all(
          Array.from({ length: total }, () => get),
          { concurrency: "unbounded", discard: true }
        )
      )
    return yield* Effect.promise(() => cost(open))
  })
  const layer = Session.layer({ connector: { limit: 0, gracefulShutdownTimeout: 0, keepAliveTimeout: "10 minutes" } })
  console.log(JSON.stringify({ bytes: Math.round(await Effect.runPromise(Effect.provide(program, layer))) }))
}
process.exit(0)
