import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { constants, deflateRawSync, type InflateRaw } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeDeflate } from "../../../src/internal/webSocket/handshake.js"
import { until } from "../../support/stages.js"

const mebi = 1024 * 1024

/** A message that inflates in pieces of 16 KiB, one per turn. */
const coded = deflateRawSync(Buffer.alloc(16 * mebi), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)

const make = () => {
  const deflate = makeDeflate({}, Number.POSITIVE_INFINITY)
  deflate.accept([{}])
  return deflate
}

describe("permessage-deflate that is cleaned up", () => {
  it.live("while it inflates makes no further callback and inflates one more piece at most", () =>
    Effect.gen(function* () {
      const deflate = make()
      let called = 0
      let pieces = 0
      deflate.decompress(coded, true, () => called++)
      // The stream belongs to zlib.
      const inflater = deflate._inflate as InflateRaw
      yield* Effect.promise(() => once(inflater, "data"))
      inflater.on("data", () => pieces++)
      deflate.cleanup()
      deflate.cleanup()
      yield* until(() => deflate._inflate === null)
      assert.isAtMost(pieces, 1)
      assert.strictEqual(called, 0)
    })
  )

  it.live("while it deflates makes no further callback", () =>
    Effect.gen(function* () {
      const deflate = make()
      let called = 0
      deflate.compress(randomBytes(4 * mebi), true, () => called++)
      deflate.cleanup()
      const other = make()
      yield* Effect.async<void>((resume) => other.compress(randomBytes(4 * mebi), true, () => resume(Effect.void)))
      other.cleanup()
      assert.strictEqual(called, 0)
    })
  )

  it.live("releases its place among the jobs of zlib, also if its job was waiting for a place", () =>
    Effect.gen(function* () {
      // More jobs than zlib may have at a time.
      const all = Array.from({ length: 24 }, make)
      let called = 0
      for (const each of all) {
        each.decompress(coded, true, () => called++)
        each.compress(randomBytes(mebi), true, () => called++)
      }
      for (const each of all) each.cleanup()
      const last = make()
      const inflated = yield* Effect.async<number>((resume) => {
        last.decompress(coded, true, (error, bytes) =>
          resume(Effect.succeed(error === null ? (bytes?.length ?? 0) : -1))
        )
      })
      assert.strictEqual(inflated, 16 * mebi)
      assert.strictEqual(called, 0)
      last.cleanup()
    })
  )

  it("does not accept further jobs", () => {
    const deflate = make()
    deflate.cleanup()
    deflate.decompress(coded, true, () => assert.fail("it was called"))
    deflate.compress("text", true, () => assert.fail("it was called"))
    assert.isNull(deflate._inflate)
  })
})
