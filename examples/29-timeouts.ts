/**
 * Timeouts: a total limit, and one for each phase. The error contains the limit and the phase.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect } from "effect"
import { ClientResponse, type Errors, Session } from "effect-http-session"
import { type Handler, serve } from "./support/server.js"

const pause = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/** Starts a response and then stalls. */
async function* stalling() {
  yield Buffer.from("the beginning")
  await pause(2_000)
}

/** Sends small chunks without end. */
async function* chatting() {
  for (let count = 0; count < 100; count++) {
    yield Buffer.from("and ")
    await pause(20)
  }
}

const handler: Handler = async ({ path }) => {
  if (path === "/thinking") await pause(2_000)
  if (path === "/stalling") return { body: stalling() }
  if (path === "/chatting") return { body: chatting() }
  return { body: "quick" }
}

type Timeout = Errors.TotalTimeoutError | Errors.ConnectionTimeoutError | Errors.SocketTimeoutError

const sentence = ({ limit, phase, timeout }: Timeout) =>
  Effect.succeed(`"${timeout}" of ${Duration.format(limit)} ran out in phase ${phase}`)

const program = Effect.gen(function* () {
  const server = yield* serve(handler)
  const ask = (path: string, timeout?: Parameters<typeof Session.get>[1]) =>
    Session.get(`${server.url}${path}`, timeout).pipe(
      ClientResponse.text,
      Effect.catchTags({ TotalTimeoutError: sentence, SocketTimeoutError: sentence, ConnectionTimeoutError: sentence }),
      Effect.tap((told) => Console.log(path.padEnd(10), told))
    )

  yield* ask("/quick")
  // A plain duration is `total`, which includes the body.
  yield* ask("/chatting", { timeout: "150 millis" })
  // From the end of the request to the end of the head.
  yield* ask("/thinking", { timeout: { headers: 100 } })
  // The time between two chunks.
  yield* ask("/stalling", { timeout: { body: 100 } })
  // The only slot of the pool is in use: waiting for it has a separate limit.
  yield* Effect.raceFirst(
    ask("/thinking"),
    Effect.zipRight(Effect.sleep(50), ask("/quick", { timeout: { poolWait: 100 } }))
  )
}).pipe(
  // Limits that a request does not set come from the session.
  Effect.provide(Session.layer({ timeout: { total: "30 seconds", connect: "5 seconds" }, connector: { limit: 1 } })),
  Effect.scoped
)

NodeRuntime.runMain(program)
