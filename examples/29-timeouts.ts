/**
 * Timeouts: one limit for everything, and one for each phase. The error says which it was, and what was going on.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect } from "effect"
import { ClientResponse, type Errors, Session } from "effect-http-session"
import { type Handler, serve } from "./support/server.js"

const pause = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/** Begins, and never goes on. */
async function* stalling() {
  yield Buffer.from("the beginning")
  await pause(2_000)
}

/** Always has a little more to say. */
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
  // One duration is `total`; it holds to the end of the body.
  yield* ask("/chatting", { timeout: "150 millis" })
  // From the end of the request to the end of the head.
  yield* ask("/thinking", { timeout: { headers: 100 } })
  // Between two chunks: as long as something comes it does not run out.
  yield* ask("/stalling", { timeout: { body: 100 } })
  // The slot of the pool is taken: waiting for it has a limit of its own.
  yield* Effect.raceFirst(
    ask("/thinking"),
    Effect.zipRight(Effect.sleep(50), ask("/quick", { timeout: { poolWait: 100 } }))
  )
}).pipe(
  // What a request does not say is the session's.
  Effect.provide(Session.layer({ timeout: { total: "30 seconds", connect: "5 seconds" }, connector: { limit: 1 } })),
  Effect.scoped
)

NodeRuntime.runMain(program)
