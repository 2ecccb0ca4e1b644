/**
 * Limiting connection pool size.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { httpbin } from "./support/httpbin.js"

/** Sends requests concurrently on a session with these limits, and counts the connections. */
const connections = (title: string, url: string, connector: Session.LayerOptions["connector"]) =>
  Effect.gen(function* () {
    yield* Effect.replicateEffect(Session.get(`${url}/get`).pipe(ClientResponse.discard), 40, {
      concurrency: "unbounded",
      discard: true
    })
    const session = yield* Session.Session
    const { idle } = yield* session.connector.stats
    yield* Console.log(`${title.padEnd(20)} 40 requests, ${idle} connections`)
  }).pipe(Effect.provide(Session.layer({ connector })))

/** A request beyond `maxQueue` fails at once; one that waits too long fails too. */
const bounded = (url: string) =>
  Session.get(`${url}/get`).pipe(
    ClientResponse.text,
    Effect.as("served"),
    Effect.catchTags({
      PoolSaturatedError: (error) => Effect.succeed(`refused, ${error.waiting} wait`),
      ConnectionTimeoutError: (error) => Effect.succeed(`gave up: ${error.timeout}`)
    }),
    (one) => Effect.replicateEffect(one, 5, { concurrency: "unbounded" }),
    Effect.flatMap((outcomes) => Console.log(outcomes.sort().join("; "))),
    Effect.provide(Session.layer({ connector: { limit: 1, maxQueue: 2 }, timeout: { poolWait: "2 seconds" } }))
  )

const program = Effect.gen(function* () {
  const { url } = yield* httpbin()
  // The default limit is 100; 0 means unlimited.
  yield* connections("limit: 10", url, { limit: 10 })
  yield* connections("limitPerHost: 3", url, { limitPerHost: 3 })
  yield* connections("limit: 0", url, { limit: 0 })
  yield* bounded(url)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
