import { assert, describe, it } from "@effect/vitest"
import { type Options, type Outcome, parseStrict as parse } from "../../../support/replies.js"
import { chunked, length, many, ok, sized } from "./responses.js"

/** The expectation of a row. Other fields are not compared. */
type Expected = Partial<Outcome>
type Row = readonly [name: string, raw: string, expected: Expected, options?: Options]

const table = (title: string, rows: ReadonlyArray<Row>) =>
  describe(title, () => {
    for (const [name, raw, expected, options] of rows) {
      it(name, () => {
        const outcome = parse(raw, options)
        const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, outcome[key as keyof Outcome]]))
        assert.deepStrictEqual(picked, expected, JSON.stringify(outcome))
      })
    }
  })
const failed = (failure: Outcome["failure"]): Expected => ({ result: "failed", failure })
const complete = (body: string): Expected => ({ result: "complete", body })

table("status line", [
  ["plain", sized(""), { result: "complete", status: 200, reason: "OK", version: "1.1", body: "ok", excess: 0 }],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nx", { result: "complete", version: "1.0", keepAlive: false, body: "x" }],
  ["no reason", "HTTP/1.1 200 \r\n\r\n", { result: "complete", reason: "" }],
  ["no reason, no space", "HTTP/1.1 200\r\n\r\n", { result: "complete", reason: "" }],
  ["reason with spaces, HTAB and colon", "HTTP/1.1 200  a\t:b \r\n\r\n", { result: "complete", reason: " a\t:b " }],
  ["reason in UTF-8", "HTTP/1.1 200 caf\xc3\xa9\r\n\r\n", { result: "complete", reason: "café" }],
  ["reason in latin1", "HTTP/1.1 200 caf\xe9\r\n\r\n", { result: "complete", reason: "café" }],
  ["reason of 8 KB", `HTTP/1.1 200 ${"r".repeat(8000)}\r\n\r\n`, { result: "complete", status: 200 }],
  ["reason beyond the line's limit", `HTTP/1.1 200 ${"r".repeat(8190)}\r\n\r\n`, failed("Limit")],
  ["reason with NUL", "HTTP/1.1 200 O\0K\r\n\r\n", failed("StatusLine")],
  ["reason with ESC", "HTTP/1.1 200 \x1b[31m\r\n\r\n", failed("StatusLine")],
  ["reason with DEL", "HTTP/1.1 200 \x7f\r\n\r\n", failed("StatusLine")],
  ["reason with bare CR", "HTTP/1.1 200 a\rb\r\n\r\n", failed("StatusLine")],
  ["bare LF", "HTTP/1.1 200 OK\n\r\n", failed("StatusLine")],
  ["bare LF after the status", "HTTP/1.1 200\n\r\n", failed("StatusLine")],
  ["status 100 only", "HTTP/1.1 100 \r\n\r\n", { result: "cut", informational: [100] }],
  ["status 999", "HTTP/1.1 999 \r\n\r\n", { result: "complete", status: 999 }],
  ["status 600", "HTTP/1.1 600 \r\n\r\n", { result: "complete", status: 600 }],
  ["status 000", "HTTP/1.1 000 \r\n\r\n", failed("StatusLine")],
  ["status 099", "HTTP/1.1 099 \r\n\r\n", failed("StatusLine")],
  ["status 99", "HTTP/1.1 99 OK\r\n\r\n", failed("StatusLine")],
  ["status 1000", "HTTP/1.1 1000 OK\r\n\r\n", failed("StatusLine")],
  ["status of 100 digits", `HTTP/1.1 ${"2".repeat(100)} OK\r\n\r\n`, failed("StatusLine")],
  ["status 200OK", "HTTP/1.1 200OK\r\n\r\n", failed("StatusLine")],
  ["status -20", "HTTP/1.1 -20 OK\r\n\r\n", failed("StatusLine")],
  ["status 2xx", "HTTP/1.1 2xx OK\r\n\r\n", failed("StatusLine")],
  ["two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", failed("StatusLine")],
  ["HTAB before the status", "HTTP/1.1\t200 OK\r\n\r\n", failed("StatusLine")],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", failed("StatusLine")],
  ["HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", failed("StatusLine")],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n", failed("StatusLine")],
  ["HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n", failed("StatusLine")],
  ["HTTP/1.10", "HTTP/1.10 200 OK\r\n\r\n", failed("StatusLine")],
  ["http/1.1", "http/1.1 200 OK\r\n\r\n", failed("StatusLine")],
  ["ICY", "ICY 200 OK\r\n\r\n", failed("StatusLine")],
  ["no status line", "hello\n", failed("StatusLine")],
  ["SSH", "SSH-2.0-OpenSSH_9.6\r\n", failed("StatusLine")],
  ["a TLS alert", "\x15\x03\x01\0\x02\x02\x28", failed("StatusLine")],
  ["HTTP/2 settings", "\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64", failed("StatusLine")],
  ["an empty line before", `\r\n${sized("")}`, complete("ok")],
  ["two empty lines before", `\r\n\r\n${sized("")}`, complete("ok")],
  ["three empty lines before", `\r\n\r\n\r\n${sized("")}`, failed("Limit")],
  ["a bare LF before", `\n${sized("")}`, failed("StatusLine")],
  ["a bare CR before", `\r${sized("")}`, failed("StatusLine")],
  ["endless empty lines", "\r\n".repeat(5000), failed("Limit")],
  ["nothing", "", { result: "cut", status: undefined }],
  ["a part of a status line", "HTTP/1.1 20", { result: "cut", status: undefined }],
  ["a head without its end", "HTTP/1.1 200 OK\r\nA: b\r\n", { result: "cut", status: undefined }]
])

