import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as fc from "fast-check"
import { mergeHeader, type Pair, parseHeader, quote, serialize } from "../../../src/internal/cookies/header.js"
import { fromWire, setCookieLines, toWire } from "../../../src/internal/cookies/wire.js"
import type { Head } from "../../../src/internal/transport/Transport.js"

describe("quote", () => {
  // What Python's http.cookies writes.
  const rows: ReadonlyArray<readonly [value: string, quoted: string]> = [
    ["abc", "abc"],
    ["a:b", "a:b"],
    ["", '""'],
    ["a,b", '"a\\054b"'],
    ["a;b", '"a\\073b"'],
    ["a b", '"a b"'],
    ["val/one", '"val/one"'],
    ["a=b", '"a=b"'],
    ["é", '"\\351"'],
    ['a"b', '"a\\"b"'],
    ["a\\b", '"a\\\\b"'],
    ["a\nb", '"a\\012b"'],
    ['"a b"', '"a b"']
  ]
  for (const [value, quoted] of rows) it(JSON.stringify(value), () => assert.strictEqual(quote(value), quoted))
})

describe("serialize", () => {
  it("sends values as they are", () =>
    assert.deepStrictEqual(
      serialize([
        ["a", '"b=c, %20"'],
        ["é", "ü"]
      ]),
      Either.right(`a="b=c, %20"; ${toWire("é=ü")}`)
    ))

  const refused: ReadonlyArray<Pair> = [
    ["", "a"],
    ["a", "1; Domain=evil"],
    ["a", "1\r\nX: y"],
    ["a", "\x00"],
    ["a", "\x01"],
    ["a", "\t"],
    ["a", "\x7f"],
    ["a", "\u010a"],
    ["a", "\u560a"],
    ["a", "\ud800"],
    ["a;b", ""],
    ["a=b", ""],
    ["a\n", ""],
    [" a", ""],
    ["a ", ""],
    ["\u560a", ""]
  ]
  for (const pair of refused) {
    it(`refuses ${JSON.stringify(pair)} and does not show it`, () => {
      const result = serialize([["ok", "1"], pair])
      assert.isTrue(Either.isLeft(result))
      if (Either.isLeft(result) && pair[1].length > 1) assert.notInclude(result.left, pair[1])
    })
  }

  it("gives back what it was given, or refuses: no cookie becomes two", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), { maxLength: 4 }),
        (pairs) => {
          const result = serialize(pairs)
          if (Either.isLeft(result)) return
          const parsed = parseHeader(result.right)
          assert.deepStrictEqual(
            parsed.map(([name, value]) => [fromWire(name), fromWire(value)]),
            pairs.map(([name, value]) => [name, value.trim()])
          )
        }
      ),
      { seed: 6265, numRuns: 1000 }
    ))
})

describe("mergeHeader", () => {
  const jar: ReadonlyArray<Pair> = [
    ["a", "1"],
    ["b", "2"],
    ["a", "3"],
    ["", "bare"]
  ]
  it("the request's replace the jar's of the same name", () =>
    assert.deepStrictEqual(mergeHeader(jar, [["a", "9"]]), Either.right("b=2; bare; a=9")))
  it("only the jar's", () => assert.deepStrictEqual(mergeHeader(jar, []), Either.right("a=1; b=2; a=3; bare")))
  it("only the request's", () => assert.deepStrictEqual(mergeHeader([], [["a", ""]]), Either.right("a=")))
  it("none", () => assert.deepStrictEqual(mergeHeader([], []), Either.right("")))
  it("refuses for the request's", () => assert.isTrue(Either.isLeft(mergeHeader(jar, [["a", ";"]]))))
})

describe("wire", () => {
  it("text is UTF-8, and octets that are not are Latin-1", () => {
    assert.strictEqual(toWire("é"), "\xc3\xa9")
    assert.strictEqual(fromWire("\xc3\xa9"), "é")
    assert.strictEqual(fromWire("\xe9"), "é")
    assert.strictEqual(fromWire("\xef\xbb\xbfa"), "\ufeffa")
  })

  it("Set-Cookie lines are taken as octets", () => {
    const fields: ReadonlyArray<readonly [name: string, octets: string]> = [
      ["Set-Cookie", "a=1"],
      ["Other", "x"],
      ["set-cookie", "b=\xe9"],
      ["SET-COOKIE", "c=\xc3\xa9"]
    ]
    const head: Pick<Head, "count" | "name" | "value" | "raw"> = {
      count: fields.length,
      name: (index) => fields[index]?.[0] ?? "",
      value: (index) => fromWire(fields[index]?.[1] ?? ""),
      raw: () => fields.map(([name, octets]) => [Buffer.from(name), Buffer.from(octets, "latin1")])
    }
    assert.deepStrictEqual(setCookieLines(head), ["a=1", "b=\xe9", "c=\xc3\xa9"])
  })
})
