/**
 * Graceful shutdown: a request in flight finishes, waiting requests fail with a typed error, and the close completes when
 * all sockets are closed, so that the program does not need to sleep.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Deferred, Effect, Fiber, Layer, ManagedRuntime } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { type Handler, serve } from "./support/server.js"

const program = Effect.gen(function* () {
  const begun = yield* Deferred.make<void>()
  const answer = yield* Deferred.make<void>()
  const handler: Handler = async ({ path }) => {
    if (path === "/report") {
      Deferred.unsafeDone(begun, Effect.void)
      await Effect.runPromise(Deferred.await(answer))
    }
    return { body: `${path} is done` }
  }
  const server = yield* serve(handler)
  const report = Session.get(`${server.url}/report`).pipe(ClientResponse.text)
  const status = Session.get(`${server.url}/status`).pipe(ClientResponse.text)
  const told = status.pipe(
    Effect.catchTag("SessionClosedError", ({ subject }) => Effect.succeed(`refused: ${subject} closed`))
  )

  // An explicit close. With one connection, the second request waits in the queue.
  yield* Effect.gen(function* () {
    const session = yield* Session.Session
    const inFlight = yield* Effect.fork(report)
    yield* Deferred.await(begun)
    const queued = yield* Effect.fork(told)
    yield* Effect.yieldNow()
    const closing = yield* Effect.fork(session.close)
    yield* Console.log("in the queue: ", yield* Fiber.join(queued))
    yield* Console.log("a new request:", yield* told)
    yield* Deferred.succeed(answer, undefined)
    yield* Console.log("in flight:    ", yield* Fiber.join(inFlight))
    yield* Fiber.join(closing)
    const { acquired, idle } = yield* session.connector.stats
    yield* Console.log("connections:  ", acquired + idle)
  }).pipe(Effect.provide(Session.layer({ connector: { limit: 1, gracefulShutdownTimeout: "10 seconds" } })))

  // The end of a layer's Scope closes the session, under NodeRuntime.runMain also after SIGTERM and SIGINT.
  yield* Console.log("in a layer:   ", yield* status.pipe(Effect.provide(Layer.fresh(Session.layer()))))

  // The same in a program outside Effect.
  const runtime = ManagedRuntime.make(Session.layer())
  const body = yield* Effect.promise(() => runtime.runPromise(status))
  yield* Effect.promise(() => runtime.dispose())
  yield* Console.log("in a runtime: ", body)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
