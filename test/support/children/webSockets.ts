/**
 * The cost of WebSockets with a hostile or very fast peer: prints the growth of memory in bytes, for each given path
 * behind the server's URL.
 */
import { writeSync } from "node:fs"
import { Cause, Effect, Exit, ManagedRuntime, Option } from "effect"
import * as Session from "../../../src/Session.js"
import type { WebSocket } from "../../../src/WebSocket.js"

const [url = "", ...paths] = process.argv.slice(2)

interface Sample {
  readonly held: number
  readonly rss: number
}

/** Measured after a run of the garbage collector. */
const sample = (): Sample => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { held: heapUsed + external, rss }
}

let most: Sample = { held: 0, rss: 0 }
const watch = Effect.sync(() => {
  const { held, rss } = sample()
  most = { held: Math.max(most.held, held), rss: Math.max(most.rss, rss) }
})

/** At most one message per millisecond. */
const slowly = (socket: WebSocket, taken = 0): Effect.Effect<string> =>
  Effect.matchEffect(socket.receive, {
    onFailure: ({ reason }) => Effect.succeed(`${taken} ${reason}`),
    onSuccess: () =>
      Effect.sleep(1).pipe(
        Effect.zipRight(taken % 128 === 0 ? watch : Effect.void),
        Effect.zipRight(Effect.suspend(() => slowly(socket, taken + 1)))
      )
  })

const outcomeOf = (socket: WebSocket, path: string): Effect.Effect<string> =>
  path === "slow"
    ? slowly(socket)
    : Effect.map(Effect.exit(socket.receive), (exit) =>
        Exit.match(exit, {
          onFailure: (cause) =>
            Option.match(Cause.failureOption(cause), { onNone: () => "died", onSome: (e) => e.reason }),
          onSuccess: (message) => message._tag
        })
      )

const measured = (path: string) =>
  Effect.gen(function* () {
    const before = sample()
    const peak = process.resourceUsage().maxRSS
    most = before
    const outcome = yield* Effect.scoped(
      Effect.gen(function* () {
        const socket = yield* Session.webSocket(`${url}${path}`, { compress: true, closeTimeout: "200 millis" })
        const ended = yield* outcomeOf(socket, path)
        yield* watch
        return ended
      })
    )
    yield* watch
    return {
      path,
      outcome,
      held: most.held - before.held,
      // The high-water mark of the system covers the time between two samples.
      rss: Math.max(most.rss - before.rss, (process.resourceUsage().maxRSS - peak) * 1024)
    }
  })

const runtime = ManagedRuntime.make(Session.layer())
// The first messages compile code.
await runtime.runPromise(measured("warm"))
const results = await runtime.runPromise(Effect.forEach(["warm", ...paths], measured))
writeSync(1, JSON.stringify(results))
process.exit(0)
