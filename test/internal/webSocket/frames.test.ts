import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type FrameHandler, FrameReader } from "../../../src/internal/webSocket/frames.js"
import { perTurn } from "../../support/perTurn.js"
import * as Peer from "../../support/webSocketServer.js"

const frames = 20_000

const repeated = (bytes: Uint8Array): Buffer => Buffer.alloc(bytes.length * frames, bytes)

/** Pushes all bytes at once, and reads until the last message. */
const readAll = (bytes: Buffer, onFrame: () => void): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const handler: FrameHandler = {
      onMessage: (data) => (data.toString() === "end" ? resume(Effect.void) : onFrame()),
      onPing: onFrame,
      onPong: onFrame,
      onClose: (code) => resume(Effect.dieMessage(`closed with ${code}`)),
      onFault: (_, cause) => resume(Effect.die(cause)),
      full: () => false,
      onRoom: () => {}
    }
    const reader = new FrameReader({}, 1024, handler)
    const all = Buffer.concat([bytes, Peer.text("end")])
    assert.isFalse(reader.push(all, 0, all.length))
  })

describe("a read that is full of tiny frames", () => {
  const kinds = { text: Peer.text(""), binary: Peer.binary(new Uint8Array(0)), ping: Peer.ping(), pong: Peer.pong() }
  for (const [kind, frame] of Object.entries(kinds)) {
    it.live(`is processed over many turns: ${kind}`, () =>
      Effect.gen(function* () {
        const { all, most } = yield* perTurn((count) => readAll(repeated(frame), () => count()))
        assert.strictEqual(all, frames)
        assert.isAtMost(most, 512)
      })
    )
  }

  it.live("is processed over many turns: fragments of one message", () =>
    Effect.gen(function* () {
      const fragments = Buffer.concat([
        Peer.binary(new Uint8Array(0), false),
        repeated(Peer.continuation("", false)),
        Peer.continuation("")
      ])
      let turns = 0
      let next = setImmediate(function look() {
        turns++
        next = setImmediate(look)
      })
      let messages = 0
      yield* readAll(fragments, () => messages++)
      clearImmediate(next)
      assert.strictEqual(messages, 1)
      // All bytes were available at the start, so that no turn was spent waiting for them.
      assert.isAtLeast(turns, Math.floor(frames / 512))
    })
  )
})
