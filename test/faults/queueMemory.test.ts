/**
 * The memory of a request that waits for a slot.
 */
import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Session from "effect-http-session/Session"
import * as Server from "../support/server.js"
import { untilValue } from "../support/wait.js"

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

const heap = Effect.promise(async () => {
  await setImmediate()
  gc()
  gc()
  return process.memoryUsage().heapUsed
})

const count = 1000

describe("a request in the queue", () => {
  it.scopedLive("needs less than 4 KiB of heap beside its fiber, with 1000 requests behind a limit of 10", () =>
    Effect.gen(function* () {
      const at = yield* Server.always(Server.stall)
      const session = yield* Session.Session
      const start = (effect: Effect.Effect<unknown, unknown>, times: number) =>
        Effect.forEach(Array.from({ length: times }), () => Effect.fork(effect))
      const queued = (waiting: number) => untilValue(session.connector.stats, (stats) => stats.waiting === waiting)

      /** Bytes per request, without the code that the first requests compile. */
      const cost = (effect: Effect.Effect<unknown, unknown>, settled: (times: number) => Effect.Effect<unknown>) =>
        Effect.gen(function* () {
          const first = yield* start(effect, count + 10)
          yield* settled(count)
          const before = yield* heap
          const second = yield* start(effect, count)
          yield* settled(2 * count)
          const after = yield* heap
          yield* Fiber.interruptAll([...first, ...second])
          return (after - before) / count
        })

      const fiber = yield* cost(
        Effect.async<void>(() => Effect.void),
        () => Effect.void
      )
      const each = yield* cost(session.get(at.url).pipe(ClientResponse.text), queued)
      assert.isAbove(fiber, 0)
      assert.isBelow(each - fiber, 4 * 1024)
    }).pipe(Effect.provide(Session.layer({ connector: { limit: 10, gracefulShutdownTimeout: 0 } })))
  )
})
