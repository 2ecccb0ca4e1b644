/**
 * The classes of case of nodejs/llhttp's response tests, as new inputs with the section of the RFC that decides.
 * `llhttpSequences.test.ts` has several responses on one connection. This file has the classes that no other table has:
 *
 * - `test/internal/network/http1/parser.test.ts`: white space, digits and control characters in a status line, empty
 *   lines before it, missing and non-ASCII reasons, empty values, folded lines, invalid names and values, lists in
 *   Content-Length and Transfer-Encoding, sizes and extensions of chunks, trailers, limits, persistence;
 * - `test/conformance/http1Rows.ts`: CR, LF, HTAB, SP, NUL and a colon at places of a head, and replies with bare LF;
 * - `test/conformance/contentLengths.test.ts`: Content-Length through a session.
 *
 * llhttp's tests of pausing have no counterpart: a parser without input waits, and each row here is cut at every place.
 * Its lenient modes have none either: the parser rejects such input.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import {
  bytesOf,
  type Options,
  type Outcome,
  parseStrict as parse,
  parsePieces,
  strictLimits
} from "../support/replies.js"

type Expected = Partial<Outcome>
type Row = readonly [name: string, section: string, raw: string, expected: Expected, options?: Options]

// `parse` cuts each reply at every place, and into single bytes.
const table = (title: string, rows: ReadonlyArray<Row>) =>
  describe(title, () => {
    for (const [name, section, raw, expected, options] of rows) {
      it(`${name} (${section})`, () => {
        const outcome = parse(raw, options)
        const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, outcome[key as keyof Outcome]]))
        assert.deepStrictEqual(picked, expected, JSON.stringify(outcome))
      })
    }
  })

const rejected = (failure: Outcome["failure"], where: Outcome["where"] = "head"): Expected => ({
  result: "failed",
  failure,
  where
})
const reply = (fields: ReadonlyArray<string>, body = "", start = "HTTP/1.1 200 Fine") =>
  `${[start, ...fields].join("\r\n")}\r\n\r\n${body}`
const startsWith = (start: string) => reply(["Content-Length: 1"], "z", start)

table("the first bytes", [
  ["a letter of HTTP is missing", "RFC 9112, 2.3", startsWith("HTT/1.1 200 Fine"), rejected("StatusLine")],
  ["a letter of HTTP is twice there", "RFC 9112, 2.3", startsWith("HTTTP/1.1 200 Fine"), rejected("StatusLine")],
  ["letters after HTTP", "RFC 9112, 2.3", startsWith("HTTPS/1.1 200 Fine"), rejected("StatusLine")],
  ["RTSP", "RFC 9112, 2.3", startsWith("RTSP/1.0 200 Fine"), rejected("StatusLine")],
  ["ICE", "RFC 9112, 2.3", startsWith("ICE/1.0 200 Fine"), rejected("StatusLine")],
  ["a zero before the major version", "RFC 9112, 2.3", startsWith("HTTP/01.0 200 Fine"), rejected("StatusLine")],
  ["a major version of two digits", "RFC 9112, 2.3", startsWith("HTTP/12.1 200 Fine"), rejected("StatusLine")],
  ["a zero before the minor version", "RFC 9112, 2.3", startsWith("HTTP/1.00 200 Fine"), rejected("StatusLine")],
  ["a version that none has defined", "RFC 9112, 2.3", startsWith("HTTP/7.4 200 Fine"), rejected("StatusLine")],
  ["no dot in the version", "RFC 9112, 2.3", startsWith("HTTP/1,1 200 Fine"), rejected("StatusLine")],
  ["a status of one digit", "RFC 9112, 4", startsWith("HTTP/1.1 4 Fine"), rejected("StatusLine")],
  ["a request", "RFC 9112, 4", startsWith("GET /z HTTP/1.1"), rejected("StatusLine")]
])

const second = "HTTP/1.1 418 Other\r\n\r\n"
const noContent = (fields: ReadonlyArray<string>, version = "1.1") => reply(fields, second, `HTTP/${version} 204 None`)
table("where a body ends", [
  [
    "nothing says a length: what looks like a response is the body",
    "RFC 9112, 6.3, item 8",
    reply([], second),
    { result: "complete", body: second, framing: "close", keepAlive: false, excess: 0 }
  ],
  [
    "so with keep-alive of HTTP/1.0",
    "RFC 9112, 6.3, item 8; 9.3",
    reply(["Connection: Keep-Alive"], second, "HTTP/1.0 200 Fine"),
    { result: "complete", body: second, framing: "close", keepAlive: false, excess: 0 }
  ],
  [
    "204, then a response",
    "RFC 9112, 6.3, item 1",
    noContent([]),
    { result: "complete", status: 204, body: "", keepAlive: true, excess: second.length }
  ],
  [
    "204 of HTTP/1.0 with keep-alive, then a response",
    "RFC 9112, 6.3, item 1; 9.3",
    noContent(["Connection: keep-alive"], "1.0"),
    { result: "complete", status: 204, body: "", keepAlive: true, excess: second.length }
  ],
  [
    "204 with close, then a response",
    "RFC 9112, 9.6",
    noContent(["Connection: close"]),
    { result: "complete", status: 204, body: "", keepAlive: false, excess: second.length }
  ],
  [
    "a length with close, then bytes",
    "RFC 9112, 9.6",
    reply(["Connection: close", "Content-Length: 3"], "abcdefgh"),
    { result: "complete", body: "abc", keepAlive: false, excess: 5 }
  ],
  [
    "chunks with close",
    "RFC 9112, 9.6",
    reply(["Transfer-Encoding: chunked", "Etag: x", "Connection: close"], "0\r\n\r\n"),
    { result: "complete", body: "", framing: "chunked", keepAlive: false }
  ],
  [
    "a name that begins with Content-Length",
    "RFC 9110, 5.1",
    reply(["Content-Length-Hint: 9", "Content-Length: 2"], "hi"),
    { result: "complete", body: "hi", contentLength: 2 }
  ],
  [
    "a name that ends with Content-Length",
    "RFC 9110, 5.1",
    reply(["X-Content-Length: 9", "Transfer-Encoding: chunked"], "1\r\n!\r\n0\r\n\r\n"),
    { result: "complete", body: "!", framing: "chunked" }
  ],
  [
    "names one letter away from those that frame or close",
    "RFC 9110, 5.1",
    reply(
      [
        "_ransfer-Encoding: chunked",
        "Content_Length: 9",
        "Content-Lengti: 9",
        "C.nnection: close",
        "Content-Length: 2"
      ],
      "hi"
    ),
    { result: "complete", body: "hi", framing: "length", keepAlive: true }
  ]
])

const upgraded = (fields: ReadonlyArray<string>, body: string) =>
  reply(["Upgrade: own/2", "Connection: Upgrade", ...fields], body, "HTTP/1.1 101 Other")
const offered = (fields: ReadonlyArray<string>, body: string) =>
  reply(["Upgrade: own/2", "Connection: Upgrade", ...fields], body)
const chunks = "3\r\nown\r\n0\r\n\r\nrest"
table("upgrades", [
  [
    "101 with a length",
    "RFC 9112, 6.3, item 1",
    upgraded(["Content-Length: 3"], "ownrest"),
    { result: "tunnel", body: "", excess: 7, keepAlive: false, contentLength: undefined },
    { upgrade: true }
  ],
  [
    "101 with chunks",
    "RFC 9112, 6.3, item 1",
    upgraded(["Transfer-Encoding: chunked"], chunks),
    { result: "tunnel", body: "", excess: chunks.length, keepAlive: false, framing: "none" },
    { upgrade: true }
  ],
  [
    "101 with a length that no request asked for",
    "RFC 9110, 7.8",
    upgraded(["Content-Length: 3"], "ownrest"),
    rejected("Unsolicited")
  ],
  [
    "200 that offers one, without a length",
    "RFC 9110, 7.8",
    offered([], "own"),
    { result: "complete", body: "own", framing: "close" },
    { upgrade: true }
  ],
  [
    "200 that offers one, with a length",
    "RFC 9110, 7.8",
    offered(["Content-Length: 3"], "own"),
    { result: "complete", body: "own", keepAlive: true },
    { upgrade: true }
  ],
  [
    "200 that offers one, with chunks",
    "RFC 9110, 7.8",
    offered(["Transfer-Encoding: chunked"], "3\r\nown\r\n0\r\n\r\n"),
    { result: "complete", body: "own", keepAlive: true },
    { upgrade: true }
  ]
])

const chunked = (body: string) => reply(["Transfer-Encoding: chunked"], body)
table("transfer codings and chunks", [
  [
    "none named, with a length",
    "RFC 9112, 6.1",
    reply(["Transfer-Encoding: ", "Content-Length: 2"], "hi"),
    rejected("Framing")
  ],
  [
    "none named, after a length",
    "RFC 9112, 6.1",
    reply(["Content-Length: 2", "Transfer-Encoding:"], "hi"),
    rejected("Framing")
  ],
  [
    "another one in a second field",
    "RFC 9112, 6.3, item 4",
    reply(["Transfer-Encoding: chunked", "Transfer-Encoding: br"], "hi"),
    rejected("Framing")
  ],
  [
    "another one in a field before",
    "RFC 9112, 6.1",
    reply(["Transfer-Encoding: br", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
    rejected("Framing")
  ],
  ...["chunkedchunkedchunked", "chunked chunked", "chunked;", "chun ked"].map(
    (value): Row => [
      `${value} is another coding`,
      "RFC 9112, 6.3, item 4",
      reply([`Transfer-Encoding: ${value}`], "2\r\nhi\r\n0\r\n\r\n"),
      rejected("Framing")
    ]
  ),
  [
    "a fold after chunked",
    "RFC 9112, 5.2",
    reply(["Transfer-Encoding: chunked", "\tmore"], "2\r\nhi\r\n0\r\n\r\n"),
    rejected("Header")
  ],
  [
    "a fold before chunked",
    "RFC 9112, 5.2",
    reply(["Transfer-Encoding:", " chunked"], "2\r\nhi\r\n0\r\n\r\n"),
    rejected("Framing")
  ],
  [
    "a space and a word after a size",
    "RFC 9112, 7.1.1",
    chunked("2 word\r\nhi\r\n0\r\n\r\n"),
    rejected("Framing", "body")
  ],
  [
    "a space after the last size",
    "RFC 9112, 7.1.1",
    chunked("2\r\nhi\r\n0 \r\n\r\n"),
    { ...rejected("Framing", "body"), body: "hi" }
  ],
  [
    "a semicolon alone after the last size",
    "RFC 9112, 7.1.1",
    chunked("2\r\nhi\r\n0;\r\n\r\n"),
    rejected("Framing", "body")
  ],
  [
    "semicolons, equals signs and commas within quotes",
    "RFC 9112, 7.1.1",
    chunked('2;p="q; r=s, t";u;v="";w=x\r\nhi\r\n0;y="z;"\r\n\r\n'),
    { result: "complete", body: "hi", keepAlive: true }
  ],
  ["quotes without an end", "RFC 9112, 7.1.1", chunked('2;p="q\r\nhi\r\n0\r\n\r\n'), rejected("Framing", "body")],
  [
    "quotes whose end is escaped",
    "RFC 9110, 5.6.4",
    chunked('2;p="q\\"\r\nhi\r\n0\r\n\r\n'),
    rejected("Framing", "body")
  ],
  ["quotes within a token", "RFC 9112, 7.1.1", chunked('2;p=q"r"\r\nhi\r\n0\r\n\r\n'), rejected("Framing", "body")],
  [
    "line ends as data",
    "RFC 9112, 7.1",
    chunked("1\r\n\n\r\n1\r\n\r\r\n2\r\n\r\n\r\n0\r\n\r\n"),
    { result: "complete", body: "\n\r\r\n" }
  ]
])

table("field lines", [
  ["a word before a name that is right", "RFC 9112, 5.1", reply(["Via Content-Length: 2"], "hi"), rejected("Header")],
  [
    "two fields on a line, CR between",
    "RFC 9112, 2.2",
    reply(["Etag: x\rContent-Length: 2"], "hi"),
    rejected("Header")
  ],
  [
    "two fields on a line, LF between",
    "RFC 9112, 2.2",
    reply(["Etag: x\nContent-Length: 2"], "hi"),
    rejected("Header")
  ],
  [
    "an empty value before another field",
    "RFC 9112, 5",
    reply(["Etag: \t ", "Via: 1.1 z", "Content-Length: 0"]),
    {
      result: "complete",
      headers: [
        ["Etag", ""],
        ["Via", "1.1 z"],
        ["Content-Length", "0"]
      ]
    }
  ]
])

const sizedReply = reply(["Via: 1.1 z", "Content-Length: 4"], "body")
const chunkedReply = reply(["Via: 1.1 z", "Transfer-Encoding: chunked"], "4;p=q\r\nbody\r\n0\r\nEtag: x\r\n\r\n")
const headSize = (raw: string) => raw.indexOf("\r\n\r\n") + 4
const placesOf = (raw: string, text: string) =>
  Array.from({ length: raw.length }, (_, place) => place).filter((place) => raw.startsWith(text, place))
const notComplete = (raw: string) => {
  const outcome = parse(raw)
  assert.notStrictEqual(outcome.result, "complete", JSON.stringify({ raw, outcome }))
}

describe("an octet outside of text, at every place", () => {
  for (const [name, byte] of [
    ["CR", "\r"],
    ["LF", "\n"],
    ["NUL", "\0"],
    ["VT", "\v"],
    ["DEL", "\x7f"]
  ] as const) {
    it(`is rejected or kept in a head: ${name} (RFC 9112, 2.2; RFC 9110, 5.5)`, () => {
      const head = sizedReply.slice(0, headSize(sizedReply))
      for (let place = 0; place < head.length; place++) {
        const raw = sizedReply.slice(0, place) + byte + sizedReply.slice(place)
        // LF before the last LF is the same text as LF after it.
        if (!raw.startsWith(head)) assert.strictEqual(parse(raw).result, "failed", JSON.stringify(raw))
      }
    })
    it(`is rejected or kept around chunks and in trailers: ${name} (RFC 9112, 7.1)`, () => {
      // Within a chunk the octet is data, so that the surplus byte is detected after the chunk.
      for (let place = headSize(chunkedReply); place < chunkedReply.length; place++) {
        const raw = chunkedReply.slice(0, place) + byte + chunkedReply.slice(place)
        if (!raw.startsWith(chunkedReply)) assert.strictEqual(parse(raw).result, "failed", JSON.stringify(raw))
      }
    })
  }

  it.each([
    ["LF", "\n"],
    ["CR", "\r"],
    ["LF CR", "\n\r"],
    ["CR CR LF", "\r\r\n"]
  ])("%s for a CRLF, at every place and at all (RFC 9112, 2.2)", (_, end) => {
    for (const whole of [sizedReply, chunkedReply, reply([])]) {
      const places = placesOf(whole, "\r\n")
      assert.isAtLeast(places.length, 2)
      for (const place of places) notComplete(whole.slice(0, place) + end + whole.slice(place + 2))
      assert.strictEqual(parse(whole.replaceAll("\r\n", end)).result, "failed")
    }
  })
})

describe("a peer that ends its side", () => {
  const closing = reply(["Via: 1.1 z"], "body")
  const switching = upgraded([], "own")
  for (const [name, section, raw, options, from, result] of [
    ["within a length", "RFC 9112, 8", sizedReply, {}, sizedReply.length, "complete"],
    ["within chunks or trailers", "RFC 9112, 8", chunkedReply, {}, chunkedReply.length, "complete"],
    ["where nothing says a length", "RFC 9112, 6.3, item 8", closing, {}, headSize(closing), "complete"],
    ["after HEAD", "RFC 9112, 6.3, item 1", sizedReply, { method: "HEAD" }, headSize(sizedReply), "complete"],
    ["after 304", "RFC 9112, 6.3, item 1", startsWith("HTTP/1.1 304 Same").slice(0, -1), {}, undefined, "complete"],
    ["after 103", "RFC 9110, 15.2", reply([], "", "HTTP/1.1 103 Hints") + sizedReply, {}, undefined, "complete"],
    ["after 101", "RFC 9110, 7.8", switching, { upgrade: true }, headSize(switching), "tunnel"]
  ] as const) {
    it(`at every place: ${name} (${section})`, () => {
      for (let place = 0; place <= raw.length; place++) {
        const expected = place < (from ?? raw.length) ? "cut" : result
        assert.strictEqual(parse(raw.slice(0, place), options).result, expected, `${place} of ${JSON.stringify(raw)}`)
      }
    })
  }
})

/** Cases in which the verdict of llhttp's strict mode differs, as `docs/conformance.md` lists them. */
const differing: ReadonlyArray<
  readonly [
    name: string,
    blocks: number,
    llhttp: string,
    we: string,
    why: string,
    raw: string,
    expected: Expected,
    options?: Options
  ]
