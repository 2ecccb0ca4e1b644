/**
 * Lines of a body.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { noFallback } from "../../../../src/internal/response/body/charset.js"
import { LineDecoder, LineSplitter } from "../../../../src/internal/response/body/lines.js"
import { perTurn } from "../../../support/perTurn.js"
import { complete, make } from "../support.js"
import { failureOf } from "./support.js"

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
  it.effect("have at most 1 MiB", () =>
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

  it.live("are complete and in order over several turns", () =>
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
    // The limit is 10 bytes, without the line end.
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

  it.effect("fail while an endless line arrives", () =>
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
