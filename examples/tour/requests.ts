/** Requests in sequence and in parallel, and the pool before, during and after. */
import { Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { fact, section, timed } from "./print.js"
import { Echo, World } from "./world.js"

const pool = (when: string) =>
  Effect.gen(function* () {
    const { connector } = yield* Session.Session
    const { acquired, connecting, idle, waiting } = yield* connector.stats
    yield* fact(`pool, ${when}`, `${acquired + connecting} in use, ${idle} idle, ${waiting} waiting`)
  })

export const requests = Effect.gen(function* () {
  yield* section("A session: requests in sequence and in parallel over one pool (limit 4)")
  const { plain } = yield* World
  const slow = Session.get(`${plain.url}/delay/40`).pipe(ClientResponse.discard)

  yield* pool("before")
  const { headers } = yield* Session.get(`${plain.url}/get`).pipe(ClientResponse.schemaJson(Echo))
  yield* fact("JSON, by a schema", `user-agent: ${headers["user-agent"]}`)

  const [, inSequence] = yield* timed(Effect.repeatN(slow, 3))
  yield* fact("4 requests of 40 ms in sequence", `${inSequence} ms`)

  const all = Effect.all(
    Array.from({ length: 8 }, () => slow),
    { concurrency: "unbounded" }
  )
  const [[, inParallel]] = yield* Effect.all([timed(all), Effect.zipRight(Effect.sleep("20 millis"), pool("during"))], {
    concurrency: 2
  })
  yield* fact("8 requests of 40 ms in parallel", `${inParallel} ms, four at a time`)
  yield* pool("after")
})
