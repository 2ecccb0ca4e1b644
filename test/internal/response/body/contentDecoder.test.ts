import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { ClientPayloadError } from "../../../../src/Errors.js"
import { hasZstd } from "../../../../src/internal/http/contentCoding.js"
import { cpuTime } from "../../../support/time.js"
import { until } from "../../../support/wait.js"
import { complete, failureOf, type Given, make, readings } from "../support.js"

const text = "The quick brown fox jumps over the lazy dog. ".repeat(50)
const large = Buffer.from(Array.from({ length: 300_000 }, (_, index) => `${index * 7919}`).join(","))

const encoded = (...values: ReadonlyArray<string>): Given => ({
  headers: values.map((value) => ["Content-Encoding", value] as const)
})

const gzip = (data: string | Buffer) => Zlib.gzipSync(data)
const multiMember = Buffer.concat([gzip("one "), gzip(""), gzip("two "), gzip("three")])

interface Row {
  readonly name: string
  readonly headers: ReadonlyArray<string>
  readonly body: Uint8Array
  readonly expected: string | Uint8Array
}

const decodes: ReadonlyArray<Row> = [
  { name: "gzip", headers: ["gzip"], body: gzip(text), expected: text },
  { name: "x-gzip", headers: ["x-gzip"], body: gzip(text), expected: text },
  { name: "upper case", headers: ["GZip"], body: gzip(text), expected: text },
  { name: "white space and empty members", headers: [" , gzip\t,"], body: gzip(text), expected: text },
  { name: "identity", headers: ["identity"], body: Buffer.from(text), expected: text },
  { name: "identity and gzip", headers: ["identity, gzip"], body: gzip(text), expected: text },
  { name: "deflate with a zlib header", headers: ["deflate"], body: Zlib.deflateSync(text), expected: text },
  { name: "raw deflate", headers: ["deflate"], body: Zlib.deflateRawSync(text), expected: text },
  { name: "br", headers: ["br"], body: Zlib.brotliCompressSync(text), expected: text },
  { name: "large gzip", headers: ["gzip"], body: gzip(large), expected: large },
  { name: "large raw deflate", headers: ["deflate"], body: Zlib.deflateRawSync(large), expected: large },
  {
    name: "large br",
    headers: ["br"],
    body: Zlib.brotliCompressSync(large, { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
    expected: large
  },
  { name: "gzip of several members", headers: ["gzip"], body: multiMember, expected: "one two three" },
  {
    name: "gzip with zeros behind it",
    headers: ["gzip"],
    body: Buffer.concat([gzip(text), Buffer.alloc(100)]),
    expected: text
  },
  { name: "an empty gzip", headers: ["gzip"], body: gzip(""), expected: "" },
  { name: "gzip in br", headers: ["gzip, br"], body: Zlib.brotliCompressSync(gzip(text)), expected: text },
  {
    name: "br in gzip over two headers",
    headers: ["br", "gzip"],
    body: gzip(Zlib.brotliCompressSync(text)),
    expected: text
  },
  {
    name: "large, three layers",
    headers: ["deflate, br", "gzip"],
    body: gzip(
      Zlib.brotliCompressSync(Zlib.deflateSync(large), { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })
    ),
    expected: large
  },
  { name: "nothing in gzip in br", headers: ["gzip, br"], body: Zlib.brotliCompressSync(""), expected: "" },
  {
    name: "five layers",
    headers: ["gzip,gzip,gzip", "gzip,gzip"],
    body: gzip(gzip(gzip(gzip(gzip(text))))),
    expected: text
  },
  { name: "an unknown one", headers: ["foo"], body: Buffer.from(text), expected: text },
  { name: "an unknown one among known ones", headers: ["gzip, foo"], body: gzip(text), expected: gzip(text) },
  { name: "no header", headers: [], body: gzip(text), expected: gzip(text) },
  ...["gzip", "deflate", "br", "gzip, br", "foo"].map(
    (coding): Row => ({
      name: `no body at all in ${coding}`,
      headers: [coding],
      body: new Uint8Array(0),
      expected: ""
    })
  ),
  { name: "no body in six layers", headers: ["gzip,gzip,gzip,gzip,gzip,gzip"], body: new Uint8Array(0), expected: "" }
]

const gzipped = gzip(large)
const cut = (bytes: Uint8Array, from: number) => bytes.subarray(0, from)
const flipped = (bytes: Uint8Array, at: number) => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}

const refuses: ReadonlyArray<Omit<Row, "expected">> = [
  { name: "six layers", headers: ["gzip,gzip,gzip,gzip,gzip,gzip"], body: gzip(text) },
  { name: "six layers over six headers", headers: Array.from({ length: 6 }, () => "gzip"), body: gzip(text) },
  { name: "a thousand unknown layers", headers: [Array.from({ length: 1000 }, () => "x").join(",")], body: gzip(text) },
  { name: "text in gzip", headers: ["gzip"], body: Buffer.from(text) },
  { name: "text in br", headers: ["br"], body: Buffer.from(text) },
  { name: "text in deflate", headers: ["deflate"], body: Buffer.from("\xff\xff\xff\xff", "latin1") },
  { name: "one byte of gzip", headers: ["gzip"], body: cut(gzip(text), 1) },
  { name: "half of a large gzip", headers: ["gzip"], body: cut(gzipped, gzipped.length >> 1) },
  { name: "half of a deflate", headers: ["deflate"], body: cut(Zlib.deflateSync(large), 1000) },
  { name: "half of a raw deflate", headers: ["deflate"], body: cut(Zlib.deflateRawSync(large), 1000) },
  { name: "half of a br", headers: ["br"], body: cut(Zlib.brotliCompressSync(text), 20) },
  { name: "a gzip with a wrong checksum", headers: ["gzip"], body: flipped(gzip(text), gzip(text).length - 6) },
  { name: "a second member cut short", headers: ["gzip"], body: cut(multiMember, multiMember.length - 11) },
  { name: "garbage behind gzip", headers: ["gzip"], body: Buffer.concat([gzip(text), Buffer.from("garbage")]) },
  { name: "gzip within that is cut", headers: ["gzip, br"], body: Zlib.brotliCompressSync(cut(gzip(text), 30)) }
]

describe("Content-Encoding", () => {
  for (const row of decodes) {
    it.live(row.name, () =>
      Effect.gen(function* () {
        const expected = Buffer.from(row.expected)
        for (const pieceSize of row.body.length > 5000 ? [70_000, 997] : [1, 100]) {
          const exits = yield* readings(row.body, encoded(...row.headers), pieceSize)
          for (const exit of exits) {
            assert.strictEqual(failureOf(exit), "none")
            if (Exit.isSuccess(exit)) assert.isTrue(Buffer.from(exit.value).equals(expected))
          }
        }
      })
    )
  }

  for (const row of refuses) {
    it.live(`refuses ${row.name}`, () =>
      Effect.gen(function* () {
        for (const pieceSize of row.body.length > 5000 ? [70_000, 997] : [1, 100]) {
          const exits = yield* readings(row.body, encoded(...row.headers), pieceSize)
          assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
        }
      })
    )
  }

  it.live("is ignored if decoding is disabled", () =>
    Effect.gen(function* () {
      const body = gzip(text)
      const exits = yield* readings(body, { ...encoded("gzip"), settings: { autoDecompress: false } }, 10)
      for (const exit of exits) assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).equals(body))
    })
  )

  it.live("does not change the headers", () =>
    Effect.gen(function* () {
      const response = complete(gzip(text), encoded("gzip"))
      yield* response.bytes
      assert.deepStrictEqual(response.header("content-encoding"), Option.some("gzip"))
    })
  )

  const zstd: unknown = Reflect.get(Zlib, "zstdCompressSync")
  const inZstd = (data: string | Uint8Array): Buffer => {
    if (typeof zstd !== "function") throw new Error("no zstd")
    return zstd(Buffer.from(data))
  }

  it.skipIf(!hasZstd)("zstd is decoded if Node supports it", async () => {
    for (const expected of [text, large.toString()]) {
      const body = inZstd(expected)
      const exits = await Effect.runPromise(readings(body, encoded("zstd"), 1000))
      for (const exit of exits) assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).toString() === expected)
      const broken = await Effect.runPromise(readings(cut(body, body.length - 5), encoded("zstd"), 1000))
      assert.deepStrictEqual(broken.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
    }
  })

  // Node 22 accepts it as complete.
  it.runIf(typeof zstd === "function")("zstd does not accept a cut body as complete", async () => {
    for (const data of ["hello hello hello", large.toString()]) {
      const body = inZstd(data)
      const exits = await Effect.runPromise(readings(body.subarray(0, -1), encoded("zstd"), 100_000))
      for (const exit of exits) {
        if (hasZstd) assert.strictEqual(failureOf(exit), "ClientPayloadError Decompression")
        else assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).equals(body.subarray(0, -1)))
      }
    }
  })

  it.skipIf(!hasZstd)("zstd decodes all frames, in any pieces (RFC 8878 section 3)", async () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(700_000).map((size) => large.subarray(0, size))
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 7000, max: 200_000 }),
        async (frames, pieceSize) => {
          const expected = Buffer.concat(frames)
          const body = Buffer.concat(frames.map(inZstd))
          for (const exit of await Effect.runPromise(readings(body, encoded("zstd"), pieceSize))) {
            assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).equals(expected))
          }
        }
      ),
      { seed: 20261123, numRuns: 25 }
    )
    const small = ["one ", "", "two ", "three"]
    for (const pieceSize of [1, 5, 1000]) {
      for (const exit of await Effect.runPromise(
        readings(Buffer.concat(small.map(inZstd)), encoded("zstd"), pieceSize)
      )) {
        assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).toString() === "one two three")
      }
    }
  })

  it.skipIf(!hasZstd)("zstd refuses bytes after the last frame, and frames without end", async () => {
    const many = Buffer.concat(Array<Buffer>(20_000).fill(inZstd("")))
    for (const body of [Buffer.concat([inZstd(text), Buffer.from("garbage")]), many]) {
      const exits = await Effect.runPromise(readings(body, encoded("zstd"), 200_000))
      assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
    }
  })

  it.live("decodes everything that zlib encodes, in any pieces", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ minLength: 1, maxLength: 60_000 }),
          fc.array(fc.constantFrom("gzip", "deflate", "br"), { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 50, max: 30_000 }),
          async (data, codings, pieceSize) => {
            let body: Uint8Array = data
            for (const coding of codings) {
              body =
                coding === "gzip"
                  ? Zlib.gzipSync(body)
                  : coding === "deflate"
                    ? Zlib.deflateSync(body)
                    : Zlib.brotliCompressSync(body, { params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })
            }
            for (const exit of await Effect.runPromise(readings(body, encoded(codings.join(",")), pieceSize))) {
              assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).equals(Buffer.from(data)))
            }
          }
        ),
        { seed: 3, numRuns: 40 }
      )
    )
  )

  const layered = (codings: ReadonlyArray<string>): Buffer =>
    codings.reduce<Buffer>((body, coding) => {
      if (coding === "gzip") return Zlib.gzipSync(body)
      return coding === "br" ? Zlib.brotliCompressSync(body) : Zlib.deflateSync(body)
    }, Buffer.from(text))

  const fiveCodings: ReadonlyArray<readonly [what: string, ...headers: ReadonlyArray<string>]> = [
    ["in one header", "gzip, br, deflate, gzip, br"],
    ["in five headers", "gzip", "br", "deflate", "gzip", "br"],
    ["in two headers, with members that are none", "identity, gzip, , br", "deflate, gzip, identity, br, identity"]
  ]
  for (const [what, ...headers] of fiveCodings) {
    it.live(`decodes five codings ${what}`, () =>
      Effect.gen(function* () {
        const body = layered(["gzip", "br", "deflate", "gzip", "br"])
        for (const exit of yield* readings(body, encoded(...headers), 1000)) {
          assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).toString() === text)
        }
      })
    )

    it.live(`refuses a sixth coding ${what}`, () =>
      Effect.gen(function* () {
        const body = layered(["gzip", "br", "deflate", "gzip", "br", "deflate"])
        const exits = yield* readings(body, encoded(...headers, "deflate"), 1000)
        assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
      })
    )
  }

  it.live("leaves five codings undecoded if one is unknown, and refuses six", () =>
    Effect.gen(function* () {
      const body = gzip(text)
      for (const exit of yield* readings(body, encoded("a, b, c, d, gzip"), 1000)) {
        assert.isTrue(Exit.isSuccess(exit) && Buffer.from(exit.value).equals(body))
      }
      const exits = yield* readings(body, encoded("a, b, c, d, e, gzip"), 1000)
      assert.deepStrictEqual(exits.map(failureOf), Array(3).fill("ClientPayloadError Decompression"))
    })
  )

  it.live("decodes ten thousand members in bounded time", () =>
    Effect.gen(function* () {
      const member = gzip("x")
      const body = Buffer.concat(Array.from({ length: 10_000 }, () => member))
      const spent = cpuTime()
      const exits = yield* readings(body, encoded("gzip"), 64 * 1024)
      for (const exit of exits) assert.isTrue(Exit.isSuccess(exit) && exit.value.length === 10_000)
      assert.isBelow(spent(), 5000)
    })
  )

  it.live("fails with the error of a body that breaks while it is decoded", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make(encoded("gzip"))
      const fiber = yield* Effect.fork(Effect.exit(Stream.runDrain(response.stream)))
      yield* Effect.yieldNow()
      push(gzipped.subarray(0, 100_000))
      fail(new ClientPayloadError({ reason: "Incomplete", received: 1 }))
      assert.strictEqual(failureOf(yield* Fiber.join(fiber)), "ClientPayloadError Incomplete")
    })
  )

  it.live("of br does not hide a broken body behind bytes after the end", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make(encoded("br"))
      const decoded = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Effect.exit(Stream.runForEach(response.stream, () => Deferred.succeed(decoded, undefined)))
      )
      yield* Effect.yieldNow()
      push(Buffer.concat([Zlib.brotliCompressSync(text), Buffer.from("more")]))
      yield* Deferred.await(decoded)
      fail(new ClientPayloadError({ reason: "Incomplete", received: 1 }))
      assert.strictEqual(failureOf(yield* Fiber.join(fiber)), "ClientPayloadError Incomplete")
    })
  )
})

