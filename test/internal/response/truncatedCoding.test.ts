/**
 * Compressed bodies that are complete by their framing but lack a trailer or a final block: delivered where the coded data
 * stops after all it holds, refused where it stops inside a block, and refused altogether where nothing proves the end.
 */
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { complete, failureOf, type Given, make, readings } from "./support.js"

const words = "The quick brown fox jumps over the lazy dog. ".repeat(50)
const noise = Array.from({ length: 120 }, (_, index) => `${(index * 7919) % 1009} `).join("")
const large = Buffer.from(Array.from({ length: 60_000 }, (_, index) => `${index * 7919}`).join(","))

const flush = { finishFlush: Zlib.constants.Z_SYNC_FLUSH }
const fullFlush = { finishFlush: Zlib.constants.Z_FULL_FLUSH }

const given = (coding: string, more: Given = {}): Given => ({ headers: [["Content-Encoding", coding]], ...more })

interface Row {
  readonly name: string
  readonly coding: string
  readonly body: Uint8Array
  readonly expected: string | Uint8Array
}

const less = (bytes: Uint8Array, count: number) => bytes.subarray(0, bytes.length - count)

const formats = [
  ["gzip", "gzip", Zlib.gzipSync, 8],
  ["zlib", "deflate", Zlib.deflateSync, 4],
  ["raw deflate", "deflate", Zlib.deflateRawSync, 0]
] as const

const truncated: ReadonlyArray<Row> = [
  ...formats.flatMap(([format, coding, encode, trailer]) => {
    const rows: Array<Row> = []
    const contents = [
      ["no text", ""],
      ["one character", "a"],
      ["words", words],
      ["noise", noise],
      ["a large text", large]
    ] as const
    for (const [what, expected] of contents) {
      rows.push({ name: `${format} of ${what}, sync flush`, coding, body: encode(expected, flush), expected })
      rows.push({ name: `${format} of ${what}, full flush`, coding, body: encode(expected, fullFlush), expected })
      for (let count = 1; count <= trailer; count++) {
        const name = `${format} of ${what} without the last ${count} bytes of its trailer`
        if (what !== "a large text" || count === trailer)
          rows.push({ name, coding, body: less(encode(expected), count), expected })
      }
    }
    return rows
  }),
  {
    name: "gzip whose second member lacks its trailer",
    coding: "gzip",
    body: Buffer.concat([Zlib.gzipSync("one "), less(Zlib.gzipSync("two"), 8)]),
    expected: "one two"
  },
  {
    name: "flushed gzip within a whole gzip",
    coding: "gzip, gzip",
    body: Zlib.gzipSync(Zlib.gzipSync(words, flush)),
    expected: words
  },
  {
    name: "flushed gzip within a flushed deflate",
    coding: "gzip, deflate",
    body: Zlib.deflateSync(Zlib.gzipSync(large, flush), flush),
    expected: large
  },
  {
    name: "gzip without a trailer within br",
    coding: "gzip, br",
    body: Zlib.brotliCompressSync(less(Zlib.gzipSync(words), 8)),
    expected: words
  }
]

const sizes = (body: Uint8Array) => (body.length > 5000 ? [70_000, 997] : [1, 100])

describe("a coded body that lacks its trailer or final block", () => {
  for (const { body, coding, expected, name } of truncated) {
    it.live(`is delivered if its framing is complete: ${name}`, () =>
      Effect.gen(function* () {
        for (const size of sizes(body)) {
          for (const exit of yield* readings(body, given(coding), size)) {
            assert.strictEqual(failureOf(exit), "none")
            if (Exit.isSuccess(exit)) assert.isTrue(Buffer.from(exit.value).equals(Buffer.from(expected)))
          }
        }
        const response = complete(body, given(coding))
        yield* response.bytes
        assert.deepStrictEqual(response.deviations, ["TruncatedCoding"])
      })
    )

    it.live(`is rejected if its end is not certain, or in strict mode: ${name}`, () =>
      Effect.gen(function* () {
        for (const size of sizes(body)) {
          const exits = yield* readings(body, given(coding, { toleratesTruncatedCoding: false }), size)
          assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
        }
      })
    )
  }

  for (const [format, coding, encode, trailer] of formats) {
    for (const [what, content] of [
      ["words", words],
      ["noise", noise],
      ["one character", "a"]
    ] as const) {
      it.live(`is refused at every byte inside a block: ${format} of ${what}`, () =>
        Effect.gen(function* () {
          const whole = encode(content)
          for (let length = 1; length < whole.length - trailer; length++) {
            const response = complete(whole.subarray(0, length), given(coding))
            assert.strictEqual(failureOf(yield* Effect.exit(response.bytes)), "ClientPayloadError Decompression")
            assert.deepStrictEqual(response.deviations, [])
          }
          const response = complete(whole, given(coding))
          assert.strictEqual(Buffer.from(yield* response.bytes).toString(), content)
          assert.deepStrictEqual(response.deviations, [])
        })
      )
    }
  }

  it.live("is rejected with br, in which a flush and a cut are the same", () =>
    Effect.gen(function* () {
      const body = Zlib.brotliCompressSync(words, { finishFlush: Zlib.constants.BROTLI_OPERATION_FLUSH })
      const exits = yield* readings(body, given("br"), 10)
      assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
    })
  )

  it.live("delivers exactly its data to a reader that is slower than zlib", () =>
    Effect.gen(function* () {
      for (const body of [Zlib.gzipSync(large, flush), less(Zlib.gzipSync(large), 8)]) {
        const { end, push, response } = make(given("gzip"))
        const slow = Stream.mapEffect(response.stream, (bytes) => Effect.as(Effect.yieldNow(), bytes))
        const fiber = yield* Effect.fork(Stream.runFold(slow, 0, (sum, bytes) => sum + bytes.length))
        for (let at = 0; at < body.length; at += 50_000) push(body.subarray(at, at + 50_000))
        end()
        assert.strictEqual(yield* Fiber.join(fiber), large.length)
        assert.deepStrictEqual(response.deviations, ["TruncatedCoding"])
      }
    })
  )

  it.live("delivers only bytes of the data", () =>
    Effect.gen(function* () {
      const whole = Zlib.gzipSync(noise)
      for (let length = 11; length < whole.length - 8; length += 7) {
        const { end, push, response } = make(given("gzip"))
        const pieces: Array<Uint8Array> = []
        const reading = Stream.runForEach(response.stream, (bytes) => Effect.sync(() => pieces.push(bytes)))
        const fiber = yield* Effect.fork(Effect.exit(reading))
        push(whole.subarray(0, length))
        end()
        assert.strictEqual(failureOf(yield* Fiber.join(fiber)), "ClientPayloadError Decompression")
        assert.isTrue(noise.startsWith(Buffer.concat(pieces).toString()))
      }
    })
  )
})
