import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Writer from "../../../src/internal/transport/http1/writer.js"

const { InvalidHeader } = Writer
const refused = (result: unknown): boolean => result instanceof InvalidHeader

/** What no part of a request's head may hold. */
const injections: ReadonlyArray<string> = [
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).filter((char) => char !== "\t"),
  "\x7f",
  "\r\nX: y",
  "\ud800",
  "\udfff"
].map((char) => `a${char}b`)

describe("headerLines", () => {
  it("writes fields in order, with their case and repetitions", () => {
    assert.strictEqual(
      Writer.headerLines([
        ["A", "1"],
        ["b", ""],
        ["A", "\t2 "]
      ]),
      "A: 1\r\nb: \r\nA: \t2 \r\n"
    )
    assert.strictEqual(Writer.headerLines([]), "")
  })

  it.each(injections.map((value) => [JSON.stringify(value), value]))(
    "refuses %s in a value, without showing it",
    (_, value) => {
      const result = Writer.headerLines([["X-Name", value]])
      assert.isTrue(refused(result))
      assert.strictEqual(result instanceof InvalidHeader ? result.option : "", "X-Name")
      assert.notInclude(JSON.stringify(result), value)
    }
  )

  it.each(
    [...injections, "", " ", "a b", "a:", ":", "a\t", "(a)", "é", "aĊb", "\u560a", "a\u212a", "{", "\u0130"].map(
      (name) => [JSON.stringify(name), name]
    )
  )("refuses the name %s", (_, name) => {
    const result = Writer.headerLines([[name, "v"]])
    assert.isTrue(refused(result))
    assert.match(JSON.stringify(result), /^[\x20-\x7e]*$/)
    // Not from a cache either.
    assert.isTrue(refused(Writer.headerLines([[name, "v"]])))
  })

  it("takes all token characters", () => {
    const name = "!#$%&'*+-.^_`|~09azAZ"
    assert.strictEqual(Writer.headerLines([[name, "v"]]), `${name}: v\r\n`)
    assert.strictEqual(Writer.headerLines([["__proto__", "v"]]), "__proto__: v\r\n")
  })

  it("writes what is not ASCII as UTF-8", () => {
    assert.strictEqual(Writer.headerLines([["A", "é€😀"]]), "A: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\r\n")
    // Their low bytes are LF: cut to latin1 they would end the line.
    assert.strictEqual(Writer.headerLines([["A", "\u010a\u560a"]]), "A: \xc4\x8a\xe5\x98\x8a\r\n")
    assert.strictEqual(Writer.headerLines([["A", "\u0085"]]), "A: \xc2\x85\r\n")
  })

  it("never lets a line end early, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: "binary", maxLength: 5 }), fc.string({ unit: "binary", maxLength: 10 })), {
          maxLength: 3
        }),
        (pairs) => {
          const result = Writer.headerLines(pairs)
          if (result instanceof InvalidHeader) return
          const lines = result.split("\r\n")
          assert.strictEqual(lines.length, pairs.length + 1)
          for (const line of lines) assert.match(line, /^$|^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*$/)
        }
      ),
      { seed: 20261122, numRuns: 1000 }
    )
  })

  it("stays right with more names than it remembers", () => {
    for (let index = 0; index < 2000; index++) {
      assert.strictEqual(Writer.headerLines([[`x-${index}`, "v"]]), `x-${index}: v\r\n`)
    }
  })
})

describe("checkMethod", () => {
  it.each(["GET", "get", "M-SEARCH", "X!"])("takes %s", (method) => assert.isUndefined(Writer.checkMethod(method)))
  it.each(["", "G ET", "GET\r\n", "GET\t", "GÉT", "GET/", "G\0", "\u{10ffff}"])("refuses %j", (method) =>
    assert.isTrue(refused(Writer.checkMethod(method)))
  )
})

describe("checkTarget", () => {
  it.each(["/", "*", "/a?b=c", "http://h/a", "h:443", "/%20", '/a"<>\\^`{|}'])("takes %s", (target) =>
    assert.isUndefined(Writer.checkTarget(target))
  )
  it.each(["", "/a b", "/\r\n", "/\0", "/é", "/a#b", "/\x7f", "/\u010a", "/\t", "/\ud800"])("refuses %j", (target) =>
    assert.isTrue(refused(Writer.checkTarget(target)))
  )
})

