/** Processes with one connection, which speaks HTTP/2. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "../../support/child.js"
import { Code, rstStream, settings } from "../../support/h2Frames.js"
import { answers, h2Always, handshake } from "../../support/h2Server.js"
import { echoed } from "../../support/itH2Fault.js"

describe("a process", () => {
  it.scopedLive(
    "exits by itself once its connection is idle",
    () =>
      Effect.gen(function* () {
        const at = yield* h2Always(answers(echoed))
        const running = yield* program("http2", [`${at.url}/a`])
        const [text, lasted] = (yield* running.ended).split("\n")
        assert.deepStrictEqual([running.process.exitCode, text], [0, "/a"])
        // An idle connection is kept for 15 seconds.
        assert.isBelow(Number(lasted), 5000)
      }),
    60_000
  )

  it.scopedLive(
    "stays alive while its request waits for a stream",
    () =>
      Effect.gen(function* () {
        const at = yield* h2Always((peer) =>
          Effect.gen(function* () {
            yield* handshake({ MAX_CONCURRENT_STREAMS: 0 })(peer)
            const { stream } = yield* peer.head
            yield* peer.send(rstStream(stream, Code.REFUSED_STREAM))
            yield* Effect.sleep("1 second")
            yield* peer.send(settings({ MAX_CONCURRENT_STREAMS: 1 }))
            return yield* Effect.forever(Effect.flatMap(peer.request, (request) => peer.send(echoed(request))))
          })
        )
        const running = yield* program("http2", [`${at.url}/a`])
        const [text] = (yield* running.ended).split("\n")
        assert.deepStrictEqual([running.process.exitCode, text], [0, "/a"])
        assert.strictEqual(yield* at.accepted, 1)
      }),
    60_000
  )
})
