import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type { JsonOptions } from "../../../../src/ClientResponse.js"
import { faultOf } from "../../../../src/internal/errors/jsonText.js"
import { decode, encodingOf, noFallback, StreamingText } from "../../../../src/internal/response/body/charset.js"
import { LineDecoder, LineSplitter } from "../../../../src/internal/response/body/lines.js"
import { perTurn } from "../../../support/perTurn.js"
import { complete, type Given, make } from "../support.js"

const typed = (contentType: string): Given => ({ headers: [["Content-Type", contentType]] })

const bytesOf = (...codes: ReadonlyArray<number>) => Uint8Array.from(codes)

const failureOf = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit)) throw new Error("It succeeded")
  return Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))
}

/** UTF-16BE with its mark. */
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

  it.effect("calls a function for the fallback encoding, and survives its failure", () =>
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

  // TextDecoder throws on the malformed ones where they come in such pieces, on gbk from Node 22 on.
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

  it("is equal in pieces and as a whole, however malformed and split", () => {
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

describe("the JSON of a body", () => {
  const jsonTypes = [
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;foo=bar",
    "application/problem+json",
    "application/vnd.api+JSON; x=y",
    "model/gltf+json",
    "text/json",
    "TEXT/JSON;charset=utf-8",
    "*/*+json",
    "text/html, application/json",
    "application/json, application/json",
    "application/json; charset=utf-8, application/json",
    "application/json, */*",
    "application/json, garbage",
    'text/html; x="a, application/xml", application/json'
  ]
  const otherTypes = [
    "application/jsonp",
    "application/json-seq",
    "application/x-json",
    "text/html",
    "text/html; x=application/json",
    'text/html; x=", application/json"',
    "application/json, text/html",
    "application/octet-stream",
    "garbage",
    "json",
    "",
    undefined
  ]
  const withType = (contentType: string | undefined): Given => (contentType === undefined ? {} : typed(contentType))
  for (const contentType of [...jsonTypes, ...otherTypes]) {
    const jsonType = contentType !== undefined && jsonTypes.includes(contentType)
    it.effect(`is parsed with type ${JSON.stringify(contentType)}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* complete('{"a":1}', withType(contentType)).json, { a: 1 })
      })
    )

    it.effect(`fails for other text of type ${JSON.stringify(contentType)} with the error for that type`, () =>
      Effect.gen(function* () {
        const response = complete("<html>", { status: 502, ...withType(contentType) })
        const error = failureOf(yield* Effect.exit(response.json))
        assert.strictEqual(error._tag, jsonType ? "JsonDecodeError" : "ContentTypeError")
        if (error._tag === "ContentTypeError") {
          const { contentType: got, excerpt, expected, message, status } = error
          assert.deepStrictEqual(
            [status, got, expected, excerpt],
            [502, contentType ?? "", "application/json", "<html>"]
          )
          if (contentType !== "application/octet-stream") assert.notInclude(message, "octet-stream")
          assert.notInclude(message, "<html>")
        }
        // Another decoder can still read the body.
        assert.strictEqual(yield* response.text, "<html>")
      })
    )
  }

  it.effect("has the same type whether Content-Type is sent twice or joined by a comma", () =>
    Effect.gen(function* () {
      const headers = [
        ["Content-Type", "text/html"],
        ["Content-Type", "application/json"]
      ] as const
      const response = complete("<html>", { headers })
      assert.strictEqual(response.contentType, "application/json")
      assert.strictEqual(failureOf(yield* Effect.exit(response.json))._tag, "JsonDecodeError")
      const other = complete("<html>", { headers: [...headers].reverse() })
      const error = failureOf(yield* Effect.exit(other.json))
      assert.strictEqual(error._tag === "ContentTypeError" && error.contentType, "application/json, text/html")
    })
  )

  const charsets: ReadonlyArray<readonly [contentType: string, charset: string | undefined]> = [
    ["text/plain; charset=windows-1251, text/plain", "windows-1251"],
    ["text/plain; charset=windows-1251, text/html", undefined],
    ["text/html, text/plain; charset=utf-16be", "utf-16be"],
    ["text/plain; charset=utf-16be, text/plain; charset=utf-8", "utf-8"],
    ["text/plain; charset=utf-16be, */*; charset=utf-8", "utf-16be"]
  ]
  for (const [contentType, charset] of charsets) {
    it(`the charset of ${contentType} is ${charset}`, () => {
      assert.deepStrictEqual(complete("", typed(contentType)).charset, Option.fromNullable(charset))
    })
  }

  const demands: ReadonlyArray<readonly [contentType: string | undefined, wanted: string, passes: boolean]> = [
    ["text/html; charset=utf-8", "text/HTML", true],
    ["application/json, text/html", "text/html", true],
    ["text/html-x", "text/html", false],
    ["application/problem+json", "application/json", false],
    ["text/json", "application/json", false],
    [undefined, "application/json", false],
    [undefined, "application/octet-stream", false]
  ]
  for (const [contentType, wanted, passes] of demands) {
    it.effect(`is checked for type ${wanted} in jsonWith with ${contentType}`, () =>
      Effect.gen(function* () {
        const response = complete('{"a":1}', withType(contentType))
        const exit = yield* Effect.exit(response.jsonWith({ contentType: wanted }))
        if (passes) {
          assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value, { a: 1 })
          return
        }
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "ContentTypeError")
        if (error._tag !== "ContentTypeError") return
        assert.deepStrictEqual(
          [error.contentType, error.expected, error.excerpt],
          [contentType ?? "", wanted, '{"a":1}']
        )
        assert.strictEqual(yield* response.text, '{"a":1}')
      })
    )
  }

  it.effect("fails with JsonDecodeError for every type with contentType: false", () =>
    Effect.gen(function* () {
      const response = complete("<html>", typed("text/html"))
      assert.strictEqual(
        failureOf(yield* Effect.exit(response.jsonWith({ contentType: false })))._tag,
        "JsonDecodeError"
      )
    })
  )

  it.effect("has a bounded excerpt in its error", () =>
    Effect.gen(function* () {
      const error = failureOf(yield* Effect.exit(complete(`<${"é".repeat(2000)}`, typed("text/html")).json))
      assert.strictEqual(error._tag === "ContentTypeError" && error.excerpt, `<${"é".repeat(499)}`)
    })
  )

  const empty: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
    ["no byte", new Uint8Array()],
    ["white space", Buffer.from(" \r\n\t")],
    ["a byte order mark", Buffer.from("\ufeff")]
  ]
  for (const [name, bytes] of empty) {
    it.effect(`is null for a body of ${name}`, () =>
      Effect.gen(function* () {
        for (const contentType of ["application/json", "text/html", undefined]) {
          const response = complete(bytes, { status: 204, ...withType(contentType) })
          assert.isNull(yield* response.json)
          assert.isNull(yield* response.jsonWith({ contentType: false }))
        }
      })
    )
  }

  const faults: ReadonlyArray<readonly [text: string, position: number]> = [
    ["x", 0],
    ["{", 1],
    ["{a:1}", 1],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{"a":1 "b"}', 7],
    ["[1,2", 4],
    ["[1,]", 3],
    ["[1 2]", 3],
    ["[]]", 2],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ["01", 1],
    ["nul", 0],
    ["<!DOCTYPE html>", 0],
    ['{"a":"b"} trailing', 10],
    ["[[[[", 4]
  ]
  for (const [text, position] of faults) {
    it.effect(`of ${JSON.stringify(text)} is invalid at ${position}`, () =>
      Effect.gen(function* () {
        const error = failureOf(yield* Effect.exit(complete(text, typed("application/json")).json))
        assert.strictEqual(error._tag, "JsonDecodeError")
        if (error._tag !== "JsonDecodeError") return
        assert.strictEqual(error.position, position)
        assert.isAtMost(error.excerpt.length, 100)
        assert.strictEqual(error.excerpt, text)
      })
    )
  }

  it("fails at the position at which JSON.parse fails", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (text, at, char) => {
        assert.strictEqual(faultOf(text), text.length)
        const changed = text.slice(0, at % (text.length + 1)) + char + text.slice(at % (text.length + 1))
        let valid = true
        try {
          JSON.parse(changed)
        } catch {
          valid = false
        }
        if (valid) assert.strictEqual(faultOf(changed), changed.length)
        assert.strictEqual(faultOf(`${text}\u0001`), text.length)
      }),
      { seed: 5, numRuns: 2000 }
    )
  })

  it.effect("has a short excerpt around the fault", () =>
    Effect.gen(function* () {
      const text = `[${"1,".repeat(1000)}oops,${"2,".repeat(1000)}3]`
      const error = failureOf(yield* Effect.exit(complete(text, typed("application/json")).json))
      assert.strictEqual(error._tag, "JsonDecodeError")
      if (error._tag !== "JsonDecodeError") return
      assert.strictEqual(error.position, 2001)
      assert.strictEqual(error.excerpt.length, 100)
      assert.include(error.excerpt, "oops")
    })
  )

  it.effect("is read at any depth and size", () =>
    Effect.gen(function* () {
      const deep = yield* Effect.exit(complete("[".repeat(1_000_000), typed("application/json")).json)
      assert.strictEqual(failureOf(deep)._tag, "JsonDecodeError")
      const long = yield* Effect.exit(complete(`"${"a".repeat(5_000_000)}`, typed("application/json")).json)
      const error = failureOf(long)
      assert.strictEqual(error._tag === "JsonDecodeError" && error.position, 5_000_001)
    })
  )

  it.effect("pollutes no prototype", () =>
    Effect.gen(function* () {
      const value = yield* complete('{"__proto__":{"polluted":1}}', typed("application/json")).json
      assert.isUndefined(Reflect.get({}, "polluted"))
      assert.deepStrictEqual(Object.keys(value ?? {}), ["__proto__"])
    })
  )

  it.effect("is decoded by charset, byte order mark and the caller's encoding", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* complete("\ufeff1", typed("application/json")).json, 1)
      const cyrillic = bytesOf(0x22, 0xcf, 0x22)
      assert.strictEqual(yield* complete(cyrillic, typed("application/json; charset=windows-1251")).json, "П")
      assert.strictEqual(yield* complete(cyrillic, typed("application/json")).jsonWith({ encoding: "cp1251" }), "П")
      assert.strictEqual(yield* complete(bytesOf(0x22, 0xff, 0x22), typed("application/json")).json, "\ufffd")
    })
  )

  it.effect("is parsed by the caller's parser, whatever it throws", () =>
    Effect.gen(function* () {
      const options = (parse: (text: string) => unknown): JsonOptions => ({ parse })
      const response = complete("[1]", typed("application/json"))
      assert.strictEqual(yield* response.jsonWith(options((text) => text.length)), 3)
      for (const thrown of [new Error("at position 1"), "text", undefined, new SyntaxError("x at position 99")]) {
        const exit = yield* Effect.exit(
          response.jsonWith(
            options(() => {
              throw thrown
            })
          )
        )
        const error = failureOf(exit)
        assert.strictEqual(error._tag, "JsonDecodeError")
        if (error._tag === "JsonDecodeError") assert.strictEqual(error.excerpt, "[1]")
      }
    })
  )
})

