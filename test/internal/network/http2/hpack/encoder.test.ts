import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { HpackDecoder } from "../../../../../src/internal/network/http2/hpack/decoder.js"
import { HpackEncoder } from "../../../../../src/internal/network/http2/hpack/encoder.js"
import { decodedByNode } from "../../../../support/nodeHpack.js"

const unlimited = { maxHeadSize: 2 ** 30, maxHeaders: 2 ** 30, maxLineSize: 2 ** 30 }
const isSensitive = (name: string) => name === "authorization" || name === "cookie" || name === "x-api-key"

const encode = (encoder: HpackEncoder, fields: ReadonlyArray<string>) => encoder.encode(fields, isSensitive)
const hex = (encoder: HpackEncoder, ...fields: ReadonlyArray<string>) => encode(encoder, fields).toString("hex")

const ascii = (text: string) => Buffer.from(text, "latin1").toString("hex")

/** Decodes as a peer does that allows tables of this size. */
const decode = (decoder: HpackDecoder, block: Buffer): ReadonlyArray<string> => {
  const { names, values } = decoder.decode(block, 0, block.length, unlimited)
  return names.flatMap((name, index) => [name, values[index]])
}

const plain = [
  ":method",
  "GET",
  ":scheme",
  "https",
  ":authority",
  "www.example.com",
  ":path",
  "/a?b=1",
  "accept",
  "*/*"
]

