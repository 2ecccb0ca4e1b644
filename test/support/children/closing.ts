/**
 * A program that closes its session over many requests in flight, several times: prints for each time how long the
 * close took, in milliseconds, how many requests it ended, and which resources remained. Then it exits by itself.
 */
import { writeSync } from "node:fs"
import { Effect, Exit, Fiber, Layer } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Connector from "../../../src/Connector.js"
import * as CookieJar from "../../../src/CookieJar.js"
import { isClientError } from "../../../src/Errors.js"
import * as Session from "../../../src/Session.js"
import { timed } from "../time.js"

const [url = "", inFlight = "", rounds = "", grace = ""] = process.argv.slice(2)
const many = Number(inFlight)

const byClose = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause._tag === "Fail" &&
  isClientError(exit.cause.error) &&
  exit.cause.error._tag === "SessionClosedError"

const round = Effect.gen(function* () {
  const connector = yield* Connector.Connector
  const session = yield* Session.Session
  const fibers = yield* Effect.forEach(Array.from({ length: many }), () =>
    Effect.forkDaemon(ClientResponse.text(session.get(url)))
  )
  yield* Effect.repeat(Effect.sleep(10), {
    while: () => Effect.map(connector.stats, ({ acquired, connecting }) => acquired < many || connecting > 0)
  })
  const { active, millis } = yield* timed(Effect.zipRight(session.close, connector.close))
  const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length
  const ended = (yield* Effect.forEach(fibers, Fiber.await)).filter(byClose).length
  return { millis, active, ended, sockets }
}).pipe(
  Effect.provide(
    Session.layerWithoutDependencies({ timeout: Infinity }).pipe(
      Layer.provideMerge(Connector.layerTcp({ limit: 0, gracefulShutdownTimeout: Number(grace) })),
      Layer.provide(CookieJar.layer())
    )
  )
)

const results = await Effect.runPromise(Effect.replicateEffect(round, Number(rounds)))
writeSync(1, JSON.stringify(results))
