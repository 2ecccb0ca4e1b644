import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { FieldLimits } from "../../../../../src/internal/network/http2/hpack/decodedFields.js"
import { HpackDecoder } from "../../../../../src/internal/network/http2/hpack/decoder.js"
import { HpackError } from "../../../../../src/internal/network/http2/hpack/hpackError.js"

const unlimited: FieldLimits = { maxHeadSize: 2 ** 30, maxHeaders: 2 ** 30, maxLineSize: 2 ** 30 }

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex")

const decode = (decoder: HpackDecoder, block: Buffer, limits: FieldLimits = unlimited): ReadonlyArray<string> => {
  const { names, values } = decoder.decode(block, 0, block.length, limits)
  return names.map((name, index) => `${name}: ${values[index]}`)
}

/** The message of the HpackError that the block causes, for a decoder of its own. */
const failure = (block: Buffer, maxTableSize?: number): string => {
  try {
    return `decoded ${decode(new HpackDecoder(maxTableSize), block)}`
  } catch (error) {
    return error instanceof HpackError ? error.message : `threw ${String(error)}`
  }
}

/** A text without the Huffman code. */
const text = (value: string): Buffer =>
  Buffer.concat([value.length < 127 ? Buffer.of(value.length) : integer(value.length), Buffer.from(value, "latin1")])

/** A length of 127 or more. */
const integer = (value: number, flags = 0, mask = 0x7f): Buffer => {
  const out = [flags | mask]
  let rest = value - mask
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128)
  return Buffer.from([...out, rest])
}

const inserted = (name: string, value: string) => Buffer.concat([Buffer.of(0x40), text(name), text(value)])
const literal = (name: string, value: string) => Buffer.concat([Buffer.of(0x00), text(name), text(value)])

interface Example {
  readonly title: string
  readonly tableSize: number
  readonly blocks: ReadonlyArray<readonly [hex: string, fields: ReadonlyArray<string>]>
}

const requests = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"]
] as const

const at = (second: number) => `date: Mon, 21 Oct 2013 20:13:${second} GMT`
const responses = [
  [":status: 302", "cache-control: private", at(21), "location: https://www.example.com"],
  [":status: 307", "cache-control: private", at(21), "location: https://www.example.com"],
  [
    ":status: 200",
    "cache-control: private",
    at(22),
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
  ]
] as const

/** RFC 7541, appendix C. */
const examples: ReadonlyArray<Example> = [
  {
    title: "C.2.1: a literal field that is added to the table",
    tableSize: 4096,
    blocks: [["400a6375 73746f6d 2d6b6579 0d637573 746f6d2d 68656164 6572", ["custom-key: custom-header"]]]
  },
  {
    title: "C.2.2: a literal field that is not added",
    tableSize: 4096,
    blocks: [["040c2f73 616d706c 652f7061 7468", [":path: /sample/path"]]]
  },
  {
    title: "C.2.3: a literal field that is never indexed",
    tableSize: 4096,
    blocks: [["10087061 7373776f 72640673 65637265 74", ["password: secret"]]]
  },
  { title: "C.2.4: an indexed field", tableSize: 4096, blocks: [["82", [":method: GET"]]] },
  {
    title: "C.3: three requests without the Huffman code",
    tableSize: 4096,
    blocks: [
      ["82868441 0f777777 2e657861 6d706c65 2e636f6d", requests[0]],
      ["828684be 58086e6f 2d636163 6865", requests[1]],
      ["828785bf 400a6375 73746f6d 2d6b6579 0c637573 746f6d2d 76616c75 65", requests[2]]
    ]
  },
  {
    title: "C.4: three requests with the Huffman code",
    tableSize: 4096,
    blocks: [
      ["82868441 8cf1e3c2 e5f23a6b a0ab90f4 ff", requests[0]],
      ["828684be 5886a8eb 10649cbf", requests[1]],
      ["828785bf 408825a8 49e95ba9 7d7f8925 a849e95b b8e8b4bf", requests[2]]
    ]
  },
  {
    title: "C.5: three responses without the Huffman code, with evictions",
    tableSize: 256,
    blocks: [
      [
        "48033330 32580770 72697661 7465611d 4d6f6e2c 20323120 4f637420 32303133" +
          "2032303a 31333a32 3120474d 546e1768 74747073 3a2f2f77 77772e65 78616d70 6c652e63 6f6d",
        responses[0]
      ],
      ["48033330 37c1c0bf", responses[1]],
      [
        "88c1611d 4d6f6e2c 20323120 4f637420 32303133 2032303a 31333a32 3220474d" +
          "54c05a04 677a6970 7738666f 6f3d4153 444a4b48 514b425a 584f5157 454f5049" +
          "55415851 57454f49 553b206d 61782d61 67653d33 3630303b 20766572 73696f6e 3d31",
        responses[2]
      ]
    ]
  },
  {
    title: "C.6: three responses with the Huffman code, with evictions",
    tableSize: 256,
    blocks: [
      [
        "48826402 5885aec3 771a4b61 96d07abe 941054d4 44a82005 95040b81 66e082a6" +
          "2d1bff6e 919d29ad 171863c7 8f0b97c8 e9ae82ae 43d3",
        responses[0]
      ],
      ["4883640e ffc1c0bf", responses[1]],
      [
        "88c16196 d07abe94 1054d444 a8200595 040b8166 e084a62d 1bffc05a 839bd9ab" +
          "77ad94e7 821dd7f2 e6c7b335 dfdfcd5b 3960d5af 27087f36 72c1ab27 0fb5291f 95873160 65c003ed 4ee5b106 3d5007",
        responses[2]
      ]
    ]
  }
]

