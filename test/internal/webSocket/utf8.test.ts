import { isUtf8 } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Utf8Validator } from "../../../src/internal/webSocket/utf8.js"

/** Whether pieces of `size` bytes are accepted, and whether they end at the end of a character. */
const judge = (bytes: Buffer, size: number): { readonly taken: boolean; readonly whole: boolean } => {
  const validator = new Utf8Validator()
  for (let at = 0; at < bytes.length; at += size) {
    if (!validator.push(bytes, at, Math.min(bytes.length, at + size))) return { taken: false, whole: false }
  }
  return { taken: true, whole: validator.whole }
}

/** Bytes that can complete the last character of a text: at most three. */
const continuations: ReadonlyArray<Buffer> = [
  Buffer.alloc(0),
  ...[0x80, 0x90, 0xa0, 0xbf].flatMap((first) => [
    Buffer.of(first),
    Buffer.of(first, 0x80),
    Buffer.of(first, 0x80, 0x80)
  ])
]
const scratch = Buffer.alloc(8)
const canBecome = (bytes: Buffer): boolean => {
  bytes.copy(scratch)
  return continuations.some((more) => {
    more.copy(scratch, bytes.length)
    return isUtf8(scratch.subarray(0, bytes.length + more.length))
  })
}

describe("UTF-8 in pieces", () => {
  it("is refused at the first invalid byte: for all pairs, and for four bytes after each lead byte", () => {
    const check = (...codes: ReadonlyArray<number>): boolean => {
      const bytes = Buffer.from(codes)
      const { taken, whole } = judge(bytes, 1)
      if (taken !== canBecome(bytes) || (taken && whole) !== isUtf8(bytes)) assert.fail(bytes.toString("hex"))
      return taken
    }
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff]
    for (let first = 0; first < 256; first++) {
      // All bytes of ASCII are alike.
      if (!check(first) || (first < 0x80 && !edges.includes(first))) continue
      for (let second = 0; second < 256; second++) {
        if (!check(first, second) || first < 0xc0) continue
        for (const third of edges)
          if (check(first, second, third)) for (const fourth of edges) check(first, second, third, fourth)
      }
    }
  })

  it("has the same result in pieces of any size", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes))
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 1, max: 20 }), (pieces, size) => {
        const bytes = Buffer.concat(pieces)
        const { taken, whole } = judge(bytes, size)
        assert.strictEqual(taken && whole, isUtf8(bytes))
        assert.deepStrictEqual({ taken, whole }, judge(bytes, 1))
      }),
      { seed: 8, numRuns: 2000 }
    )
  })
})
