/**
 * What WebSockets cost whose peer is hostile, or too fast: tells the bytes by which memory grew, for each path it is
 * given behind the server's URL.
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

/** After the collector has run, so that it is what is held, and not what waits for it. */
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

/** One message in a millisecond, at the most. */
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
      // The system's mark tells what was there between two samples.
      rss: Math.max(most.rss - before.rss, (process.resourceUsage().maxRSS - peak) * 1024)
    }
  })

const runtime = ManagedRuntime.make(Session.layer())
// The first ones compile what they run.
await runtime.runPromise(measured("warm"))
const results = await runtime.runPromise(Effect.forEach(["warm", ...paths], measured))
writeSync(1, JSON.stringify(results))
process.exit(0)
