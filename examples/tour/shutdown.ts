/** A session that closes while a request is in flight. */
import { Effect, Fiber } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { fact, section, timed, turn } from "./print.js"
import { World } from "./world.js"

export const shutdown = Effect.gen(function* () {
  yield* section("Graceful shutdown: nothing to sleep for")
  const { plain } = yield* World
  const session = yield* Session.Session
  const flying = yield* Effect.fork(session.get(`${plain.url}/delay/100`).pipe(ClientResponse.discard))
  yield* Effect.sleep("20 millis")
  yield* fact("server's connections before", yield* plain.connections)

  const [, took] = yield* timed(session.close)
  const { status } = yield* Fiber.join(flying)
  yield* fact("closed", `in ${took} ms; the request in flight got its ${status}`)

  yield* session.get(`${plain.url}/get`).pipe(
    ClientResponse.discard,
    Effect.catchTag("SessionClosedError", (error) => fact(error._tag, "a request after the end"))
  )
  const { acquired, idle } = yield* session.connector.stats
  // The server notices in later turns of the event loop.
  const left = yield* Effect.repeat(Effect.zipRight(turn, plain.connections), {
    until: (count) => count === 0,
    times: 1000
  })
  yield* fact("server's connections after", left)
  yield* fact("pool", `${acquired} in use, ${idle} idle`)
})
