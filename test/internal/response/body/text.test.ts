import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { decode, encodingOf, noFallback, StreamingText } from "../../../../src/internal/response/body/charset.js"
import { complete, make } from "../support.js"
import { bytesOf, failureOf, typed } from "./support.js"

/** UTF-16BE with a byte order mark. */
const big = bytesOf(0xfe, 0xff, 0x00, 0x68, 0x00, 0x69)
const little = bytesOf(0xff, 0xfe, 0x68, 0x00, 0x69, 0x00)

const rows: ReadonlyArray<
  readonly [name: string, contentType: string | undefined, bytes: Uint8Array, text: string, fallback?: string]
> = [
  ["nothing said", undefined, Buffer.from("héllo €"), "héllo €"],
  ["utf-8", "text/plain; charset=utf-8", Buffer.from("héllo €"), "héllo €"],
  ["quoted, upper case", 'text/plain; charset="UTF-8"', Buffer.from("é"), "é"],
  ["utf-8 with its mark", "text/plain; charset=utf-8", Buffer.from("\ufeffé"), "é"],
  ["a mark, nothing said", undefined, Buffer.from("\ufeffé"), "é"],
  ["two marks: the second is text", undefined, Buffer.from("\ufeff\ufeffé"), "\ufeffé"],
  ["malformed utf-8", "text/plain; charset=utf-8", bytesOf(0x61, 0xff, 0x62, 0xe2, 0x82), "a\ufffdb\ufffd"],
  [
    "windows-1252, even for the control characters of latin1",
    "text/plain; charset=windows-1252",
    bytesOf(0x80, 0x93, 0xe9),
    "€“é"
  ],
  ["iso-8859-1, which the web takes for windows-1252", "text/plain; charset=ISO-8859-1", bytesOf(0x80, 0xe9), "€é"],
  ["windows-1251", "text/plain; charset=cp1251", bytesOf(0xcf, 0xf0), "Пр"],
  ["shift_jis", "text/plain; charset=shift_jis", bytesOf(0x82, 0xa0), "あ"],
  ["gb18030", "text/plain; charset=gb2312", bytesOf(0xc4, 0xe3), "你"],
  ["euc-kr", "text/plain; charset=euc-kr", bytesOf(0xb0, 0xa1), "가"],
  ["utf-16, big", "text/plain; charset=utf-16", big, "hi"],
  ["utf-16, little", "text/plain; charset=UTF-16", little, "hi"],
  ["utf-16, no mark", "text/plain; charset=utf-16", bytesOf(0x68, 0), "h"],
  ["utf-16be", "text/plain; charset=utf-16be", bytesOf(0, 0x68), "h"],
  ["utf-16 by its mark", "text/plain", big, "hi"],
  ["a mark goes over the label, as the Encoding Standard decodes", "text/plain; charset=windows-1252", little, "hi"],
  ["a mark of utf-8 over utf-16", "text/plain; charset=utf-16le", Buffer.from("\ufeffé"), "é"],
  ["a mark of utf-16be over utf-8", "text/plain; charset=utf-8", big, "hi"],
  ["us-ascii is windows-1252", "text/plain; charset=us-ascii", bytesOf(0x80), "€"],
  ["a charset that is not known", "text/plain; charset=klingon", Buffer.from("é"), "é"],
  ["one that is not known, with a fallback", "text/plain; charset=klingon", bytesOf(0xe9), "é", "windows-1252"],
  ["the fallback", "text/plain", bytesOf(0x80), "€", "windows-1252"],
  ["a mark goes over the fallback", "text/plain", Buffer.from("\ufeffé"), "é", "windows-1252"],
  ["a fallback that is not known", "text/plain", Buffer.from("é"), "é", "klingon"],
  ["an empty charset", "text/plain; charset=", Buffer.from("é"), "é"],
  ["an invalid Content-Type", "garbage", Buffer.from("é"), "é"],
  ["nothing", "text/plain; charset=utf-16", new Uint8Array(0), ""]
]

