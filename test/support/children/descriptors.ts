/**
 * More concurrent requests than the process may have file descriptors; prints how they end, and how later ones do. The
 * server answers "/held" when the program says that no more will come.
 */
import { writeSync } from "node:fs"
import { Effect, Fiber, Option } from "effect"
import * as ClientResponse from "../../../src/ClientResponse.js"
import * as Connector from "../../../src/Connector.js"
import * as CookieJar from "../../../src/CookieJar.js"
import type { ClientError } from "../../../src/Errors.js"
import * as Session from "../../../src/Session.js"

const base = process.argv[2] ?? ""
const secure = process.argv[3] ?? ""

const tagAndCode = (error: ClientError): string => ("code" in error ? `${error._tag} ${error.code}` : error._tag)

const program = Effect.gen(function* () {
  const connector = yield* Connector.tcp({ limit: 0, ssl: false })
  const session = yield* Session.make({ timeout: "20 seconds" }).pipe(
    Effect.provideService(Connector.Connector, connector),
    Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
  )
  const outcome = (url: string) =>
    Effect.match(session.get(url).pipe(ClientResponse.text), { onFailure: tagAndCode, onSuccess: (text) => text })
  let failed = 0
  const held = yield* Effect.forEach(Array.from({ length: 400 }), (_, index) =>
    Effect.fork(
      Effect.tap(outcome(`${index % 2 === 0 ? base : secure}/held`), (text) =>
        Effect.sync(() => {
          if (text !== "answered") failed++
        })
      )
    )
  )
  // A descriptor may be free again, so that the program sends requests until one fails.
  const lastOnes = Effect.gen(function* () {
    for (;;) {
      const { acquired } = yield* connector.stats
      const fiber = yield* Effect.fork(outcome(`${base}/held`))
      const exit = yield* Effect.repeat(
        Effect.zipRight(Effect.sleep(5), Effect.zip(Fiber.poll(fiber), connector.stats)),
        { until: ([ended, stats]) => Option.isSome(ended) || (stats.connecting === 0 && stats.acquired > acquired) }
      )
      if (Option.isSome(exit[0])) return yield* exit[0].value
      held.push(fiber)
    }
  })
  // Requests that have not failed have a connection, and get a response.
  yield* Effect.repeat(Effect.zipRight(Effect.sleep(5), connector.stats), {
    until: ({ acquired, connecting }) => connecting === 0 && failed > 0 && acquired + failed === 400
  })
  const while_ = yield* lastOnes
  const named = yield* outcome(`${base.replace("127.0.0.1", "localhost")}/more`)
  writeSync(1, "full\n")
  const outcomes = yield* Effect.forEach(held, Fiber.join)
  yield* connector.closeIdle
  const after = [yield* outcome(`${base}/more`), yield* outcome(`${secure}/more`)]
  const stats = yield* connector.stats
  return {
    answered: outcomes.filter((text) => text === "answered").length,
    others: [...new Set(outcomes.filter((text) => text !== "answered"))].sort(),
    while: while_,
    named,
    after,
    left: stats.acquired + stats.connecting + stats.waiting
  }
})

writeSync(1, `${JSON.stringify(await Effect.runPromise(Effect.scoped(program)))}\n`)
