/**
 * Testing without a network: a mock, expectations, a fault, and the TestClock.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Fiber, Layer, TestClock, TestContext } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Testing } from "effect-http-session"

/** The code under test. */
const program = Session.get("https://api.example/users/1", { timeout: "5 seconds" }).pipe(ClientResponse.json)

const over = (handler: Connector.MockHandler) =>
  Session.layerWithoutDependencies().pipe(
    Layer.provide(CookieJar.layer()),
    Layer.provideMerge(Connector.layerMock(handler))
  )

const answered = Effect.gen(function* () {
  yield* Console.log("answered:", yield* program)
  const { all } = yield* Connector.MockCalls
  for (const { request, status } of yield* all) yield* Console.log(" ", request.method, request.url, status)
}).pipe(
  Effect.provide(
    over((request) =>
      request.url.endsWith("/users/1")
        ? new Response(null, { status: 302, headers: { location: "/people/1" } })
        : Response.json({ id: 1 })
    )
  )
)

const expected = Effect.gen(function* () {
  const { handler, verify } = yield* Testing.expectations([
    { method: "GET", url: /users\/1$/, respond: Response.json({ id: 1 }) },
    { method: "DELETE", url: "https://api.example/users/1", respond: new Response(null, { status: 204 }) }
  ])
  yield* Effect.provide(program, over(handler))
  const { message } = yield* Effect.flip(verify)
  yield* Console.log(`expected: ${message}`)
})

const refused = program.pipe(
  Effect.catchTag("ClientConnectorError", (error) => Console.log(`refused: ${error.code}`)),
  Effect.provide(over(() => Testing.faults.refused))
)

const stalled = Effect.gen(function* () {
  const fiber = yield* Effect.fork(Effect.flip(program))
  yield* TestClock.adjust("5 seconds")
  const error = yield* Fiber.join(fiber)
  yield* Console.log(`stalled: ${error._tag}`)
}).pipe(Effect.provide(over(() => Testing.faults.stall)), Effect.provide(TestContext.TestContext))

NodeRuntime.runMain(Effect.all([answered, expected, refused, stalled], { discard: true }))