describe("the text of a body", () => {
  for (const [name, contentType, bytes, text, fallbackCharset] of rows) {
    it.effect(name, () =>
      Effect.gen(function* () {
        const given = { ...(contentType === undefined ? {} : typed(contentType)), settings: { fallbackCharset } }
        assert.strictEqual(yield* complete(bytes, given).text, text)
        // A byte at a time, as lines.
        const { end, push, response } = make(given)
        const fiber = yield* Effect.fork(Stream.runCollect(response.lines))
        yield* Effect.yieldNow()
        for (const byte of bytes) {
          push(bytesOf(byte))
          for (let turn = 0; turn < 4; turn++) yield* Effect.yieldNow()
        }
        end()
        assert.strictEqual(Chunk.join(yield* Fiber.join(fiber), "\n"), text)
      })
    )
  }

  it.effect("calls a function for the fallback encoding, which may fail", () =>
    Effect.gen(function* () {
      const response = complete(bytesOf(0xe9), {
        status: 201,
        settings: {
          fallbackCharset: (head, body) => (head.status === 201 && body[0] === 0xe9 ? "windows-1252" : "utf-8")
        }
      })
      assert.strictEqual(yield* response.text, "é")
      const failing = complete("é", {
        settings: {
          fallbackCharset: () => {
            throw new Error("no")
          }
        }
      })
      assert.strictEqual(yield* failing.text, "é")
    })
  )

  it.effect("uses an encoding of the caller", () =>
    Effect.gen(function* () {
      const response = complete(bytesOf(0xcf, 0xf0), typed("text/plain; charset=utf-8"))
      assert.strictEqual(yield* response.textWith("windows-1251"), "Пр")
    })
  )

  // TextDecoder throws for malformed characters in such pieces, and for gbk from Node 22 on.
  const torn: ReadonlyArray<readonly [label: string, text: string, pieces: ReadonlyArray<ReadonlyArray<number>>]> = [
    ["gbk", "a\ufffd6b", [[0x61, 0xe6], [0x36], [0x62]]],
    ["gb18030", "a\ufffd3V_", [[0x61, 0xab, 0x33], [0x56], [0x5f]]],
    ["gb18030", "a\ufffd3\ufffd b", [[0x61, 0xab, 0x33, 0xab], [0x20], [0x62]]],
    ["gb18030", "a𠀀b", [[0x61, 0x95], [0x32], [0x82], [0x36, 0x62]]]
  ]
  for (const [label, text, pieces] of torn) {
    it.effect(`in ${label} is equal in pieces that split malformed characters: ${JSON.stringify(text)}`, () =>
      Effect.gen(function* () {
        const { end, push, response } = make(typed(`text/plain; charset=${label}`))
        const fiber = yield* Effect.fork(Stream.runCollect(response.lines))
        yield* Effect.yieldNow()
        for (const piece of [...pieces, [0x0a, 0x7a]]) {
          push(bytesOf(...piece))
          for (let turn = 0; turn < 4; turn++) yield* Effect.yieldNow()
        }
        end()
        assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(fiber)), [text, "z"])
      })
    )
  }

  it("is equal in pieces and as a whole, also if it is malformed", () => {
    const labels = ["gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "utf-16be", "utf-8"]
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...labels),
        (bytes, sizes, label) => {
          const streaming = new StreamingText(label, noFallback)
          let text = ""
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1
            text += streaming.push(bytes.subarray(at, at + size))
            at += size
          }
          assert.strictEqual(text + streaming.end(), decode(bytes, encodingOf(bytes, label, noFallback)))
        }
      ),
      { seed: 10, numRuns: 10_000 }
    )
  })

  it("equals the result of TextDecoder", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom("utf-8", "utf-16le", "shift_jis"),
        (bytes, label) => {
          const encoding = encodingOf(bytes, label, noFallback)
          const expected = new TextDecoder(encoding).decode(bytes)
          assert.strictEqual(decode(bytes, encoding), expected)
          const streaming = new StreamingText(label, noFallback)
          let text = ""
          for (const byte of bytes) text += streaming.push(bytesOf(byte))
          assert.strictEqual(text + streaming.end(), expected)
        }
      ),
      { seed: 4, numRuns: 300 }
    )
  })

  it.effect("is read as parameters of a form", () =>
    Effect.gen(function* () {
      const response = complete("a=1&b=%C3%A9+x&a=2", typed("application/x-www-form-urlencoded"))
      assert.deepStrictEqual(
        [...(yield* response.urlParamsBody)].map((pair) => [...pair]),
        [
          ["a", "1"],
          ["b", "é x"],
          ["a", "2"]
        ]
      )
    })
  )

  it.effect("is read as FormData", () =>
    Effect.gen(function* () {
      const body = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--x--\r\n'
      const form = yield* complete(body, typed("multipart/form-data; boundary=x")).formData
      assert.strictEqual(form.get("a"), "value")
      const error = failureOf(
        yield* Effect.exit(complete("nothing", typed("multipart/form-data; boundary=x")).formData)
      )
      assert.strictEqual(error._tag === "ClientPayloadError" && error.reason, "Framing")
    })
  )
})