table("fields", [
  [
    "white space around",
    sized("A: \t b c\t \r\n"),
    {
      result: "complete",
      headers: [
        ["A", "b c"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "no white space",
    sized("A:b\r\n"),
    {
      result: "complete",
      headers: [
        ["A", "b"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "empty",
    sized("A:\r\nB: \r\n"),
    {
      result: "complete",
      headers: [
        ["A", ""],
        ["B", ""],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "repeated, in order",
    sized("A: 1\r\na: 2\r\nA: 1\r\n"),
    {
      result: "complete",
      headers: [
        ["A", "1"],
        ["a", "2"],
        ["A", "1"],
        ["Content-Length", "2"]
      ]
    }
  ],
  ["all token characters", sized("!#$%&'*+-.^_`|~09azAZ: v\r\n"), complete("ok")],
  [
    "names of Object.prototype",
    sized("__proto__: x\r\nconstructor: y\r\n"),
    {
      headers: [
        ["__proto__", "x"],
        ["constructor", "y"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "colons in the value",
    sized("A:: b:c\r\n"),
    {
      headers: [
        ["A", ": b:c"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "UTF-8",
    sized("A: \xe2\x82\xac\r\n"),
    {
      headers: [
        ["A", "€"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "not UTF-8",
    sized("A: \xe9\x80\r\n"),
    {
      headers: [
        ["A", "\xe9\x80"],
        ["Content-Length", "2"]
      ]
    }
  ],
  [
    "NEL and U+2028 do not end lines",
    sized("A: \x85x\xe2\x80\xa8y\r\nB: x\xe2\x80\xa8y\r\n"),
    {
      headers: [
        ["A", "\x85x\xe2\x80\xa8y"],
        ["B", "x\u2028y"],
        ["Content-Length", "2"]
      ]
    }
  ],
  ["bare LF", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok", failed("Header")],
  ["bare LF as the end", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok", failed("Header")],
  ["bare CR in a value", sized("A: b\rc\r\n"), failed("Header")],
  ["bare CR as the end", "HTTP/1.1 200 OK\r\nA: b\r\n\rok", failed("Header")],
  ["CR CR LF", "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", failed("Header")],
  ["folded", sized("A: b\r\n c\r\n"), failed("Header")],
  ["folded by HTAB", sized("A: b\r\n\tc\r\n"), failed("Header")],
  ["folded Content-Length", ok("Content-Length:\r\n 2\r\n", "ok"), failed("Framing")],
  ["folded Content-Length with a value", ok("Content-Length: 2\r\n 0\r\n", "ok"), failed("Header")],
  ["space on the first", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", failed("Header")],
  ["space before the colon", sized("A : b\r\n"), failed("Header")],
  ["HTAB before the colon", sized("A\t: b\r\n"), failed("Header")],
  ["CR before the colon", sized("A\r: b\r\n"), failed("Header")],
  ["no colon", sized("A\r\n"), failed("Header")],
  ["no colon, with a space", sized("Server test\r\n"), failed("Header")],
  ["empty name", sized(": b\r\n"), failed("Header")],
  ["name with parenthesis", sized("A(b): c\r\n"), failed("Header")],
  ["name not ASCII", sized("\xe9: c\r\n"), failed("Header")],
  ["name with NUL", sized("A\0: c\r\n"), failed("Header")],
  ["NUL in a value", sized("A: b\0\r\n"), failed("Header")],
  ["BEL in a value", sized("A: \x07\r\n"), failed("Header")],
  ["DEL in a value", sized("A: \x7f\r\n"), failed("Header")]
])

const line8190 = `A: ${"v".repeat(8187)}`
table("limits of a head", [
  ["a line of 8190 bytes", sized(`${line8190}\r\n`), complete("ok")],
  ["a line of 8191 bytes", sized(`${line8190}v\r\n`), failed("Limit")],
  ["a name of 8191 bytes", sized(`${"n".repeat(8191)}: v\r\n`), failed("Limit")],
  ["white space of 8191 bytes", sized(`A:${" ".repeat(8191)}v\r\n`), failed("Limit")],
  ["an endless line", `HTTP/1.1 200 OK\r\nA: ${"v".repeat(20_000)}`, failed("Limit")],
  ["128 fields", sized(many(127, (i) => `h${i}: v\r\n`)), complete("ok")],
  ["129 fields", sized(many(128, (i) => `h${i}: v\r\n`)), failed("Limit")],
  ["16000 fields of one byte", ok(many(16_000, () => "a:\r\n")), failed("Limit")],
  [
    "a head of exactly the limit",
    sized("A: b\r\n"),
    complete("ok"),
    { limits: { maxHeadSize: sized("A: b\r\n").length - 2 } }
  ],
  [
    "a head one byte over the limit",
    sized("A: b\r\n"),
    failed("Limit"),
    { limits: { maxHeadSize: sized("A: b\r\n").length - 3 } }
  ],
  [
    "a part of a head, exactly the limit",
    "HTTP/1.1 200 OK\r\nA: bc",
    { result: "cut" },
    { limits: { maxHeadSize: 22 } }
  ],
  ["a part of a head, one byte over", "HTTP/1.1 200 OK\r\nA: bc", failed("Limit"), { limits: { maxHeadSize: 21 } }],
  ["a head of many lines", ok(many(20, (i) => `h${i}: ${"v".repeat(4000)}\r\n`)), failed("Limit")]
])

table("informational responses", [
  ["100", `HTTP/1.1 100 Continue\r\n\r\n${sized("")}`, { ...complete("ok"), informational: [100], status: 200 }],
  [
    "100, 102, 103, 199",
    `${[100, 102, 103, 199].map((s) => `HTTP/1.1 ${s} x\r\nLink: </a>\r\n\r\n`).join("")}${sized("")}`,
    {
      ...complete("ok"),
      informational: [100, 102, 103, 199]
    }
  ],
  ["16", `${"HTTP/1.1 103 x\r\n\r\n".repeat(16)}${sized("")}`, complete("ok")],
  ["17", `${"HTTP/1.1 103 x\r\n\r\n".repeat(17)}${sized("")}`, failed("Limit")],
  ["20000", "HTTP/1.1 103 x\r\n\r\n".repeat(500), failed("Limit")],
  [
    "their bytes count with the head's",
    `HTTP/1.1 103 x\r\nA: ${"v".repeat(60)}\r\n\r\n`.repeat(3),
    failed("Limit"),
    { limits: { maxHeadSize: 200 } }
  ],
  [
    "Connection: keep-alive is its own",
    "HTTP/1.1 103 x\r\nConnection: keep-alive\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    { result: "complete", keepAlive: false }
  ],
  [
    "Keep-Alive is its own",
    `HTTP/1.1 103 x\r\nKeep-Alive: timeout=5\r\n\r\n${sized("")}`,
    { keepAlive: true, keepAliveTimeout: undefined }
  ],
  ["Content-Length means no body", `HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n${sized("")}`, complete("ok")],
  ["a body", `HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\nhello${sized("")}`, failed("StatusLine")],
  [
    "Connection: close of a 103 ends the connection after the response",
    `HTTP/1.1 103 x\r\nConnection: close\r\n\r\n${sized("")}`,
    {
      ...complete("ok"),
      keepAlive: false
    }
  ],
  ["empty lines between", `HTTP/1.1 103 x\r\n\r\n\r\n${sized("")}`, failed("StatusLine")],
  ["101 unasked", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nabc", failed("Unsolicited")],
  [
    "101 asked for",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nabc",
    { result: "tunnel", status: 101, excess: 3, keepAlive: false },
    { upgrade: true }
  ],
  ["200 where 101 was asked for", sized(""), complete("ok"), { upgrade: true }],
  [
    "103 before 101",
    "HTTP/1.1 103 x\r\n\r\nHTTP/1.1 101 Switching\r\n\r\nabc",
    { result: "tunnel", informational: [103], excess: 3 },
    { upgrade: true }
  ]
])
table("Content-Length", [
  ["one", length("Content-Length: 42\r\n"), { ...complete("x".repeat(42)), framing: "length", contentLength: 42 }],
  ["zero", ok("Content-Length: 0\r\n"), { ...complete(""), framing: "length", contentLength: 0, keepAlive: true }],
  ["twice the same", length("Content-Length: 42\r\nContent-Length: 42\r\n"), complete("x".repeat(42))],
  ["a list of the same", length("Content-Length: 42, 42 ,\t42\r\n"), complete("x".repeat(42))],
  ["leading zero", length("Content-Length: 042\r\n"), complete("x".repeat(42))],
  ["leading zero in one of two", length("Content-Length: 042, 42\r\n"), failed("Framing")],
  ["different", length("Content-Length: 42\r\nContent-Length: 43\r\n"), failed("Framing")],
  ["0 and another", ok("Content-Length: 0\r\nContent-Length: 2\r\n", "ok"), failed("Framing")],
  ["a list of 0 and another", ok("Content-Length: 0, 2\r\n", "ok"), failed("Framing")],
  ["the characters beside the digits", ok("Content-Length: 4:\r\n", "ok"), failed("Framing")],
  ["a slash", ok("Content-Length: 4/\r\n", "ok"), failed("Framing")],
  ["a list of different ones", length("Content-Length: 42, 43\r\n"), failed("Framing")],
  ["an empty member", length("Content-Length: 42,\r\n"), failed("Framing")],
  ["an empty first member", length("Content-Length: ,42\r\n"), failed("Framing")],
  ["empty", length("Content-Length: \r\n"), failed("Framing")],
  ["+2", length("Content-Length: +42\r\n"), failed("Framing")],
  ["-1", length("Content-Length: -1\r\n"), failed("Framing")],
  ["0x2", length("Content-Length: 0x2a\r\n"), failed("Framing")],
  ["4 2", length("Content-Length: 4 2\r\n"), failed("Framing")],
  ["4e1", length("Content-Length: 4e1\r\n"), failed("Framing")],
  ["fullwidth digits", length("Content-Length: \xef\xbc\x94\xef\xbc\x92\r\n"), failed("Framing")],
  ["2^53 - 1", ok("Content-Length: 9007199254740991\r\n", "x"), { result: "cut", contentLength: 9007199254740991 }],
  ["2^53", ok("Content-Length: 9007199254740992\r\n", "x"), failed("Framing")],
  ["2^64", ok("Content-Length: 18446744073709551616\r\n", "x"), failed("Framing")],
  ["2^64 + 2", ok("Content-Length: 18446744073709551618\r\n", "ok"), failed("Framing")],
  ["400 digits", ok(`Content-Length: ${"9".repeat(400)}\r\n`, "ok"), failed("Framing")],
  ["trailing spaces", length("Content-Length: \t42  \r\n"), complete("x".repeat(42))],
  ["trailing HTAB", length("Content-Length: 42 \t\r\n"), failed("Framing")],
  ["too short", ok("Content-Length: 43\r\n", "x".repeat(42)), { result: "cut", body: "x".repeat(42) }],
  ["too short with Connection: close", ok("Connection: close\r\nContent-Length: 43\r\n", "x"), { result: "cut" }],
  ["bytes after", `${length("Content-Length: 42\r\n")}abc`, { ...complete("x".repeat(42)), excess: 3 }],
  ["a second response after", sized("") + sized(""), { ...complete("ok"), excess: sized("").length }]
])

table("Transfer-Encoding", [
  [
    "chunked",
    chunked("2\r\nok\r\n0\r\n\r\n"),
    { ...complete("ok"), framing: "chunked", contentLength: undefined, keepAlive: true }
  ],
  ["CHUNKED", ok("Transfer-Encoding: \tCHUNKED \r\n", "2\r\nok\r\n0\r\n\r\n"), complete("ok")],
  ["trailing HTAB", ok("Transfer-Encoding: chunked\t\r\n", "2\r\nok\r\n0\r\n\r\n"), failed("Framing")],
  ["with Content-Length", chunked("2\r\nok\r\n0\r\n\r\n", "Content-Length: 2\r\n"), failed("Framing")],
  ["after Content-Length", ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), failed("Framing")],
  [
    "after Content-Length: 0",
    ok("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    failed("Framing")
  ],
  ["with Content-Length: 0", chunked("0\r\n\r\n", "Content-Length: 0\r\n"), failed("Framing")],
  ["twice", chunked("0\r\n\r\n", "Transfer-Encoding: chunked\r\n"), failed("Framing")],
  ...[
    "xchunked",
    "chunked, gzip",
    "gzip, chunked",
    "gzip",
    "chunked, chunked",
    "chunked,",
    ", chunked",
    "identity",
    "identity, chunked",
    "chunked;q=1",
    '"chunked"',
    "chunke",
    "",
    "chunked\x80"
  ].map((value): Row => [JSON.stringify(value), ok(`Transfer-Encoding: ${value}\r\n`, "0\r\n\r\n"), failed("Framing")]),
  ["\\vchunked", ok("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), failed("Header")],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", failed("Framing")]
])

const overhead = (count: number, extension: number) =>
  chunked(`${many(count, () => `1;${"e".repeat(extension)}\r\nx\r\n`)}0\r\n\r\n`)
const outweighing = (rest: number) =>
  chunked(`${many(16, () => `1;${"e".repeat(1023)}\r\nx\r\n`)}1;${"e".repeat(rest)}\r\nx\r\n0\r\n\r\n`)
table("chunks", [
  ["none", chunked("0\r\n\r\n"), complete("")],
  [
    "upper and lower case",
    chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
    complete("01234567890123456789")
  ],
  ["leading zeros", chunked("0002\r\nok\r\n000\r\n\r\n"), complete("ok")],
  [
    "many of one byte",
    chunked(`${many(300, (i) => `1\r\n${i % 10}\r\n`)}0\r\n\r\n`),
    complete(many(300, (i) => String(i % 10)))
  ],
  ["data that looks like chunks", chunked("7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n"), complete("0\r\n\r\n\r\n")],
  ["extensions", chunked('2;a;b=c;d="e \\" f"\r\nok\r\n0;z\r\n\r\n'), complete("ok")],
  ["extension of 1024 bytes", chunked(`2;${"e".repeat(1023)}\r\nok\r\n0\r\n\r\n`), complete("ok")],
  [
    "extension of 1025 bytes",
    chunked(`2;${"e".repeat(1024)}\r\nok\r\n0\r\n\r\n`),
    { ...failed("Limit"), where: "body" }
  ],
  ["an endless extension", chunked(`2;${"e".repeat(5000)}`), failed("Limit")],
  ["10 large extensions", overhead(10, 1000), complete("x".repeat(10))],
  ["100 large extensions", overhead(100, 1000), failed("Limit")],
  // Each size line outweighs its byte of data by its length less 18: 16 times 1009, and the rest.
  ["size lines that outweigh data by 16384 bytes", outweighing(254), complete("x".repeat(17))],
  ["size lines that outweigh data by 16385 bytes", outweighing(255), { ...failed("Limit"), where: "body" }],
  [
    "bytes of the chunks before a fault",
    chunked("2\r\nok\r\n1\r\n!\r\nx"),
    { ...failed("Framing"), where: "body", body: "ok!" }
  ],
  ...(
    [
      ["0x2", "0x2\r\nok\r\n"],
      ["-1", "-1\r\nok\r\n"],
      ["+2", "+2\r\nok\r\n"],
      ["1_0", "1_0\r\nok\r\n"],
      ["a space before", " 2\r\nok\r\n"],
      ["a space after", "2 \r\nok\r\n"],
      ["HTAB after", "2\t\r\nok\r\n"],
      ["no digit", "\r\nok\r\n"],
      ["no digit but an extension", ";a\r\nok\r\n"],
      ["g", "g\r\nok\r\n"],
      ["fullwidth digit", "\xef\xbc\x92\r\nok\r\n"],
      ["17 digits", "00000000000000002\r\nok\r\n"],
      ["2^53", "20000000000000\r\nok\r\n"],
      ["2^64", "10000000000000000\r\nok\r\n"],
      ["LF only", "2\nok\r\n"],
      ["LF only after data", "2\r\nok\n0\r\n\r\n"],
      ["CR only", "2\rok\r\n"],
      ["data longer than the size", "2\r\nokay\r\n"],
      ["data shorter than the size", "4\r\nok\r\n0\r\n\r\n"],
      ["LF in an extension", "2;a\nok\r\n"],
      ["CR in an extension", "2;a\rb\r\nok\r\n"],
      ["NUL in an extension", "2;a\0\r\nok\r\n"],
      ["LF in a quoted extension", '2;a="\n"\r\nok\r\n'],
      ["an extension without a name", "2;\r\nok\r\n"],
      ["an extension without a value", "2;a=\r\nok\r\n"],
      ["white space in extensions", "2; a\r\nok\r\n"],
      ["two values", '2;a="b"c\r\nok\r\n']
    ] as const
  ).map(([name, body]): Row => [name, chunked(body), { ...failed("Framing"), where: "body" }]),
  ["2^53 - 1", chunked("1fffffffffffff\r\nok"), { result: "cut", body: "ok" }],
  ["no last chunk", chunked("2\r\nok\r\n"), { result: "cut", body: "ok" }],
  ["last chunk without its line's end", chunked("2\r\nok\r\n0"), { result: "cut", body: "ok" }],
  ["last chunk without the final line", chunked("2\r\nok\r\n0\r\n"), { result: "cut", body: "ok" }],
  ["no last chunk, Connection: close", chunked("2\r\nok\r\n", "Connection: close\r\n"), { result: "cut" }],
  ["bytes after", chunked("0\r\n\r\nabc"), { ...complete(""), excess: 3 }]
])

table("trailers", [
  [
    "are reported",
    chunked("2\r\nok\r\n0\r\nA: b \r\nb:\xc3\xa9\r\n\r\n"),
    {
      ...complete("ok"),
      trailers: [
        ["A", "b"],
        ["b", "é"]
      ]
    }
  ],
  [
    "framing and routing ones are dropped",
    chunked(
      "2\r\nok\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: x\r\nSet-Cookie: a=b\r\nX: y\r\nConnection: close\r\n\r\n"
    ),
    { ...complete("ok"), trailers: [["X", "y"]], keepAlive: true, headers: [["Transfer-Encoding", "chunked"]] }
  ],
  ["NUL", chunked("0\r\nA: b\0\r\n\r\n"), { ...failed("Header"), where: "body" }],
  ["bare LF", chunked("0\r\nA: b\n\r\n"), failed("Header")],
  ["no colon", chunked("0\r\nA\r\n\r\n"), failed("Header")],
  ["folded", chunked("0\r\nA: b\r\n c\r\n\r\n"), failed("Header")],
  ["space before the colon", chunked("0\r\nA : b\r\n\r\n"), failed("Header")],
  ["128", chunked(`0\r\n${many(128, (i) => `t${i}: v\r\n`)}\r\n`), complete("")],
  ["129", chunked(`0\r\n${many(129, (i) => `t${i}: v\r\n`)}\r\n`), failed("Limit")],
  ["5000", chunked(`0\r\n${many(5000, (i) => `t${i}: v\r\n`)}\r\n`), failed("Limit")],
  ["large", chunked(`0\r\n${many(20, (i) => `t${i}: ${"v".repeat(4000)}\r\n`)}\r\n`), failed("Limit")],
  ["cut", chunked("0\r\nA: b\r\n"), { result: "cut" }]
])

const stray = "Content-Length: 5\r\n"
table("responses without a body", [
  [
    "HEAD",
    ok(stray),
    { ...complete(""), framing: "none", contentLength: undefined, keepAlive: true },
    { method: "HEAD" }
  ],
  ["HEAD, chunked", chunked(""), { ...complete(""), keepAlive: true }, { method: "HEAD" }],
  ["HEAD, no length", ok(), { ...complete(""), keepAlive: true }, { method: "HEAD" }],
  ["HEAD with body bytes", ok(stray, "hello"), { ...complete(""), excess: 5 }, { method: "HEAD" }],
  ["HEAD with a malformed length", ok("Content-Length: 1, 2\r\n"), failed("Framing"), { method: "HEAD" }],
  ["204", "HTTP/1.1 204 x\r\n\r\n", { ...complete(""), keepAlive: true }],
  ["204 with length 0", "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", { ...complete(""), keepAlive: true }],
  ["204 that announces a body", `HTTP/1.1 204 x\r\n${stray}\r\n`, { ...complete(""), keepAlive: false }],
  ["204 with a body", `HTTP/1.1 204 x\r\n${stray}\r\nhello`, { ...complete(""), excess: 5, keepAlive: false }],
  [
    "204, chunked",
    "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    { ...complete(""), excess: 5, keepAlive: false }
  ],
  ["205", "HTTP/1.1 205 x\r\n\r\n", { ...complete(""), keepAlive: false }],
  ["205 with length 0", "HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n", { ...complete(""), keepAlive: true }],
  ["205 with a body", `HTTP/1.1 205 x\r\n${stray}\r\nhello`, { ...complete(""), excess: 5, keepAlive: false }],
  ["304 with Content-Length", `HTTP/1.1 304 x\r\n${stray}\r\n`, { ...complete(""), keepAlive: true }],
  ["304, chunked", "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n", { ...complete(""), keepAlive: true }],
  [
    "304 with Content-Length and Transfer-Encoding",
    `HTTP/1.1 304 x\r\n${stray}Transfer-Encoding: chunked\r\n\r\n`,
    failed("Framing")
  ],
  [
    "2xx to CONNECT",
    ok("Content-Length: +5\r\nTransfer-Encoding: gzip\r\n", "abc"),
    { result: "tunnel", excess: 3, keepAlive: false },
    { method: "CONNECT" }
  ],
  [
    "407 to CONNECT",
    "HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\nno",
    { ...complete("no"), status: 407 },
    { method: "CONNECT" }
  ],
  [
    "407 to CONNECT with a malformed length",
    "HTTP/1.1 407 x\r\nContent-Length: +2\r\n\r\nno",
    failed("Framing"),
    { method: "CONNECT" }
  ]
])

table("persistence", [
  ["HTTP/1.1", sized(""), { keepAlive: true, keepAliveTimeout: undefined }],
  ["close", sized("Connection: close\r\n"), { keepAlive: false }],
  ["Close in a list", sized("Connection: x, Close ,y\r\n"), { keepAlive: false }],
  ["close in the second field", sized("Connection: keep-alive\r\nConnection: close\r\n"), { keepAlive: false }],
  ["close beats keep-alive", sized("Connection: close, keep-alive\r\n"), { keepAlive: false }],
  ["closed is not close", sized("Connection: closed, xclose\r\n"), { keepAlive: true }],
  ["Proxy-Connection", sized("Proxy-Connection: close\r\n"), { keepAlive: true }],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", { keepAlive: false }],
  [
    "HTTP/1.0 keep-alive",
    "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
    { keepAlive: true }
  ],
  [
    "HTTP/1.0 keep-alive without length",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
    { keepAlive: false, framing: "close" }
  ],
  ["no length", ok("", "abc"), { ...complete("abc"), keepAlive: false, framing: "close", contentLength: undefined }],
  ...(
    [
      ["timeout=5", 5000],
      ["max=10, timeout=5", 5000],
      ["TIMEOUT=5", 5000],
      ["timeout=0", 0],
      ["timeout=1000000000", 1e12],
      ["timeout=-5", undefined],
      ["timeout=NaN", undefined],
      ["timeout=1e400", undefined],
      [`timeout=${"9".repeat(400)}`, undefined],
      ["timeout=", undefined],
      ["timeout", undefined],
      ["timeout=5s", undefined],
      ["timeout=5:", undefined],
      ["timeout=5/", undefined],
      ["xtimeout=5", undefined],
      ["", undefined]
    ] as const
  ).map(
    ([value, keepAliveTimeout]): Row => [
      `Keep-Alive: ${value.slice(0, 20)}`,
      sized(`Keep-Alive: ${value}\r\n`),
      { result: "complete", keepAlive: true, keepAliveTimeout }
    ]
  )
])
