/**
 * The excerpt of a broken head in an error: the whole line, and the expected bytes at the position of the fault; however the head
 * arrives, and without secrets.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Options, parse, parsePieces, strictLimits } from "../../../support/replies.js"

const status = "HTTP/1.1 200 OK\r\n"

type Row = readonly [name: string, raw: string, description: string, excerpt: string, bytewise?: string]

const both: ReadonlyArray<Row> = [
  [
    "an SSH banner",
    "SSH-2.0-OpenSSH_9.7\r\n",
    'expected a status line that begins with "HTTP/1.", got "S"',
    "SSH-2.0-OpenSSH_9.7",
    "S"
  ],
  ["HTML", "<html><body>\n", 'expected a status line that begins with "HTTP/1.", got "<"', "<html><body>", "<"],
  ["HTTP/2", "HTTP/2 200\r\n", 'expected a status line that begins with "HTTP/1.", got "2"', "HTTP/2 200", "HTTP/2"],
  ["HTTP/1.2", "HTTP/1.2 200 OK\r\n", 'expected HTTP/1.0 or HTTP/1.1, got "2"', "HTTP/1.2 200 OK", "HTTP/1.2"],
  [
    "a status of two digits",
    "HTTP/1.1 20 OK\r\n",
    "expected a status from 100 to 999, got a space",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 20 "
  ],
  [
    "a status of four digits",
    "HTTP/1.1 2000 OK\r\n",
    'expected a space or CRLF after the status, got "0"',
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 2000"
  ],
  [
    "a NUL in the reason",
    "HTTP/1.1 200 O\0K\r\n",
    'expected printable characters in the reason phrase, got "\\x00"',
    "HTTP/1.1 200 O\\x00K",
    "HTTP/1.1 200 O\\x00"
  ],
  [
    "a line without a colon",
    `${status}No-colon\r\n\r\n`,
    "expected a colon after the field name, got CR",
    "No-colon\\r"
  ],
  [
    "a NUL in a value",
    `${status}A: b\0c d\r\n\r\n`,
    'expected printable characters in the value, got "\\x00"',
    "A: b\\x00c d",
    "A: b\\x00"
  ],
  ["a bare CR in a value", `${status}A: b\rc d\r\n\r\n`, 'expected LF after CR, got "c"', "A: b\\rc d", "A: b\\rc"],
  [
    "a NUL in a name",
    `${status}A\0b: c\r\n\r\n`,
    'expected a colon or a character of a field name, got "\\x00"',
    "A\\x00b: c",
    "A\\x00"
  ],
  [
    "an invalid Content-Length",
    `${status}Content-Length: five\r\n\r\n`,
    "expected decimal digits as the Content-Length",
    "Content-Length: five"
  ],
  [
    "two Content-Lengths",
    `${status}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    "expected one Content-Length, got different ones",
    "Content-Length: 2"
  ]
]

const strict: ReadonlyArray<Row> = [
  ["a bare LF", `${status}A: b\nC: d\r\n\r\n`, "expected printable characters in the value, got LF", "A: b\\n"],
  [
    "white space before a colon",
    `${status}A : b\r\n\r\n`,
    "expected a colon directly after the field name, got a space",
    "A : b",
    "A "
  ],
  [
    "a folded line",
    `${status}A: b\r\n c\r\n\r\n`,
    "expected a field name at the beginning of the line, got a space",
    " "
  ],
  [
    "a warning of PHP",
    `${status}<b>Warning</b>: x on line 3\r\n\r\n`,
    'expected a colon or a character of a field name, got "<"',
    "<b>Warning</b>: x on line 3",
    "<"
  ],
  [
    "a tab after a length",
    `${status}Content-Length: 5\t\r\n\r\n`,
    "expected no tab after the value of Content-Length or Transfer-Encoding",
    "Content-Length: 5\\t\\r"
  ]
]

const excerptOf = (raw: string, options?: Options) => parse(raw, options).excerpt ?? ""

describe("the error of a broken head", () => {
  for (const [rows, options] of [
    [both, {}],
    [both, { limits: strictLimits }],
    [strict, { limits: strictLimits }]
  ] as const) {
    for (const [name, raw, description, excerpt, bytewise = excerpt] of rows) {
      it(`names the expected bytes and shows the line with ${name}${options.limits === undefined ? "" : ", in strict mode"}`, () => {
        const whole = parse(raw, options)
        assert.deepStrictEqual(
          [whole.description, whole.excerpt?.replace(/\\r$/, "")],
          [description, excerpt.replace(/\\r$/, "")]
        )
        const single = [...Buffer.from(raw, "latin1")].map((byte) => Uint8Array.of(byte))
        const cut = parsePieces(single, options)
        assert.deepStrictEqual(
          [cut.description, cut.excerpt?.replace(/\\r$/, "")],
          [description, bytewise.replace(/\\r$/, "")]
        )
      })
    }
  }

  it("shows a line from its beginning that arrived in many reads", () => {
    const raw = Buffer.from(`${status}X-First: 1\r\nX-Long-Name: a value with a\0fault and a rest\r\n\r\n`, "latin1")
    for (let at = 1; at < raw.length; at++) {
      const { excerpt = "" } = parsePieces([raw.subarray(0, at), raw.subarray(at)])
      assert.isTrue(excerpt.startsWith("X-Long-Name: a value with a\\x00"), excerpt)
    }
  })

  it("shows at most 100 characters of a long line, and only whole words", () => {
    const long = `${"word ".repeat(50)}\0${" word".repeat(50)}`
    for (const raw of [
      `${status}X: ${long}\r\n\r\n`,
      `${status}X: a\0 ${"word ".repeat(50)}\r\n\r\n`,
      `${status}X: a\0${"b".repeat(5000)}\r\n`
    ]) {
      const excerpt = excerptOf(raw)
      assert.isAtMost(excerpt.length, 100)
      if (excerpt.includes("\\x00")) assert.notMatch(excerpt, /\b(?:w|wo|wor)$/)
    }
    assert.strictEqual(excerptOf(`${status}X: a\0${"b".repeat(5000)}\r\n`), "X: a\\x00")
  })

  it("does not show a word after the fault that may be incomplete", () => {
    const first = Buffer.from(`${status}X: a\0 us3r:s3c`, "latin1")
    assert.strictEqual(parsePieces([first]).excerpt, "X: a\\x00")
  })

  const secret = "s3cr3t"
  for (const [where, line] of [
    ["before the fault", `Set-Cookie: a=${secret}\0b`],
    ["behind the fault in a value", `Set-Cookie: a\0b=${secret}`],
    ["behind a fault in its name", `Set-Cookie\0: a=${secret}`],
    ["behind a fault within its name", `Set-\0Cookie: a=${secret}`],
    ["behind a name with white space", `Authorization \0: Bearer ${secret}`],
    ["behind a name without a colon", `X-Api-Key ${secret}`],
    ["behind a folded name", `Set Cookie: a=${secret}\0`],
    ["in a URL", `X-To: \0 https://user:${secret}@host/`],
    ["in a URL that the bound cuts", `X-To: \0 ${"w".repeat(60)} https://user:${secret.repeat(20)}@host/`],
    ["in a pair", `X-To: \0 token=${secret}`]
  ] as const) {
    it(`shows no secret ${where}`, () => {
      for (const limits of [undefined, strictLimits]) {
        const excerpt = excerptOf(`${status}${line}\r\n\r\n`, { limits })
        assert.notStrictEqual(excerpt, "")
        assert.notInclude(excerpt, secret)
        for (let at = 1; at < line.length; at++) {
          const { excerpt: cut = "" } = parsePieces([Buffer.from(`${status}${line.slice(0, at)}`, "latin1")], {
            limits
          })
          assert.notInclude(cut, secret.slice(0, 4))
        }
      }
    })
  }
})
