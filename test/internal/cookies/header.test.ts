import { assert, describe, it } from "@effect/vitest"
import { quote } from "../../../src/internal/cookies/header.js"
import { fromWire, setCookieLines, toWire } from "../../../src/internal/cookies/wire.js"
import type { Head } from "../../../src/internal/transport/transport.js"

describe("quote", () => {
  // The output of http.cookies of Python.
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

describe("wire", () => {
  it("encodes text as UTF-8, and other octets as Latin-1", () => {
    assert.strictEqual(toWire("é"), "\xc3\xa9")
    assert.strictEqual(fromWire("\xc3\xa9"), "é")
    assert.strictEqual(fromWire("\xe9"), "é")
    assert.strictEqual(fromWire("\xef\xbb\xbfa"), "\ufeffa")
  })

  it("reads Set-Cookie lines as octets", () => {
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
