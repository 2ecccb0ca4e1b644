/**
 * Collected bytes: equal to the input, in separate memory, and never much larger than the input.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ByteBuilder } from "../../src/internal/byteBuilder.js"

const mebi = 1024 * 1024

/** Lengths of pieces: single bytes, segments, slabs. */
const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.nat(3000), fc.nat(140_000)), { maxLength: 30 })

/** Lengths that a peer may announce: the true one, a smaller one, a larger one, none. */
const claims = fc.constantFrom("true", "less", "more", "huge", "none")

const claimed = (claim: string, size: number): number | undefined =>
  ({ true: size, less: size >> 1, more: size * 2 + 1, huge: 2 ** 40 })[claim]

describe("ByteBuilder", () => {
  it("returns its input with every expected length", () => {
    fc.assert(
      fc.property(lengths, claims, fc.boolean(), (all, claim, asBlocks) => {
        const size = all.reduce((sum, length) => sum + length, 0)
        const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 31) & 255))
        const slab = Buffer.alloc(200_000)
        const gather = new ByteBuilder(claimed(claim, size))
        let from = 0
        for (const length of all) {
          bytes.copy(slab, 7, from, from + length)
          gather.append(slab, 7, 7 + length)
          from += length
          slab.fill(0xee)
        }
        assert.strictEqual(gather.size, size)
        const whole = asBlocks ? Buffer.concat(gather.blocks()) : gather.bytes()
        assert.isTrue(bytes.equals(whole))
        if (!asBlocks) assert.strictEqual(whole.buffer.byteLength, size)
        assert.deepStrictEqual(gather.blocks(), [])
      }),
      { seed: 20261123, numRuns: 100 }
    )
  })

  it("stores a body of a known length without a second copy", () => {
    const gather = new ByteBuilder(100_000)
    gather.append(new Uint8Array(60_000).fill(1), 0, 60_000)
    const [before] = gather.blocks()
    assert.strictEqual(before?.buffer.byteLength, 100_000)
  })

  it("allocates little for a length that is only announced", () => {
    const gather = new ByteBuilder(64 * mebi)
    gather.append(new Uint8Array(1000), 0, 1000)
    assert.isBelow(gather.blocks()[0]?.buffer.byteLength ?? 0, mebi)
    const further = new ByteBuilder(64 * mebi)
    for (let at = 0; at < 4; at++) further.append(new Uint8Array(100_000), 0, 100_000)
    const held = further.blocks().reduce((sum, block) => sum + block.buffer.byteLength, 0)
    assert.isBelow(held, mebi)
  })

  it("allocates at most 64 MiB more than the received bytes for any announced length", () => {
    // After 16 MiB the rest is eight times the received bytes, for which one block would be allocated if it were smaller.
    const gather = new ByteBuilder(144 * mebi)
    const piece = new Uint8Array(mebi)
    for (let at = 0; at < 17; at++) gather.append(piece, 0, mebi)
    const held = gather.blocks().reduce((sum, block) => sum + block.buffer.byteLength, 0)
    assert.isAtMost(held, (17 + 64) * mebi)
  })
})
