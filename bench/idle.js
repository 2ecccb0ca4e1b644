/**
 * What an idle connection costs of heap and external memory, beside a bare socket. Usage: idle.js <bare | ours>
 */
import { connect, createServer } from "node:net"
import { Effect } from "effect"
import { ClientResponse, Session } from "../dist/bundle/index.js"

const count = 1000

// One reply for all, when all have asked, so that each has a connection of its own.
const sockets = new Set()
let asked = 0
let wanted = 0
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on("error", () => {})
  socket.on("data", () => {
    if (++asked === wanted) {
      asked = 0
      for (const each of sockets) each.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }
  })
})
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address()

const used = async () => {
  // Two turns and two collections: closures of finished requests end with the turn.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    global.gc()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** Bytes per connection of the second thousand: the first has compiled what it runs. The server's sockets cost the same in both. */
const cost = async (open) => {
  wanted = count
  await open(count)
  const before = await used()
  wanted = 2 * count
  await open(2 * count)
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