describe("the lines of a body", () => {
  const linesOf = (text: string, pieceSize: number) =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      const fiber = yield* Effect.fork(Stream.runCollect(response.lines))
      yield* Effect.yieldNow()
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += pieceSize) push(bytes.subarray(at, at + pieceSize))
      end()
      return Chunk.toReadonlyArray(yield* Fiber.join(fiber))
    })

  const cases: ReadonlyArray<readonly [text: string, lines: ReadonlyArray<string>]> = [
    ["", []],
    ["a", ["a"]],
    ["a\n", ["a"]],
    ["a\nb", ["a", "b"]],
    ["a\r\nb\r\n", ["a", "b"]],
    ["\n\n", ["", ""]],
    ["\r\n", [""]],
    ["a\rb\n", ["a\rb"]],
    ["a\n\n\r\nb", ["a", "", "", "b"]],
    ["é\n€", ["é", "€"]]
  ]
  for (const [text, lines] of cases) {
    it.effect(JSON.stringify(text), () =>
      Effect.gen(function* () {
        for (const size of [1, 2, 100]) assert.deepStrictEqual(yield* linesOf(text, size), lines)
      })
    )
  }

  const mib = 1024 * 1024
  it.effect("may have 1 MiB and no more", () =>
    Effect.gen(function* () {
      const longest = "x".repeat(mib)
      for (const text of [`${longest}\r\nb`, `a\n${longest}`]) {
        assert.strictEqual((yield* linesOf(text, 50_000)).length, 2)
      }
      for (const text of [`a\n${longest}y\nb`, `a\n${longest}y`, `a\n${longest}${longest}${longest}`]) {
        const seen: Array<string> = []
        const response = complete(text)
        const exit = yield* Effect.exit(Stream.runForEach(response.lines, (line) => Effect.sync(() => seen.push(line))))
        const error = failureOf(exit)
        assert.strictEqual(error._tag === "ClientPayloadError" && error.reason, "LineTooLong")
        assert.deepStrictEqual(seen, ["a"])
      }
    })
  )

  it.live("are complete and in order if they exceed one turn", () =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: 20_000 }, (_, index) => `${index}`)
      for (const end of ["", "\n"]) {
        const { most, value } = yield* perTurn((count) =>
          complete(numbers.join("\n") + end).lines.pipe(
            Stream.chunks,
            Stream.tap((chunk) => Effect.sync(() => count(chunk.length))),
            Stream.flattenChunks,
            Stream.runCollect
          )
        )
        assert.deepStrictEqual(Chunk.toReadonlyArray(value), numbers)
        assert.isAtMost(most, 8192)
      }
    })
  )

  it("do not depend on how many are read at a time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "é", "\n", "\r", "\r\n"), { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (parts, lines) => {
          const read = (most: number) => {
            const decoder = new LineDecoder("utf-8", noFallback)
            const out: Array<string> = []
            const all = () => {
              while (decoder.read(out, most) === 0) {}
            }
            for (const part of parts) {
              decoder.push(Buffer.from(part))
              all()
            }
            decoder.end()
            all()
            return out
          }
          assert.deepStrictEqual(read(lines), read(Infinity))
        }
      ),
      { seed: 8, numRuns: 200 }
    )
  })

  it("are measured in bytes of UTF-8", () => {
    // 10 bytes: four letters of two, and a line end that does not count.
    const rows: ReadonlyArray<readonly [text: string, fits: boolean]> = [
      ["0123456789", true],
      ["0123456789a", false],
      ["ééééé", true],
      ["éééééa", false],
      ["€€€a", true],
      ["€€€aa", false],
      ["😀😀aa", true],
      ["😀😀😀", false]
    ]
    for (const [text, fits] of rows) {
      for (const end of ["\n", "\r\n", ""]) {
        for (const size of [1, 3, 100]) {
          const splitter = new LineSplitter(10)
          const out: Array<string> = []
          let refusal: unknown
          const all = [...`${text}${end}`]
          for (let at = 0; at < all.length && refusal === undefined; at += size) {
            splitter.push(all.slice(at, at + size).join(""))
            const read = splitter.read(out, Infinity)
            if (typeof read !== "number") refusal = read
          }
          refusal ??= splitter.end(out)
          assert.deepStrictEqual([refusal === undefined, out], [fits, fits ? [text] : []], JSON.stringify([text, end]))
        }
      }
    }
  })

  it.effect("are refused while an endless line arrives", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make()
      const fiber = yield* Effect.fork(Effect.exit(Stream.runDrain(response.lines)))
      for (let piece = 0; piece < 40; piece++) {
        push(new Uint8Array(64 * 1024).fill(0x61))
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
      }
      const error = failureOf(yield* Fiber.join(fiber))
      assert.strictEqual(error._tag === "ClientPayloadError" && error.reason, "LineTooLong")
      assert.strictEqual(calls.abandoned, 1)
    })
  )

  it("equal those of split, in any pieces", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "é", "\n", "\r", "\r\n", ""), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        async (parts, size) => {
          const text = parts.join("")
          const expected = text
            .split("\n")
            .map((line, index, all) => (index < all.length - 1 || line.endsWith("\r") ? line.replace(/\r$/, "") : line))
          if (text === "" || text.endsWith("\n")) expected.pop()
          assert.deepStrictEqual(await Effect.runPromise(linesOf(text, size)), expected)
        }
      ),
      { seed: 6, numRuns: 200 }
    )
  })
})