> = [
  [
    "`Proxy-Connection: close`",
    1,
    "not persistent",
    "persistent",
    "it is not a field of HTTP (RFC 9112, appendix C.2.2); a peer that closes is noticed",
    reply(["Content-Length: 3", "Proxy-Connection: close"], "own"),
    { result: "complete", keepAlive: true }
  ],
  [
    "101 with Content-Length or Transfer-Encoding",
    2,
    "a body, then the other protocol",
    "the other protocol at once",
    "a 1xx ends with its head (RFC 9112, section 6.3, item 1)",
    upgraded(["Content-Length: 3"], "ownrest"),
    { result: "tunnel", excess: 7 },
    { upgrade: true }
  ],
  [
    "HTAB after the value of Content-Length",
    1,
    "accepted",
    "rejected",
    "some recipients take it for a part of the value; llhttp 9.3.1 of Node 20 rejects it too",
    reply(["Content-Length:\t3\t"], "own"),
    rejected("Framing")
  ],
  [
    "RTSP and ICE for HTTP",
    2,
    "accepted",
    "rejected",
    "RFC 9112, section 2.3 has one name",
    startsWith("RTSP/2.0 200 x"),
    rejected("StatusLine")
  ],
  [
    "HTTP/0.9 with a status line",
    1,
    "accepted",
    "rejected",
    "that version has no status line",
    startsWith("HTTP/0.9 404 x"),
    rejected("StatusLine")
  ],
  [
    "a transfer coding whose last is not chunked",
    3,
    "a body that ends with the connection",
    "rejected",
    "it was not asked for (RFC 9112, section 6.1), and its data could not be decoded",
    reply(["Transfer-Encoding: chunked, br"], "own"),
    rejected("Framing")
  ]
]

describe("docs/conformance.md", () => {
  const lines = new Set(readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8").split("\n"))
  for (const [name, blocks, llhttp, we, why, raw, expected, options] of differing) {
    it(`lists ${name} with its verdicts`, () => {
      const line = `| ${name} | ${blocks} | ${llhttp} | ${we} | ${why} |`
      assert.isTrue(lines.has(line), line)
      const outcome = parsePieces([bytesOf(raw)], { ...options, limits: strictLimits })
      const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, outcome[key as keyof Outcome]]))
      assert.deepStrictEqual(picked, expected, JSON.stringify(outcome))
    })
  }
})
