/**
 * Recipe: a status line of a session, redrawn in place on a terminal and printed line by line elsewhere.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { withLiveLine } from "./recipes/liveLine.js"
import { httpbin } from "./support/httpbin.js"

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  const pages = Effect.forEach(
    Array.from({ length: 40 }, (_, i) => (i % 10 === 9 ? `/delay/100` : `/drip/${(i % 5) + 1}`)),
    (path) => Session.get(url + path).pipe(ClientResponse.bytes),
    { concurrency: 8 }
  )
  const large = Session.get(`${url}/bytes/${40 * 1024 * 1024}`).pipe(ClientResponse.discard)
  const work = Effect.all([pages, Effect.ignore(Session.get("http://localhost:1/").pipe(ClientResponse.text)), large], {
    concurrency: "unbounded"
  })
  const [{ length }] = yield* work.pipe(withLiveLine, Effect.provide(Session.layer()))
  yield* Console.log(`${length} pages and a large file`)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