describe("a compressed body", () => {
  const mib = 1024 * 1024
  /** 256 MiB in about 256 KiB of members. */
  const gzipBomb = Buffer.concat(Array<Buffer>(16).fill(Zlib.gzipSync(Buffer.alloc(16 * mib))))
  /** 128 MiB in one stream. */
  const brBomb = Zlib.brotliCompressSync(Buffer.alloc(128 * mib), {
    params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 1 }
  })
  const doubled = Zlib.gzipSync(gzipBomb)

  for (const [name, coding, body] of [
    ["gzip", "gzip", gzipBomb],
    ["br", "br", brBomb],
    ["gzip in gzip", "gzip, gzip", doubled]
  ] as const) {
    it.live(`that is a bomb of ${name} is stopped by default`, () =>
      Effect.gen(function* () {
        // The small body is decoded in one step when it has arrived completely.
        const small = body.length < 16 * 1024
        const { calls, end, push, response } = make(encoded(coding))
        push(body)
        if (small) end()
        assert.strictEqual(failureOf(yield* Effect.exit(response.bytes)), "ClientPayloadError TooLarge")
        assert.strictEqual(calls.abandoned, small ? 0 : 1)
      })
    )

    // test/faults/bodyMemory.test.ts measures the memory of both in a separate process.
    it.live(`that is a bomb of ${name} is stopped by maxBodySize`, () =>
      Effect.gen(function* () {
        const { end, push, response } = make({ ...encoded(coding), settings: { maxBodySize: 5 * mib } })
        push(body)
        end()
        assert.strictEqual(failureOf(yield* Effect.exit(response.bytes)), "ClientPayloadError TooLarge")
      })
    )

    it.scopedLive(`that is a bomb of ${name} is decoded only as far as it is read`, () =>
      Effect.gen(function* () {
        const { push, response } = make({ ...encoded(coding), settings: { maxBodySize: 1024 * mib } })
        push(body)
        const pull = yield* Stream.toPull(response.stream)
        assert.isAtMost(
          Chunk.reduce(yield* pull, 0, (sum, bytes) => sum + bytes.length),
          mib
        )
      })
    )
  }

  it.live("that compresses well is accepted", () =>
    Effect.gen(function* () {
      // More than the 64 MiB from which on the compression ratio is checked.
      const block = Array.from(
        { length: 10_000 },
        (_, id) => `{"id":${id},"name":"name","active":true,"tags":["a","b"],"score":${id % 97}}\n`
      ).join("")
      const rows = Buffer.alloc(66 * mib, block)
      const response = complete(Zlib.gzipSync(rows), encoded("gzip"))
      assert.strictEqual((yield* response.bytes).length, rows.length)
    })
  )

  it.live("may grow up to the maxBodySize of the request", () =>
    Effect.gen(function* () {
      const response = complete(gzipBomb, { ...encoded("gzip"), settings: { maxBodySize: 300 * mib } })
      const size = yield* Stream.runFold(response.stream, 0, (sum, bytes) => sum + bytes.length)
      assert.strictEqual(size, 256 * mib)
    })
  )

  it.live("leaves no zlib handles when its readers are interrupted", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 200; round++) {
        const { push, response } = make(encoded("gzip"))
        const fiber = yield* Effect.fork(Stream.runDrain(response.stream))
        yield* Effect.yieldNow()
        push(gzipped.subarray(0, 60_000))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
      }
      const busy = () => process.getActiveResourcesInfo().filter((name) => /zlib|brotli/i.test(name))
      yield* until(() => busy().length === 0)
    })
  )
})
