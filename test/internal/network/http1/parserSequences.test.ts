/**
 * The parser over several responses, splits and random bytes.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Parser } from "../../../../src/internal/network/http1/parser.js"
import {
  assertSame,
  bytesOf,
  cutAt,
  parseStrict as parse,
  parsePieces,
  strictLimits
} from "../../../support/replies.js"
import { cpuTime } from "../../../support/time.js"
import { chunked, many, ok, sized } from "./responses.js"

const seed = 20261122

describe("parser failures", () => {
  it("show at most 100 printable characters of the line at fault", () => {
    const outcome = parse(sized(`X: ${"\xff".repeat(200)}\x01after\r\n`))
    assert.isAtMost(outcome.excerpt?.length ?? 0, 100)
    assert.match(outcome.excerpt ?? "", /^[\x20-\x7e]+$/)
    assert.strictEqual(parse(sized("X: before\x01after\r\n")).excerpt, "X: before\\x01after")
    assert.strictEqual(parse("SSH-2.0-OpenSSH_9.7\r\n").excerpt, "SSH-2.0-OpenSSH_9.7")
  })

  it.each(["Set-Cookie", "WWW-Authenticate", "X-Auth-Token", "Location"])("do not show the value of %s", (name) => {
    for (const raw of [sized(`${name}: s3cr3t\x01\r\n`), sized(`${name}: s3cr3t${"x".repeat(9000)}\r\n`)]) {
      const outcome = parse(raw)
      assert.strictEqual(outcome.result, "failed")
      assert.notInclude(JSON.stringify(outcome), "s3cr3t")
    }
    assert.notInclude(JSON.stringify(parse(sized(`${name}: a\r\n s3cr3t\r\n`))), "s3cr3t")
  })
})

describe("a parser", () => {
  const recording = () => {
    const seen: Array<string> = []
    const parser: Parser = new Parser(strictLimits, {
      onInformational: (head) => seen.push(`informational ${head.status}`),
      onHead: (head) => seen.push(`head ${head.status}`),
      onBody: (slab, start, end) => seen.push(`body ${slab.toString("latin1", start, end)}`),
      onComplete: () => seen.push("complete")
    })
    return { parser, seen }
  }

  it("parses several responses, each with its own facts", () => {
    const { parser, seen } = recording()
    for (const [status, raw] of [
      [200, sized("Connection: close\r\n")],
      [201, chunked("2\r\nok\r\n0\r\nA: b\r\n\r\n").replace("200", "201")],
      [202, sized("").replace("200", "202")]
    ] as const) {
      parser.expect("GET", false)
      assert.isFalse(parser.started)
      for (const piece of cutAt(bytesOf(raw), [3, 20, 40])) parser.execute(Buffer.from(piece), 0, piece.length)
      assert.isTrue(parser.started)
      assert.deepStrictEqual(
        seen.splice(0).filter((entry) => !entry.startsWith("body")),
        [`head ${status}`, "complete"]
      )
    }
  })

  it("refuses bytes before any request", () => {
    const { parser, seen } = recording()
    assert.strictEqual(parser.execute(bytesOf(sized("")), 0, 10), -1)
    assert.strictEqual(parser.failure?.reason, "Unsolicited")
    assert.deepStrictEqual(seen, [])
  })

  it("parses nothing after a complete response, even if a callback starts the next request", () => {
    const seen: Array<string> = []
    const parser: Parser = new Parser(strictLimits, {
      onInformational: () => {},
      onHead: (head) => seen.push(String(head.status)),
      onBody: () => {},
      onComplete: () => {
        seen.push("complete")
        parser.expect("GET", false)
      }
    })
    parser.expect("GET", false)
    const raw = bytesOf(sized("") + sized(""))
    assert.strictEqual(parser.execute(raw, 0, raw.length), sized("").length)
    assert.deepStrictEqual(seen, ["200", "complete"])
  })

  it("remains failed, and reports nothing else", () => {
    const { parser, seen } = recording()
    parser.expect("GET", false)
    const raw = bytesOf(`HTTP/1.1 200 OK\r\nBad\r\n\r\n${sized("")}`)
    assert.strictEqual(parser.execute(raw, 0, raw.length), -1)
    assert.strictEqual(parser.execute(raw, 0, raw.length), -1)
    assert.isFalse(parser.finish())
    assert.deepStrictEqual(seen, [])
  })

  it("reports nothing after stop", () => {
    for (const raw of [sized(""), chunked("2\r\nok\r\n0\r\n\r\n"), ok("", "abc"), "HTTP/1.1 204 x\r\n\r\n"]) {
      const seen: Array<string> = []
      const parser: Parser = new Parser(strictLimits, {
        onInformational: () => {},
        onHead: () => {
          seen.push("head")
          parser.stop()
        },
        onBody: () => seen.push("body"),
        onComplete: () => seen.push("complete")
      })
      parser.expect("GET", false)
      const bytes = bytesOf(raw)
      assert.strictEqual(parser.execute(bytes, 0, bytes.length), bytes.length)
      assert.isFalse(parser.finish())
      assert.deepStrictEqual(seen, ["head"])
    }
  })

  it("counts the bytes of received heads", () => {
    const { parser } = recording()
    parser.expect("GET", false)
    assert.strictEqual(parser.headBytes, 0)
    const raw = bytesOf("\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 2")
    for (let at = 0; at < raw.length; at++) {
      parser.execute(raw, at, at + 1)
      assert.strictEqual(parser.headBytes, at + 1)
    }
  })

  it("merges small chunks into few pieces", () => {
    const { parser, seen } = recording()
    parser.expect("GET", false)
    const raw = bytesOf(chunked(`${many(1000, () => "1\r\nx\r\n")}0\r\n\r\n`))
    parser.execute(raw, 0, raw.length)
    assert.deepStrictEqual(seen, ["head 200", `body ${"x".repeat(1000)}`, "complete"])
  })

  it("takes time proportional to its input, byte by byte", () => {
    const raw = bytesOf(
      ok(
        many(120, (i) => `h${i}: ${"v".repeat(500)}\r\n`),
        "x"
      )
    )
    const spent = cpuTime()
    const outcome = parsePieces(
      [...raw].map((byte) => Uint8Array.of(byte)),
      { limits: strictLimits }
    )
    assert.strictEqual(outcome.result, "complete")
    assert.isBelow(spent(), 3000)
  })
})

describe("any sequence of bytes", () => {
  const piece = fc.constantFrom(
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "200",
    "103",
    "101",
    "204",
    "304",
    " OK",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    "A: b",
    "Content-Length: 3",
    "Content-Length: 2, 2",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "abc",
    "0",
    "2",
    "a",
    ";x=y",
    "\0",
    "\xff"
  )
  const soup = fc.array(fc.oneof(piece, fc.string({ unit: "binary-ascii", maxLength: 4 })), { maxLength: 30 })
  const lead = fc.constantFrom(
    "",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
  )
  const options = fc.record({ method: fc.constantFrom("GET", "HEAD", "CONNECT"), upgrade: fc.boolean() })
  const limits = fc.constantFrom(
    {},
    { maxLineSize: 20, maxHeadSize: 60, maxHeaders: 2, maxTrailerSize: 30, maxChunkExtension: 4 }
  )

  it("has one outcome in pieces of any size, and never throws", () => {
    fc.assert(
      fc.property(
        lead,
        soup,
        options,
        limits,
        fc.array(fc.nat(400), { maxLength: 8 }),
        (first, rest, given, limits, places) => {
          const raw = bytesOf(first + rest.join(""))
          const all = { ...given, limits }
          const whole = parsePieces([raw], all)
          const inside = places.filter((place) => place < raw.length)
          assertSame(parsePieces(cutAt(raw, inside), all), whole, `cut at ${inside}`)
          const single = [...raw].map((byte) => Uint8Array.of(byte))
          assertSame(parsePieces(single, all), whole, "cut into single bytes")
        }
      ),
      { seed, numRuns: 4000 }
    )
  })
})
