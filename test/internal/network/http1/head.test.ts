import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { decodeText, headOf, type ParsedHead } from "../../../../src/internal/network/http1/head.js"
import { defaultLimits } from "../../../../src/internal/network/http1/limits.js"
import { Parser } from "../../../../src/internal/network/http1/parser.js"

const headFrom = (fields: string): ParsedHead => {
  const heads: Array<ParsedHead> = []
  const parser = new Parser(defaultLimits, {
    onInformational: () => {},
    onHead: (head) => heads.push(head),
    onBody: () => {},
    onComplete: () => {}
  })
  parser.expect("GET", false)
  const raw = Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n`, "latin1")
  parser.execute(raw, 0, raw.length)
  // A head does not refer to the slab.
  raw.fill(0)
  return heads[0]
}

describe("ParsedHead", () => {
  it("finds fields by lower-case name", () => {
    const head = headFrom("Set-Cookie: a=1\r\nX-A: x\r\nset-cookie: b=2\r\nEmpty:\r\n")
    assert.strictEqual(head.count, 4)
    assert.strictEqual(head.name(0), "Set-Cookie")
    assert.strictEqual(head.get("set-cookie"), "a=1")
    assert.deepStrictEqual(head.getAll("set-cookie"), ["a=1", "b=2"])
    assert.strictEqual(head.get("empty"), "")
    assert.strictEqual(head.get("absent"), undefined)
    assert.deepStrictEqual(head.getAll("absent"), [])
    assert.strictEqual(head.get("x-b"), undefined)
  })

  it("treats names of Object.prototype as ordinary names", () => {
    const head = headFrom("__proto__: x\r\n")
    assert.strictEqual(head.get("__proto__"), "x")
    assert.strictEqual(head.get("constructor"), undefined)
    assert.strictEqual(head.get("tostring"), undefined)
  })

  it("keeps the bytes of each field separately", () => {
    const head = headFrom("A: \t\xff\xfe \r\nB: \xc3\xa9\r\n")
    assert.deepStrictEqual(
      head.raw().map(([name, value]) => [[...name], [...value]]),
      [
        [[0x41], [0xff, 0xfe]],
        [[0x42], [0xc3, 0xa9]]
      ]
    )
    assert.strictEqual(head.get("a"), "\xff\xfe")
    assert.strictEqual(head.get("b"), "é")
  })

  it("does not keep a long head in memory for a short value", () => {
    const head = headFrom(`A: ${"v".repeat(6000)}\r\nB: ${"short value, but long enough"}\r\n`)
    assert.strictEqual(head.get("b"), "short value, but long enough")
    assert.strictEqual(head.get("a")?.length, 6000)
    assert.strictEqual(head.name(1), "B")
  })
})

describe("decodeText", () => {
  it("decodes valid UTF-8, and keeps the bytes otherwise", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const latin1 = Buffer.from(bytes).toString("latin1")
        const text = decodeText(latin1)
        const utf8 = Buffer.from(text, "utf8")
        assert.isTrue(utf8.equals(bytes) || text === latin1)
      }),
      { seed: 20261122, numRuns: 500 }
    )
    assert.strictEqual(decodeText("\xed\xa0\x80"), "\xed\xa0\x80")
    assert.strictEqual(decodeText("\xc0\x8a"), "\xc0\x8a")
  })
})

describe("headOf", () => {
  it("makes a head from pairs", () => {
    const head = headOf({
      status: 201,
      headers: [
        ["A", "é"],
        ["b", "1"],
        ["a", "2"]
      ],
      contentLength: 3
    })
    assert.strictEqual(head.status, 201)
    assert.strictEqual(head.reason, "")
    assert.strictEqual(head.version, "1.1")
    assert.strictEqual(head.count, 3)
    assert.strictEqual(head.name(1), "b")
    assert.strictEqual(head.value(2), "2")
    assert.strictEqual(head.get("a"), "é")
    assert.strictEqual(head.get("c"), undefined)
    assert.deepStrictEqual(head.getAll("a"), ["é", "2"])
    assert.deepStrictEqual([...head.raw()[0][1]], [0xc3, 0xa9])
    assert.strictEqual(head.contentLength, 3)
  })
})