describe("HpackEncoder", () => {
  it("the encoder writes a field of the static table as one byte", () => {
    assert.strictEqual(hex(new HpackEncoder(), ":method", "GET", ":scheme", "https", ":path", "/"), "828784")
  })

  it("the encoder inserts fields with names of constant value at once, and refers to them afterwards", () => {
    const encoder = new HpackEncoder()
    assert.strictEqual(hex(encoder, ":authority", "www.example.com"), `410f${ascii("www.example.com")}`)
    assert.strictEqual(hex(encoder, ":authority", "www.example.com"), "be")
  })

  it("the encoder inserts another field once its value repeats", () => {
    const encoder = new HpackEncoder()
    assert.strictEqual(hex(encoder, "x-a", "1"), `0003${ascii("x-a")}01${ascii("1")}`)
    assert.strictEqual(hex(encoder, "x-a", "2"), `0003${ascii("x-a")}01${ascii("2")}`)
    assert.strictEqual(hex(encoder, "x-a", "2"), `4003${ascii("x-a")}01${ascii("2")}`)
    assert.strictEqual(hex(encoder, "x-a", "2"), "be")
    // The name alone is in the table too.
    assert.strictEqual(hex(encoder, "x-a", "3"), `0f2f01${ascii("3")}`)
  })

  it("the encoder inserts neither a path nor a validator nor a length, however often it repeats", () => {
    const encoder = new HpackEncoder()
    const fields = [":path", "/x", "content-length", "5", "if-none-match", '"a"', "range", "bytes=0-"]
    const { revision } = encoder
    const blocks = [1, 2, 3].map(() => hex(encoder, ...fields))
    assert.strictEqual(new Set(blocks).size, 1)
    assert.strictEqual(encoder.revision, revision)
  })

  it("the encoder writes sensitive fields as never indexed, with and without an index for the name", () => {
    const encoder = new HpackEncoder()
    const fields = ["authorization", "Bearer x", "cookie", "a=b", "x-api-key", "k"]
    const expected = `1f0808${ascii("Bearer x")}1f1103${ascii("a=b")}1009${ascii("x-api-key")}01${ascii("k")}`
    const { revision } = encoder
    for (let round = 0; round < 3; round++) assert.strictEqual(hex(encoder, ...fields), expected)
    assert.strictEqual(encoder.revision, revision)
    const block = encode(encoder, fields)
    assert.deepStrictEqual(new HpackDecoder().decode(block, 0, block.length, unlimited).neverIndexed, [0, 1, 2])
  })

  it("the encoder writes texts without Huffman coding", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))
    const block = encode(new HpackEncoder(), ["x", all])
    assert.isTrue(block.includes(Buffer.from(all, "latin1")))
    assert.deepStrictEqual(decode(new HpackDecoder(), block), ["x", all])
  })

  it("the block of repeated fields and the revision stay the same from the second time on", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    assert.deepStrictEqual(decode(decoder, encode(encoder, plain)), plain)
    const revision = encoder.revision
    const kept = encode(encoder, plain)
    assert.strictEqual(encoder.revision, revision)
    for (let round = 0; round < 3; round++) assert.deepStrictEqual(decode(decoder, kept), plain)
    assert.deepStrictEqual(encode(encoder, plain), kept)
  })

  it("an insertion, a change of the table's size and its update each change the revision", () => {
    const encoder = new HpackEncoder()
    const seen = [encoder.revision]
    const changed = (change: () => void) => {
      change()
      assert.notInclude(seen, encoder.revision)
      seen.push(encoder.revision)
    }
    changed(() => encode(encoder, plain))
    changed(() => encoder.setMaxTableSize(1000))
    changed(() => encode(encoder, plain))
    encode(encoder, plain)
    assert.strictEqual(encoder.revision, seen.at(-1))
    encoder.setMaxTableSize(1000)
    assert.strictEqual(encoder.revision, seen.at(-1))
  })

  it("two encoders never have the same revision, so a block of one is not sent for the other", () => {
    const [one, other] = [new HpackEncoder(), new HpackEncoder()]
    const seen = new Set<number>()
    for (const encoder of [one, other, one, other]) {
      encode(encoder, plain)
      seen.add(encoder.revision)
    }
    assert.strictEqual(seen.size, 2)
    assert.notStrictEqual(new HpackEncoder().revision, new HpackEncoder().revision)
  })

  it("a full table does not change, and further fields are literals", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    for (let round = 0; round < 200; round++) {
      const fields = [":authority", `host-${round}.example`, "accept", "x".repeat(round)]
      assert.deepStrictEqual(decode(decoder, encode(encoder, fields)), fields)
    }
    const revision = encoder.revision
    const literal = encode(encoder, [":authority", "one-more.example"])
    assert.strictEqual(literal[0], 0x01)
    // The first entry is still there.
    assert.strictEqual(encode(encoder, [":authority", "host-0.example"]).length, 1 + 1)
    assert.strictEqual(encoder.revision, revision)
  })

  it("fields that repeat take at most half of the table", () => {
    const encoder = new HpackEncoder()
    for (let round = 0; round < 200; round++) for (const _ of [1, 2]) encode(encoder, ["x-id", `${round}`.padStart(60)])
    const revision = encoder.revision
    encode(encoder, ["user-agent", "u".repeat(1900)])
    assert.isAbove(encoder.revision, revision)
  })

  it("more names than are remembered are written as literals", () => {
    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const fields = Array.from({ length: 400 }, (_, index) => [`x-${index}`, "1"]).flat()
    for (let round = 0; round < 3; round++) assert.deepStrictEqual(decode(decoder, encode(encoder, fields)), fields)
  })

  describe("the size of the table", () => {
    it("the encoder writes an update to a smaller size once, at the start of the next block", () => {
      const encoder = new HpackEncoder()
      encoder.setMaxTableSize(100)
      assert.strictEqual(hex(encoder, ":method", "GET"), "3f4582")
      assert.strictEqual(hex(encoder, ":method", "GET"), "82")
    })

    it("the encoder uses at most 4096 bytes, and writes no update to a larger size", () => {
      for (const size of [4096, 4097, 2 ** 32 - 1]) {
        const encoder = new HpackEncoder()
        encoder.setMaxTableSize(size)
        assert.strictEqual(hex(encoder, ":method", "GET"), "82")
      }
    })

    it("the encoder writes updates to the smallest and then to the last size if they differ", () => {
      const encoder = new HpackEncoder()
      encode(encoder, plain)
      for (const size of [500, 0, 200]) encoder.setMaxTableSize(size)
      assert.strictEqual(hex(encoder, ":authority", "www.example.com"), `203fa901410f${ascii("www.example.com")}`)
    })

    it("a table of 0 bytes is never used", () => {
      const encoder = new HpackEncoder()
      encode(encoder, plain)
      encoder.setMaxTableSize(0)
      const first = encode(encoder, plain)
      assert.strictEqual(first[0], 0x20)
      const second = encode(encoder, plain)
      assert.deepStrictEqual(first.subarray(1), second)
      assert.deepStrictEqual(decode(new HpackDecoder(0), second), plain)
    })

    it("after a smaller size the oldest entries are not referred to and the newest are", () => {
      const encoder = new HpackEncoder()
      encode(encoder, [":authority", "a", "accept", "b"])
      encoder.setMaxTableSize(45)
      const decoder = new HpackDecoder()
      decode(decoder, encode(new HpackEncoder(), [":authority", "a", "accept", "b"]))
      const block = encode(encoder, ["accept", "b", ":authority", "a"])
      assert.strictEqual(block.toString("hex"), `3f0ebe0101${ascii("a")}`)
      assert.deepStrictEqual(decode(decoder, block), ["accept", "b", ":authority", "a"])
    })
  })

  describe("other decoders", () => {
    const seed = 20261129
    const name = fc.constantFrom(
      "accept",
      "user-agent",
      "x-a",
      "x-b",
      "authorization",
      "x-api-key",
      "if-none-match",
      "x-c"
    )
    const value = fc.oneof(
      fc.constantFrom("1", "2", "", "gzip, deflate", "x".repeat(127), "y".repeat(2000)),
      fc.string({ unit: fc.constantFrom(..."abc \t~!"), maxLength: 200 }).map((text) => text.trim())
    )
    const extra = fc.array(fc.tuple(name, value), { maxLength: 6 }).map((list) => list.flat())
    const request = fc
      .tuple(fc.constantFrom("GET", "POST", "PUT"), fc.constantFrom("/", "/a", "/b?c"), extra)
      .map(([method, path, fields]) => [
        ":method",
        method,
        ":scheme",
        "http",
        ":authority",
        "h.example",
        ":path",
        path,
        ...fields
      ])
    const requests = fc.array(request, { minLength: 300, maxLength: 300 })

    it("random lists are decoded unchanged with tables of any size", () => {
      const size = fc.option(fc.constantFrom(0, 40, 100, 1000, 4096, 65_536), { nil: undefined })
      fc.assert(
        fc.property(fc.array(fc.tuple(size, request), { maxLength: 40 }), (steps) => {
          const encoder = new HpackEncoder()
          const decoder = new HpackDecoder()
          let kept:
            | { readonly block: Buffer; readonly revision: number; readonly fields: ReadonlyArray<string> }
            | undefined
          for (const [maxSize, fields] of steps) {
            if (maxSize !== undefined) encoder.setMaxTableSize(maxSize)
            if (kept !== undefined && kept.revision === encoder.revision) {
              assert.deepStrictEqual(decode(decoder, kept.block), kept.fields)
            }
            const before = encoder.revision
            const block = encode(encoder, fields)
            assert.deepStrictEqual(decode(decoder, block), fields)
            if (encoder.revision === before) kept = { block, revision: before, fields }
          }
        }),
        { seed, numRuns: 300 }
      )
    })

    it.live("Node's decoder reads 300 random requests on one connection unchanged", () =>
      Effect.gen(function* () {
        const [lists] = fc.sample(requests, { seed, numRuns: 1 })
        const encoder = new HpackEncoder()
        const blocks = (lists ?? []).map((fields) => encode(encoder, fields))
        assert.deepStrictEqual(yield* decodedByNode(blocks), lists ?? [])
      })
    )

    it.live("Node's decoder follows changes of the table's size", () =>
      Effect.gen(function* () {
        const [lists = []] = fc.sample(requests, { seed, numRuns: 1 })
        for (const last of [0, 100, 4096]) {
          const encoder = new HpackEncoder()
          // The server has acknowledged `last`; the smaller size may have been its setting in between.
          for (const size of [60, last]) encoder.setMaxTableSize(size)
          const blocks = lists.map((fields) => encode(encoder, fields))
          assert.deepStrictEqual(yield* decodedByNode(blocks, last), lists, `${last} bytes`)
        }
      })
    )

    it.live("Node's decoder reads fields of 40 KiB and lengths encoded in any number of bytes", () =>
      Effect.gen(function* () {
        const lists = [1, 126, 127, 128, 254, 255, 256, 16_509, 16_510, 16_511, 40_000].map((size) => [
          ...plain.slice(0, 8),
          "x-long",
          "v".repeat(size)
        ])
        const encoder = new HpackEncoder()
        assert.deepStrictEqual(yield* decodedByNode(lists.map((fields) => encode(encoder, fields))), lists)
      })
    )
  })
})