describe("HpackDecoder", () => {
  for (const { title, tableSize, blocks } of examples) {
    it(`the decoder reads example ${title}`, () => {
      const decoder = new HpackDecoder(tableSize)
      for (const [hex, fields] of blocks) assert.deepStrictEqual(decode(decoder, bytes(hex)), [...fields])
    })
  }

  it("the decoder reads only the given range of a larger buffer", () => {
    const block = Buffer.concat([Buffer.of(0xff, 0xff), bytes("828684"), Buffer.of(0x41, 0x7f)])
    const { names } = new HpackDecoder().decode(block, 2, 5, unlimited)
    assert.deepStrictEqual(names, [":method", ":scheme", ":path"])
  })

  it("the decoder returns no fields for an empty block", () => {
    assert.deepStrictEqual(decode(new HpackDecoder(), Buffer.alloc(0)), [])
  })

  it("the decoder reports fields marked as never indexed, even with an indexed name", () => {
    const block = Buffer.concat([bytes("82"), bytes("1f08 0173"), literal("a", "b"), bytes("10 0161 0162")])
    assert.deepStrictEqual(new HpackDecoder().decode(block, 0, block.length, unlimited).neverIndexed, [1, 3])
  })

  it("the decoder keeps every octet of a text as one latin1 code unit", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))
    const { values } = new HpackDecoder().decode(literal("x", all), 0, literal("x", all).length, unlimited)
    assert.deepStrictEqual(values, [all])
  })

  it("a name in Huffman code is not overwritten by the decoding of its value", () => {
    assert.deepStrictEqual(decode(new HpackDecoder(), bytes("008825a8 49e95ba9 7d7f8925 a849e95b b8e8b4bf")), [
      "custom-key: custom-value"
    ])
  })

  describe("errors", () => {
    const cases: ReadonlyArray<readonly [title: string, hex: string, message: string]> = [
      ["index 0", "80", "expected an index from 1 to 61, got 0"],
      ["an index just beyond an empty table", "be", "expected an index from 1 to 61, got 62"],
      ["an index far beyond the table", "ffffff7f", "expected an index from 1 to 61, got 2097278"],
      ["the name of an index beyond the table", "7f00 0161", "expected an index from 1 to 61, got 63"],
      ["the name of an index beyond the table, not added", "0f2f 0161", "expected an index from 1 to 61, got 62"],
      ["an integer without its rest", "ff", "expected the rest of an integer, got the end of the block"],
      ["an integer without its last byte", "ff8080", "expected the rest of an integer, got the end of the block"],
      [
        "an integer of 6 bytes",
        "ff8080808000",
        "expected an integer of at most 268435456 in at most 5 bytes, got a larger one"
      ],
      [
        "an integer above 2^28",
        "ffffffff7f",
        "expected an integer of at most 268435456 in at most 5 bytes, got a larger one"
      ],
      [
        "an integer without end",
        `ff${"80".repeat(64)}`,
        "expected an integer of at most 268435456 in at most 5 bytes, got a larger one"
      ],
      ["a literal without a name", "40", "expected the length of a text, got the end of the block"],
      ["a literal without a value", "40 0161", "expected the length of a text, got the end of the block"],
      ["a name beyond the block", "40 0361", "expected a text of 3 bytes, got 1 to the end of the block"],
      ["a value beyond the block", "40 0161 0562", "expected a text of 5 bytes, got 1 to the end of the block"],
      ["a Huffman text beyond the block", "04 83ff", "expected a text of 3 bytes, got 1 to the end of the block"],
      ["EOS", "04 84ffffffff", "expected Huffman codes of bytes, got the code of EOS"],
      ["EOS after a character", "04 851fffffffff", "expected Huffman codes of bytes, got the code of EOS"],
      [
        "padding of 8 bits",
        "04 81ff",
        "expected at most 7 bits of padding after a Huffman text, all 1, got other bits"
      ],
      [
        "padding of 8 bits after a character",
        "04 82f8ff",
        "expected at most 7 bits of padding after a Huffman text, all 1, got other bits"
      ],
      ["padding of zeros", "04 8118", "expected at most 7 bits of padding after a Huffman text, all 1, got other bits"],
      [
        "padding with one bit of 0",
        "04 811e",
        "expected at most 7 bits of padding after a Huffman text, all 1, got other bits"
      ],
      ["a table above the limit", "3fe21f", "expected a table of at most 4096 bytes, got an update to 4097"],
      [
        "an update of the table's size after a field",
        "82 20",
        "expected an update of the table's size before the first field, got one after it"
      ],
      ["three updates of the table's size", "20 20 20", "expected at most 2 updates of the table's size, got more"]
    ]
    for (const [title, hex, message] of cases) {
      it(`the decoder rejects ${title}`, () => assert.strictEqual(failure(bytes(hex)), message))
    }

    it("every truncation of a valid block is rejected or decodes to the fields before the cut", () => {
      const block = bytes(
        "82868441 8cf1e3c2 e5f23a6b a0ab90f4 ff 400a6375 73746f6d 2d6b6579 0c637573 746f6d2d 76616c75 65"
      )
      const all = decode(new HpackDecoder(), block)
      for (let end = 0; end < block.length; end++) {
        const result = failure(block.subarray(0, end))
        if (result.startsWith("decoded ")) {
          const fields = result.slice("decoded ".length)
          assert.include(["", ...all.map((_, count) => String(all.slice(0, count)))], fields, `cut at ${end}`)
        } else assert.match(result, /^expected .*, got /)
      }
    })
  })

  describe("neighbours of errors", () => {
    it("the decoder takes an integer of 5 bytes, also with leading zeros", () => {
      // 127 + 0 and a length of 3 with superfluous zeros.
      assert.strictEqual(failure(bytes("ff80808000")), "expected an index from 1 to 61, got 127")
      assert.strictEqual(failure(bytes("04 03616263")), "decoded :path: abc")
    })

    it("the decoder takes padding of 0, 3 and 7 ones", () => {
      assert.strictEqual(failure(bytes("04 81f8")), "decoded :path: &")
      assert.strictEqual(failure(bytes("04 811f")), "decoded :path: a")
      assert.strictEqual(failure(bytes("04 83028a7f")), "decoded :path: 0  ")
    })

    it("the decoder takes an empty Huffman text", () => assert.strictEqual(failure(bytes("04 80")), "decoded :path: "))

    it("the decoder takes two updates of the table's size, and one alone", () => {
      assert.strictEqual(failure(bytes("20 3fe11f 82")), "decoded :method: GET")
      assert.strictEqual(failure(bytes("3fe11f")), "decoded ")
    })
  })
  describe("the table", () => {
    it("an entry is evicted as soon as a new one does not fit beside it, and not before", () => {
      // Each entry takes 2 + 32 bytes.
      const decoder = new HpackDecoder(3 * 34)
      for (const name of ["a", "b", "c"]) decode(decoder, inserted(name, "1"))
      assert.deepStrictEqual(decode(decoder, bytes("be bf c0")), ["c: 1", "b: 1", "a: 1"])
      decode(decoder, inserted("d", "1"))
      assert.deepStrictEqual(decode(decoder, bytes("be bf c0")), ["d: 1", "c: 1", "b: 1"])
      assert.throws(() => decode(decoder, bytes("c1")), HpackError, "from 1 to 64, got 65")
    })

    it("an entry that is larger than the table empties it and is decoded", () => {
      const decoder = new HpackDecoder(100)
      decode(decoder, inserted("a", "1"))
      assert.deepStrictEqual(decode(decoder, inserted("b", "x".repeat(68))), [`b: ${"x".repeat(68)}`])
      assert.throws(() => decode(decoder, bytes("be")), HpackError)
    })

    it("an entry of exactly the table's size is kept", () => {
      const decoder = new HpackDecoder(100)
      decode(decoder, inserted("a", "1"))
      decode(decoder, inserted("b", "x".repeat(67)))
      assert.deepStrictEqual(decode(decoder, bytes("be")), [`b: ${"x".repeat(67)}`])
    })

    it("a new entry can have the name of the entry that it evicts", () => {
      const decoder = new HpackDecoder(40)
      decode(decoder, inserted("name", "1"))
      assert.deepStrictEqual(decode(decoder, Buffer.concat([bytes("7e"), text("2")])), ["name: 2"])
      assert.deepStrictEqual(decode(decoder, bytes("be")), ["name: 2"])
    })

    it("an update to 0 empties the table, and entries are added again only after a larger update", () => {
      const decoder = new HpackDecoder()
      decode(decoder, inserted("a", "1"))
      assert.deepStrictEqual(decode(decoder, Buffer.concat([bytes("20"), inserted("b", "2")])), ["b: 2"])
      assert.throws(() => decode(new HpackDecoder(), bytes("20 be")), HpackError)
      assert.deepStrictEqual(decode(decoder, Buffer.concat([bytes("3fe11f"), inserted("c", "3"), bytes("be")])), [
        "c: 3",
        "c: 3"
      ])
    })

    it("the ring holds the newest of thousands of entries of every size", () => {
      const decoder = new HpackDecoder(1000)
      const model: Array<readonly [string, string]> = []
      for (let round = 0; round < 3000; round++) {
        const name = `n${round}`
        const value = "v".repeat((round * 7) % 200)
        decode(decoder, inserted(name, value))
        model.unshift([name, value])
        const sizes = model.map(([key, own]) => key.length + own.length + 32)
        while (sizes.reduce((sum, size) => sum + size, 0) > 1000) {
          model.pop()
          sizes.pop()
        }
        const references = Buffer.from(model.map((_, index) => 0x80 | (62 + index)))
        assert.deepStrictEqual(
          decode(decoder, references),
          model.map(([key, own]) => `${key}: ${own}`)
        )
      }
    })
  })

  describe("limits", () => {
    const three = Buffer.concat([literal("a", "1"), literal("b", "2"), literal("c", "3")])
    const limited = (block: Buffer, limits: Partial<FieldLimits>, decoder = new HpackDecoder()) =>
      decoder.decode(block, 0, block.length, { ...unlimited, ...limits })

    it("a head of exactly the limits is decoded", () => {
      const fields = limited(three, { maxHeaders: 3, maxHeadSize: 3 * 34, maxLineSize: 2 })
      assert.strictEqual(fields.exceeded, undefined)
      assert.deepStrictEqual(fields.names, ["a", "b", "c"])
    })

    it("a head beyond a limit has the fields before it and says which limit", () => {
      for (const limits of [{ maxHeaders: 2 }, { maxHeadSize: 3 * 34 - 1 }]) {
        const fields = limited(three, limits)
        assert.deepStrictEqual(fields.names, ["a", "b"])
        assert.strictEqual(fields.exceeded, Object.keys(limits)[0])
      }
      const long = limited(Buffer.concat([literal("a", "1"), literal("b", "22"), three]), { maxLineSize: 2 })
      assert.deepStrictEqual([long.names, long.exceeded], [["a"], "maxLineSize"])
    })

    it("an indexed field counts as its name and its value", () => {
      assert.strictEqual(limited(bytes("8282"), { maxHeadSize: 2 * 42 }).exceeded, undefined)
      assert.strictEqual(limited(bytes("8282"), { maxHeadSize: 2 * 42 - 1 }).exceeded, "maxHeadSize")
    })

    it("the limits apply to each block separately", () => {
      const decoder = new HpackDecoder()
      assert.strictEqual(limited(three, { maxHeaders: 2 }, decoder).exceeded, "maxHeaders")
      assert.strictEqual(limited(three, { maxHeaders: 3 }, decoder).exceeded, undefined)
    })

    it("a block beyond a limit changes the table like any other", () => {
      const block = Buffer.concat([three, inserted("x", "1"), inserted("y".repeat(300), "2"), bytes("bf")])
      for (const limits of [{ maxHeaders: 1 }, { maxHeadSize: 40 }, { maxLineSize: 1 }]) {
        const decoder = new HpackDecoder()
        assert.isDefined(limited(block, limits, decoder).exceeded)
        assert.deepStrictEqual(decode(decoder, bytes("be bf")), [`${"y".repeat(300)}: 2`, "x: 1"])
      }
    })

    it("a block beyond a limit is still checked to its end", () => {
      const wrong = Buffer.concat([three, bytes("04 84ffffffff")])
      assert.throws(() => limited(wrong, { maxHeaders: 1 }), HpackError, "EOS")
    })

    it("references to one entry of 4000 bytes share its text and stop at the limit", () => {
      const decoder = new HpackDecoder()
      const block = Buffer.concat([inserted("a", "x".repeat(4000)), Buffer.alloc(12_000, 0xbe)])
      const fields = limited(block, { maxHeadSize: 65_536 }, decoder)
      assert.strictEqual(fields.exceeded, "maxHeadSize")
      assert.strictEqual(fields.values.length, 16)
      assert.deepStrictEqual(decode(decoder, bytes("be")), [`a: ${"x".repeat(4000)}`])
    })

    it("8193 empty fields exceed a head of 256 KiB, because each counts 32 bytes", () => {
      const block = Buffer.alloc(8193 * 3)
      assert.strictEqual(limited(block, { maxHeadSize: 262_144 }).exceeded, "maxHeadSize")
      assert.strictEqual(limited(block.subarray(3), { maxHeadSize: 262_144 }).exceeded, undefined)
    })
  })

  describe("random blocks", () => {
    const seed = 20261129

    it("a random block decodes within its limits or throws a HpackError", () => {
      const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0x40, 0x00, 0x10, 0x82, 0xbe, 0x01, 0x20))
      const limits: FieldLimits = { maxHeadSize: 400, maxHeaders: 8, maxLineSize: 60 }
      fc.assert(
        fc.property(fc.array(fc.array(byte, { maxLength: 60 }), { maxLength: 4 }), (blocks) => {
          const decoder = new HpackDecoder(200)
          try {
            for (const block of blocks) {
              const { names, values } = decoder.decode(Buffer.from(block), 0, block.length, limits)
              assert.strictEqual(names.length, values.length)
              assert.isAtMost(names.length, limits.maxHeaders)
              const sizes = names.map((name, index) => name.length + values[index].length)
              assert.isAtMost(Math.max(0, ...sizes), limits.maxLineSize)
              assert.isAtMost(
                sizes.reduce((sum, size) => sum + size + 32, 0),
                limits.maxHeadSize
              )
            }
          } catch (error) {
            assert.instanceOf(error, HpackError)
          }
        }),
        { seed, numRuns: 5000 }
      )
    })

    it("limits change neither which blocks are valid nor the content of the table", () => {
      const name = fc.constantFrom("a", "bb", "x".repeat(50), "y".repeat(250))
      const piece = fc.oneof(
        fc.tuple(name, name).map(([key, value]) => inserted(key, value)),
        fc.tuple(name, name).map(([key, value]) => literal(key, value)),
        fc.integer({ min: 0x80, max: 0xc8 }).map((index) => Buffer.of(index))
      )
      const outcome = (blocks: ReadonlyArray<Buffer>, limits: FieldLimits) => {
        const decoder = new HpackDecoder(300)
        const seen: Array<ReadonlyArray<string>> = []
        try {
          for (const block of blocks) decoder.decode(block, 0, block.length, limits)
          for (let index = 62; index < 80; index++) seen.push(decode(decoder, Buffer.of(0x80 | index)))
        } catch (error) {
          assert.instanceOf(error, HpackError)
          seen.push([error.message])
        }
        return seen
      }
      fc.assert(
        fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 4 }), (pieces) => {
          const blocks = pieces.map((list) => Buffer.concat(list))
          const free = outcome(blocks, unlimited)
          for (const limits of [
            { ...unlimited, maxHeaders: 1 },
            { ...unlimited, maxHeadSize: 50 },
            { ...unlimited, maxLineSize: 2 }
          ]) {
            assert.deepStrictEqual(outcome(blocks, limits), free)
          }
        }),
        { seed, numRuns: 2000 }
      )
    })

    it("a block that repeats the previous one decodes like any other, and leaves the same table", () => {
      const name = fc.constantFrom("a", "bb", "y".repeat(250))
      const piece = fc.oneof(
        fc.tuple(name, name).map(([key, value]) => inserted(key, value)),
        fc.tuple(name, name).map(([key, value]) => literal(key, value)),
        fc.constant(Buffer.concat([Buffer.of(0x40 | 33), text("now")])),
        fc.constantFrom(0x88, 0xbe, 0xbf, 0xc0).map((index) => Buffer.of(index)),
        fc.constant(Buffer.concat([Buffer.of(0x40 | 62), text("value")]))
      )
      const update = fc.constantFrom(Buffer.alloc(0), Buffer.alloc(0), Buffer.of(0x20), Buffer.of(0x3e))
      const block = fc
        .tuple(update, fc.array(piece, { maxLength: 4 }))
        .map(([first, rest]) => Buffer.concat([first, ...rest]))
      const repeated = fc.tuple(block, fc.integer({ min: 1, max: 4 }))
      const limits: FieldLimits = { maxHeadSize: 700, maxHeaders: 3, maxLineSize: 300 }
      // Other limits make the decoder forget the previous block.
      const outcome = (blocks: ReadonlyArray<readonly [Buffer, number]>, limitsOf: () => FieldLimits) => {
        const decoder = new HpackDecoder(300)
        const seen: Array<unknown> = []
        try {
          for (const [bytes, times] of blocks) {
            for (let time = 0; time < times; time++) seen.push(decoder.decode(bytes, 0, bytes.length, limitsOf()))
          }
          for (let index = 62; index < 80; index++) seen.push(decode(decoder, Buffer.of(0x80 | index)))
        } catch (error) {
          assert.instanceOf(error, HpackError)
          seen.push(error.message)
        }
        return seen
      }
      fc.assert(
        fc.property(fc.array(repeated, { maxLength: 4 }), (blocks) => {
          assert.deepStrictEqual(
            outcome(blocks, () => limits),
            outcome(blocks, () => ({ ...limits }))
          )
        }),
        { seed, numRuns: 5000 }
      )
    })
  })

  describe("the previous block", () => {
    const block = Buffer.concat([Buffer.of(0x88), inserted("server", "x")])
    const decodeAgain = (decoder: HpackDecoder, bytes: Buffer, limits = unlimited) =>
      decoder.decode(bytes, 0, bytes.length, limits)

    it("its repetition has the same fields, as one object", () => {
      const decoder = new HpackDecoder()
      const first = decodeAgain(decoder, block)
      assert.strictEqual(decodeAgain(decoder, Buffer.from(block)), first)
      assert.deepStrictEqual(decode(decoder, Buffer.of(0xbe, 0xbf)), ["server: x", "server: x"])
    })
    it("a block of more than 2 KiB, or with other limits, is decoded again", () => {
      const decoder = new HpackDecoder()
      const large = literal("a", "x".repeat(2048))
      assert.notStrictEqual(decodeAgain(decoder, large), decodeAgain(decoder, large))
      assert.notStrictEqual(decodeAgain(decoder, block), decodeAgain(decoder, block, { ...unlimited }))
    })
    it("a block that refers to an entry and adds one has other fields when it is repeated", () => {
      const decoder = new HpackDecoder()
      decode(decoder, inserted("a", "1"))
      const bytes = Buffer.concat([Buffer.of(0xbe), inserted("b", "2")])
      assert.deepStrictEqual(decode(decoder, bytes), ["a: 1", "b: 2"])
      assert.deepStrictEqual(decode(decoder, bytes), ["b: 2", "b: 2"])
    })
  })
})
