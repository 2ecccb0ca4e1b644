/**
 * Deviations that the parser tolerates by default and refuses in strict mode: each reply whole, cut at every byte, and
 * in single bytes.
 */
import { assert, describe, it } from "@effect/vitest"
import { defaultLimits } from "../../../../src/internal/network/http1/limits.js"
import { Parser } from "../../../../src/internal/network/http1/parser.js"
import { assertLinear } from "../../../support/growth.js"
import { type Options, type Outcome, parse, parsePieces, parseStrict } from "../../../support/replies.js"

interface Row {
  readonly name: string
  readonly raw: string
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly body?: string
  readonly reason?: string
  readonly trailers?: Outcome["trailers"]
  readonly deviations: ReadonlyArray<string>
  readonly keepAlive: boolean
  /** The reason of the strict parser, or "same" if it accepts the reply too. */
  readonly strict: "StatusLine" | "Header" | "Framing" | "same"
  readonly options?: Options
}

const reply = (fields: string, body = "hello") => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 5\r\n\r\n${body}`
const chunked = (body: string, fields = "") => `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${body}`
const length = ["Content-Length", "5"] as const
const coding = ["Transfer-Encoding", "chunked"] as const

const rows: ReadonlyArray<Row> = [
  {
    name: "LF ends every line",
    raw: "HTTP/1.1 200 OK\nA: b\nContent-Length: 5\n\nhello",
    headers: [["A", "b"], length],
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "StatusLine"
  },
  {
    name: "LF ends one field line",
    raw: "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\r\nhello",
    headers: [["A", "b"], length],
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "LF ends the head",
    raw: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello",
    headers: [length],
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "LF ends a status line without a reason",
    raw: "HTTP/1.1 200\nContent-Length: 5\n\nhello",
    headers: [length],
    reason: "",
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "StatusLine"
  },
  {
    name: "LF precedes the status line",
    raw: `\n${reply("")}`,
    headers: [length],
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "StatusLine"
  },
  {
    name: "LF ends an informational head",
    raw: `HTTP/1.1 103 Early Hints\nLink: </a>\n\n${reply("")}`,
    headers: [length],
    deviations: ["BareLineFeed"],
    keepAlive: false,
    strict: "StatusLine"
  },
  {
    name: "LF ends chunk sizes, chunks and trailers",
    raw: chunked("5\nhello\n0\nA: b\n\n"),
    headers: [coding],
    trailers: [["A", "b"]],
    deviations: ["BareLineFeed"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "LF ends one chunk size",
    raw: chunked("5\nhello\r\n0\r\n\r\n"),
    headers: [coding],
    deviations: ["BareLineFeed"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "LF ends a chunk extension",
    raw: chunked("5;a=b\nhello\r\n0;c\n\r\n"),
    headers: [coding],
    deviations: ["BareLineFeed"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "LF ends the trailer section",
    raw: chunked("5\r\nhello\r\n0\r\n\n"),
    headers: [coding],
    deviations: ["BareLineFeed"],
    keepAlive: true,
    strict: "Header"
  },
  {
    name: "a value continues on the next line",
    raw: reply("A: b\r\n c\r\n"),
    headers: [["A", "b c"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a value continues on three lines with tabs and spaces",
    raw: reply("A: b \t\r\n\t c\t\r\n  d\r\n"),
    headers: [["A", "b c d"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a value begins on the second of its lines",
    raw: reply("A:\t\r\n\t \r\n\tb\r\n"),
    headers: [["A", "b"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a value continues with white space alone",
    raw: reply("A: b\r\n \r\n"),
    headers: [["A", "b"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "Content-Length continues on the next line",
    raw: "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\nhello",
    headers: [length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "Connection continues on the next line",
    raw: reply("Connection:\r\n   close\r\n"),
    headers: [["Connection", "close"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a UTF-8 value continues on the next line",
    raw: reply("A: \xc3\xa9\r\n \xc3\xa9\r\n"),
    headers: [["A", "é é"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "white space precedes the first field",
    raw: reply(" \tA: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "LF within a value precedes a space",
    raw: reply("A: b\n c\r\n"),
    headers: [["A", "b c"], length],
    deviations: ["BareLineFeed", "FoldedLine"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a trailer continues on the next line",
    raw: chunked("5\r\nhello\r\n0\r\nA: b\r\n\tc\r\n\r\n"),
    headers: [coding],
    trailers: [["A", "b c"]],
    deviations: ["FoldedLine"],
    keepAlive: true,
    strict: "Header"
  },
  {
    name: "white space precedes the colon",
    raw: reply("A \t: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["SpaceBeforeColon"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "white space precedes the colon of Content-Length",
    raw: "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    headers: [length],
    deviations: ["SpaceBeforeColon"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a line whose name has a space is dropped",
    raw: reply("PHP Warning: cannot modify headers\r\nA: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["InvalidFieldName"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a line whose name has brackets is dropped with the lines that continue it",
    raw: reply("<b>Warning</b>: x\r\n y\r\nA: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["FoldedLine", "InvalidFieldName"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a line without a name is dropped",
    raw: reply(": x\r\nA: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["InvalidFieldName"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "a line whose name has a byte above 0x7f is dropped",
    raw: reply("caf\xe9: x\r\nA: b\r\n"),
    headers: [["A", "b"], length],
    deviations: ["InvalidFieldName"],
    keepAlive: false,
    strict: "Header"
  },
  {
    name: "control characters in a value are kept",
    raw: reply("A: b\x01\x7f\x0bc\r\n"),
    headers: [["A", "b\x01\x7f\x0bc"], length],
    deviations: ["ControlCharacter"],
    keepAlive: true,
    strict: "Header"
  },
  {
    name: "control characters in the reason are kept",
    raw: "HTTP/1.1 200 O\x08K\r\nContent-Length: 5\r\n\r\nhello",
    headers: [length],
    reason: "O\x08K",
    deviations: ["ControlCharacter"],
    keepAlive: true,
    strict: "StatusLine"
  },
  {
    name: "tabs and spaces around Content-Length are stripped",
    raw: "HTTP/1.1 200 OK\r\nContent-Length:\t 5 \t\r\n\r\nhello",
    headers: [length],
    deviations: [],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "tabs and spaces around Transfer-Encoding are stripped",
    raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: \tchunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    headers: [coding],
    deviations: [],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "chunked wins over Content-Length before it",
    raw: chunked("5\r\nhello\r\n0\r\n\r\n", "Content-Length: 3\r\nA: b\r\n"),
    headers: [["A", "b"], coding],
    deviations: ["LengthWithChunked"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "chunked wins over Content-Length after it",
    raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-length: 9\r\nA: b\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    headers: [coding, ["A", "b"]],
    deviations: ["LengthWithChunked"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "chunked counts once in one field",
    raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    headers: [["Transfer-Encoding", "chunked, Chunked"]],
    deviations: ["RepeatedChunked"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "chunked counts once in two fields",
    raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    headers: [coding, coding],
    deviations: ["RepeatedChunked"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "identity counts for nothing beside chunked",
    raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    headers: [["Transfer-Encoding", "identity, chunked"]],
    deviations: ["IdentityCoding"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "identity counts for nothing beside Content-Length",
    raw: reply("Transfer-Encoding: identity\r\n"),
    headers: [["Transfer-Encoding", "identity"], length],
    deviations: ["IdentityCoding"],
    keepAlive: false,
    strict: "Framing"
  },
  {
    name: "white space follows chunk sizes",
    raw: chunked("5 \t\r\nhello\r\n0  \r\n\r\n"),
    headers: [coding],
    deviations: ["ChunkSizeSpacing"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "white space precedes chunk sizes",
    raw: chunked(" 5\r\nhello\r\n\t0\r\n\r\n"),
    headers: [coding],
    deviations: ["ChunkSizeSpacing"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "chunk extensions have white space",
    raw: chunked("5 ; a = b\r\nhello\r\n0; c\r\n\r\n"),
    headers: [coding],
    deviations: ["ChunkSizeSpacing", "ChunkExtension"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "chunk extensions are free text",
    raw: chunked('5;;=\x01"(\r\nhello\r\n0;a="b\r\n\r\n'),
    headers: [coding],
    deviations: ["ChunkExtension"],
    keepAlive: true,
    strict: "Framing"
  },
  {
    name: "the status line has several spaces",
    raw: "HTTP/1.1   200  OK\r\nContent-Length: 5\r\n\r\nhello",
    headers: [length],
    deviations: ["StatusLineSpacing"],
    keepAlive: false,
    strict: "StatusLine"
  },
  {
    name: "the status line has tabs",
    raw: "HTTP/1.1\t200\tOK\r\nContent-Length: 5\r\n\r\nhello",
    headers: [length],
    deviations: ["StatusLineSpacing"],
    keepAlive: false,
    strict: "StatusLine"
  }
]

describe("the parser by default", () => {
  it.each(rows)("accepts a reply in which $name", (row) => {
    const outcome = parse(row.raw, row.options)
    assert.strictEqual(outcome.result, "complete", JSON.stringify(outcome))
    assert.deepStrictEqual(outcome.headers, row.headers)
    assert.strictEqual(outcome.reason, row.reason ?? "OK")
    assert.strictEqual(outcome.body, row.body ?? "hello")
    assert.deepStrictEqual(outcome.trailers, row.trailers ?? [])
    assert.deepStrictEqual(outcome.deviations, row.deviations)
    assert.strictEqual(outcome.keepAlive, row.keepAlive)
    assert.strictEqual(outcome.excess, 0)
  })

  const refused: ReadonlyArray<readonly [name: string, raw: string, reason: string]> = [
    ["a field line has no colon", reply("<br />\r\n"), "Header"],
    ["a field line ends before its colon by LF", reply("abc\n"), "Header"],
    ["a name with spaces has no colon", reply("PHP Warning\r\n"), "Header"],
    ["the first line is white space", reply("  \r\n"), "Header"],
    ["Content-Lengths differ", reply("Content-Length: 6\r\n"), "Framing"],
    [
      "Content-Lengths differ beside chunked",
      chunked("0\r\n\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n"),
      "Framing"
    ],
    ["Content-Length is negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Framing"],
    ["Content-Length is a word", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", "Framing"],
    ["Content-Length continues with more digits", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 5\r\n\r\nhello", "Framing"],
    ["a transfer coding is unknown", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "Framing"],
    [
      "a transfer coding continues with an unknown one",
      chunked("", "").replace("chunked\r\n", "chunked,\r\n gzip\r\n"),
      "Framing"
    ],
    ["Transfer-Encoding is empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n", "Framing"],
    ["HTTP/1.0 has a transfer coding", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Framing"],
    ["a control character hides Transfer-Encoding", reply("\x0bTransfer-Encoding: chunked\r\n"), "Framing"],
    ["a control character hides Content-Length", reply("Content-Length\x01: 3\r\n"), "Framing"],
    ["a value has NUL", reply("A: b\x00c\r\n"), "Header"],
    ["a name has NUL", reply("A\x00b: c\r\n"), "Header"],
    ["an invalid name has NUL", reply("A b\x00: c\r\n"), "Header"],
    ["a reason has NUL", "HTTP/1.1 200 O\x00K\r\n\r\n", "StatusLine"],
    ["a name has a bare CR", reply("A\rb: c\r\n"), "Header"],
    ["a value has a bare CR", reply("A: b\rc\r\n"), "Header"],
    ["a line begins with a bare CR", reply("\rA: b\r\n"), "Header"],
    ["the status line is HTTP/0.9", "<html>\r\n\r\n", "StatusLine"],
    ["the status line is in lower case", "http/1.1 200 OK\r\n\r\n", "StatusLine"],
    ["the status line is of ICY", "ICY 200 OK\r\n\r\n", "StatusLine"],
    ["the status line ends before its status", "HTTP/1.1\n200 OK\r\n\r\n", "StatusLine"],
    ["the status has two digits", "HTTP/1.1 20 OK\r\n\r\n", "StatusLine"],
    ["a chunk size has a gap", chunked("5 5\r\n"), "Framing"],
    ["a chunk is longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), "Framing"],
    ["a chunk size is empty", chunked("\r\n"), "Framing"],
    ["a chunk extension has a bare CR", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), "Framing"]
  ]

  it.each(refused)("refuses a reply in which %s", (_, raw, reason) => {
    const outcome = parse(raw)
    assert.strictEqual(outcome.result, "failed", JSON.stringify(outcome))
    assert.strictEqual(outcome.failure, reason)
    assert.strictEqual(parseStrict(raw).result, "failed")
  })

  it.each([
    ["in its status line", "HTTP/1.1 200 OK\n"],
    ["in a folded value", "HTTP/1.1 200 OK\nA: b\n c"],
    ["in its head", "HTTP/1.1 200 OK\nA: b\n"],
    ["in a chunk size", chunked("5 ")],
    ["in a chunk extension", chunked("5;a b")],
    ["before the last chunk", chunked("5\nhello\n")],
    ["in its trailers", chunked("5\nhello\n0\nA: b\n")]
  ])("does not accept a reply that is cut %s as complete", (_, raw) => {
    assert.strictEqual(parse(raw).result, "cut")
  })

  it("keeps folded values in the raw headers as one line of bytes", () => {
    const outcome = parse(reply("A: b\r\n c\r\n"))
    assert.deepStrictEqual(outcome.headers?.[0], ["A", "b c"])
  })

  it("limits white space and free text around chunk sizes by the bytes of an extension", () => {
    const limits = { maxChunkExtension: 8 }
    for (const line of [`5${" ".repeat(9)}`, `${" ".repeat(9)}5`, `5; ${"x".repeat(9)}`, `5;${" ".repeat(9)}`]) {
      const outcome = parse(chunked(`${line}\r\nhello\r\n0\r\n\r\n`), { limits })
      assert.strictEqual(outcome.failure, "Limit", line)
    }
    assert.strictEqual(parse(chunked(`5${" ".repeat(8)}\r\nhello\r\n0\r\n\r\n`), { limits }).result, "complete")
  })

  it.each([
    ["a folded value", (n: number) => reply(`A: b\r\n${" c\r\n".repeat(n)}`)],
    ["an invalid name", (n: number) => reply(`A b${"x".repeat(4 * n)}: c\r\n`)],
    ["white space before a colon", (n: number) => reply(`A${" ".repeat(4 * n)}: c\r\n`)],
    ["white space before the first field", (n: number) => reply(`${" ".repeat(4 * n)}A: c\r\n`)],
    [
      "white space in the status line",
      (n: number) => `HTTP/1.1 ${" ".repeat(4 * n)}200 OK\r\nContent-Length: 0\r\n\r\n`
    ]
  ])("limits %s by the bytes of the head", (_, make) => {
    const limits = { maxHeadSize: 4096, maxLineSize: 4096 }
    assert.strictEqual(parsePieces([Buffer.from(make(900), "latin1")], { limits }).result, "complete")
    assert.strictEqual(parse(make(1100), { limits }).failure, "Limit")
  })
})

describe("the time to read a head", () => {
  const ignoring = { onInformational: () => {}, onHead: () => {}, onBody: () => {}, onComplete: () => {} }
  /** Counts the bytes that the parser reads, with a proxy of the slab. */
  const reads = (raw: string): number => {
    let count = 0
    const counting = (slab: Buffer): Buffer =>
      new Proxy(slab, {
        get: (target, key) => {
          if (typeof key === "string" && key >= "0" && key <= "9999999") count++
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === "function" ? value.bind(target) : value
        }
      })
    const parser = new Parser(defaultLimits, ignoring)
    parser.expect("GET", false)
    const bytes = Buffer.from(raw, "latin1")
    parser.execute(counting(bytes), 0, bytes.length)
    assert.isUndefined(parser.failure)
    return count
  }
  const empty = "Content-Length: 0\r\n\r\n"
  const shapes: ReadonlyArray<readonly [name: string, make: (n: number) => string]> = [
    ["one long value", (n) => `HTTP/1.1 200 OK\r\nA: ${"b".repeat(n)}\r\n${empty}`],
    ["many fields", (n) => `HTTP/1.1 200 OK\r\n${"Abcdefgh: ijklmnop\r\n".repeat(n / 20)}${empty}`],
    ["a value of many folds", (n) => `HTTP/1.1 200 OK\r\nA: b\r\n${" c\r\n".repeat(n / 4)}${empty}`],
    ["a long invalid name", (n) => `HTTP/1.1 200 OK\r\nA ${"b".repeat(n)}: c\r\n${empty}`]
  ]
  it.each(shapes)("is proportional to the size of %s that arrives complete", (_, make) => {
    const [small, large] = [reads(make(4000)), reads(make(16_000))]
    assert.isAtMost(large, 4.2 * small)
  })

  it.each(shapes)("is linear in the size of %s that comes in single bytes", (name, make) => {
    assertLinear({
      name,
      size: 16_000,
      build: (size) => Buffer.from(make(size), "latin1"),
      run: (bytes) => {
        const parser = new Parser(
          { ...defaultLimits, maxHeaders: 20_000, maxHeadSize: 2 ** 20, maxLineSize: 2 ** 20 },
          ignoring
        )
        parser.expect("GET", false)
        for (let at = 0; at < bytes.length; at++) parser.execute(bytes, at, at + 1)
        assert.isUndefined(parser.failure)
      }
    })
  })

  it.each([
    ["one line of 256 KiB", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(262_000)}\r\n${empty}`],
    ["1000 fields", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(999)}${empty}`]
  ])("is within the default limits for %s, also in single bytes", (_, raw) => {
    const bytes = Buffer.from(raw, "latin1")
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
    assert.strictEqual(parsePieces(pieces).result, "complete")
  })
})

describe("the strict parser", () => {
  it.each(rows)("refuses a reply in which $name", (row) => {
    const outcome = parseStrict(row.raw, row.options)
    if (row.strict === "same") assert.strictEqual(outcome.result, "complete")
    else {
      assert.strictEqual(outcome.result, "failed", JSON.stringify(outcome))
      assert.strictEqual(outcome.failure, row.strict)
    }
    assert.deepStrictEqual(outcome.deviations, [])
  })
})
