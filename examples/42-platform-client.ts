/**
 * Recipe: code written for the HttpClient of @effect/platform runs on a session, with its cookies, proxies and limits.
 */
import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"
import { Session } from "effect-http-session"
import { degrees, Http, reasonOf } from "./recipes/platformClient.js"
import { json, serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const { url } = yield* serve(({ query }) =>
    query.get("city") === "Atlantis" ? new Promise(() => {}) : json({ degrees: 7 })
  )
  yield* Console.log("by fetch:   ", yield* degrees(url, "Oslo").pipe(Effect.provide(FetchHttpClient.layer)))

  yield* Effect.gen(function* () {
    yield* Console.log("by session: ", yield* degrees(url, "Oslo"))
    const { connector } = yield* Session.Session
    yield* Console.log("its session:", (yield* connector.stats).idle, "idle connection")
    // Options that HttpClient does not have. The `cause` is the error of the session.
    const error = yield* degrees(url, "Atlantis").pipe(
      Session.withRequestOptions({ timeout: { headers: "50 millis" } }),
      Effect.flip
    )
    yield* Console.log("fails with: ", reasonOf(error).replaceAll(/:\d+/g, ""))
  }).pipe(Effect.provide(Http))
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
