/** The heap that a request costs while it waits for a slot: 1000 of them behind a limit of 10. */
import { createServer } from "node:net"
import { Effect, Fiber } from "effect"
import { ClientResponse, Session } from "../dist/index.js"

const waiting = 1000
const server = createServer((socket) => socket.on("error", () => {}))
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const url = `http://127.0.0.1:${server.address().port}/`

const program = Effect.gen(function* () {
  const session = yield* Session.Session
  const request = ClientResponse.text(session.get(url))
  const start = (count) => Effect.all(Array.from({ length: count }, () => Effect.fork(request)))
  const settled = (count) =>
    Effect.repeat(Effect.zipRight(Effect.sleep(20), session.connector.stats), {
      until: (stats) => stats.waiting === count
    })
  const first = yield* start(10 + waiting)
  yield* settled(waiting)
  global.gc()
  const before = process.memoryUsage().heapUsed
  const more = yield* start(waiting)
  yield* settled(2 * waiting)
  global.gc()
  const bytes = (process.memoryUsage().heapUsed - before) / waiting
  yield* Fiber.interruptAll([...first, ...more])
  return bytes
})

const bytes = await Effect.runPromise(
  Effect.provide(program, Session.layer({ connector: { limit: 10, gracefulShutdownTimeout: 0 } }))
)
console.log(JSON.stringify({ bytes: Math.round(bytes) }))
process.exit(0)
