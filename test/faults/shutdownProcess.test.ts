/**
 * The end of a process that has requests in every phase, or idle connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { standard } from "../support/certificates.js"
import { program } from "../support/child.js"
import { blackHole } from "../support/listeners.js"
import * as Server from "../support/server.js"
import { until } from "../support/stages.js"

describe.concurrent("SIGTERM", () => {
  for (const mode of ["runMain", "dispose"]) {
    it.scopedLive(
      `ends 130 requests in every phase with typed errors and lets the process exit: ${mode}`,
      () =>
        Effect.gen(function* () {
          const { good } = yield* standard()
          const play: Server.Play = (peer) =>
            Effect.flatMap(peer.head, ({ target }) =>
              Effect.zipRight(
                target === "/body" ? peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") : Effect.void,
                Server.stall(peer)
              )
            )
          const plain = yield* Server.always(play)
          const secure = yield* Server.always(play, { tls: good })
          const silent = yield* blackHole()
          const args = [mode, plain.url, secure.url, `http://127.0.0.1:${silent.port}/`]
          let exited: readonly [code: number | null, signal: string | null] = [null, null]
          const [written, millis] = yield* Effect.scoped(
            Effect.gen(function* () {
              const running = yield* program("shutdown", args)
              running.process.once("exit", (code, signal) => {
                exited = [code, signal]
              })
              yield* until(() => [plain, secure].flatMap(({ requests }) => Effect.runSync(requests)).length === 80)
              const signalled = yield* Effect.sync(() => {
                running.process.kill("SIGTERM")
                return performance.now()
              })
              return [yield* running.ended, performance.now() - signalled] as const
            })
          )
          assert.deepStrictEqual(JSON.parse(written), { ended: { "SessionClosedError Session": 130 }, left: {} })
          assert.isAtLeast(millis, 500)
          // 128 plus the number of the signal, or the exit code of Effect for an interruption, but never the signal itself.
          assert.include(mode === "runMain" ? [0, 130, 143] : [0], exited[0])
          assert.isNull(exited[1])
        }),
      60_000
    )
  }
})

describe("a process with idle connections", () => {
  it.scopedLive(
    "exits by itself",
    () =>
      Effect.gen(function* () {
        const at = yield* Server.always(Server.answers(() => Server.response(200, "ok")))
        const running = yield* program("idle", [at.url])
        const [text, lasted] = (yield* running.ended).split("\n")
        assert.deepStrictEqual([running.process.exitCode, text], [0, "ok idle=1"])
        // An idle connection is kept for 15 seconds.
        assert.isBelow(Number(lasted), 1000)
      }),
    60_000
  )
})
