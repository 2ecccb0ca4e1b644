/**
 * Measures the heap of a request that waits for a slot, with 1000 requests waiting behind a limit of 10, and the heap
 * of a fiber alone.
 */
import { createServer } from "node:net"
import { Effect, Fiber } from "effect"
import { ClientResponse, Session } from "../dist/bundle/index.js"

const waiting = 1000
const server = createServer((socket) => socket.on("error", () => {}))
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const url = `http://127.0.0.1:${server.address().port}/`

const heap = Effect.sync(() => {
  global.gc()
  return process.memoryUsage().heapUsed
})

const program = Effect.gen(function* () {
  const session = yield* Session.Session
  /** Bytes of each of the second thousand. During the first, V8 compiles the functions. */
  const cost = (effect, settled) =>
    Effect.gen(function* () {
      const start = (count) => Effect.all(Array.from({ length: count }, () => Effect.fork(effect)))
      const first = yield* start(10 + waiting)
      yield* settled(waiting)
      const before = yield* heap
      const second = yield* start(waiting)
      yield* settled(2 * waiting)
      const bytes = ((yield* heap) - before) / waiting
      yield* Fiber.interruptAll([...first, ...second])
      return Math.round(bytes)
    })
  const queued = (count) =>
    Effect.repeat(Effect.zipRight(Effect.sleep(20), session.connector.stats), {
      until: (stats) => stats.waiting === count
    })
  const fiber = yield* cost(
    Effect.async(() => Effect.void),
    () => Effect.sleep(20)
  )
  return { bytes: yield* cost(ClientResponse.text(session.get(url)), queued), fiber }
})

console.log(
  JSON.stringify(
    await Effect.runPromise(
      Effect.provide(program, Session.layer({ connector: { limit: 10, gracefulShutdownTimeout: 0 } }))
    )
  )
)
process.exit(0)