describe("requestLine", () => {
  it("ends with CRLF", () => {
    assert.strictEqual(Writer.requestLine("GET", "/a?b", "1.1"), "GET /a?b HTTP/1.1\r\n")
    assert.strictEqual(Writer.requestLine("OPTIONS", "*", "1.0"), "OPTIONS * HTTP/1.0\r\n")
  })
})

describe("checkFraming", () => {
  const takes: ReadonlyArray<readonly [ReadonlyArray<readonly [string, string]>, Writer.RequestFraming]> = [
    [[], { host: undefined, contentLength: undefined, chunked: false }],
    [
      [
        ["Host", "h"],
        ["Content-Length", "3"]
      ],
      { host: "h", contentLength: 3, chunked: false }
    ],
    [[["host", "[::1]:80"]], { host: "[::1]:80", contentLength: undefined, chunked: false }],
    [[["host", ""]], { host: "", contentLength: undefined, chunked: false }],
    [[["Transfer-Encoding", "Chunked"]], { host: undefined, contentLength: undefined, chunked: true }],
    [
      [
        ["content-length", "0"],
        ["X-Host", "a"],
        ["X-Host", "b"]
      ],
      { host: undefined, contentLength: 0, chunked: false }
    ]
  ]
  it.each(takes)("takes %j", (pairs, framing) => assert.deepStrictEqual(Writer.checkFraming(pairs), framing))

  const refuses: ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, string]>]> = [
    [
      "two hosts",
      [
        ["Host", "a"],
        ["host", "a"]
      ]
    ],
    ["a host with a path", [["Host", "a/b"]]],
    ["a host with user information", [["Host", "u@a"]]],
    ["a host with white space", [["Host", "a b"]]],
    [
      "two lengths",
      [
        ["Content-Length", "3"],
        ["content-length", "3"]
      ]
    ],
    ["a list of lengths", [["Content-Length", "3, 3"]]],
    ["a sign", [["Content-Length", "+3"]]],
    ["a negative length", [["Content-Length", "-3"]]],
    ["a hexadecimal length", [["Content-Length", "0x3"]]],
    ["white space", [["Content-Length", " 3"]]],
    ["an empty length", [["Content-Length", ""]]],
    ["a fullwidth length", [["Content-Length", "\uff13"]]],
    ["a length of 2^53", [["Content-Length", "9007199254740992"]]],
    [
      "a length and an encoding",
      [
        ["Content-Length", "3"],
        ["Transfer-Encoding", "chunked"]
      ]
    ],
    [
      "an encoding and a length",
      [
        ["Transfer-Encoding", "chunked"],
        ["Content-Length", "3"]
      ]
    ],
    [
      "two encodings",
      [
        ["Transfer-Encoding", "chunked"],
        ["Transfer-Encoding", "chunked"]
      ]
    ],
    ["another encoding", [["Transfer-Encoding", "gzip"]]],
    ["a list of encodings", [["Transfer-Encoding", "gzip, chunked"]]],
    ["white space around chunked", [["Transfer-Encoding", " chunked"]]]
  ]
  it.each(refuses)("refuses %s", (_, pairs) => assert.isTrue(refused(Writer.checkFraming(pairs))))
})

describe("chunks", () => {
  it("have their size in hexadecimal", () => {
    assert.strictEqual(Writer.chunkHead(1), "1\r\n")
    assert.strictEqual(Writer.chunkHead(65536), "10000\r\n")
    assert.strictEqual(Writer.chunkEnd, "\r\n")
  })

  it("end with the last chunk and trailers", () => {
    assert.strictEqual(Writer.lastChunk(), "0\r\n\r\n")
    assert.strictEqual(Writer.lastChunk([]), "0\r\n\r\n")
    assert.strictEqual(
      Writer.lastChunk([
        ["A", "b"],
        ["c", "é"]
      ]),
      "0\r\nA: b\r\nc: \xc3\xa9\r\n\r\n"
    )
  })

  it.each([
    ["Content-Length", "1"],
    ["transfer-encoding", "chunked"],
    ["Host", "h"],
    ["Authorization", "x"],
    ["Cookie", "a=b"],
    ["A", "b\r\nC: d"],
    ["A b", "c"]
  ])("refuse the trailer %s: %j", (name, value) => assert.isTrue(refused(Writer.lastChunk([[name, value]]))))
})
