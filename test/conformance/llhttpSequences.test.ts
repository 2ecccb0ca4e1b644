/**
 * Several responses on one connection, from one buffer, through one parser: those classes of the response tests of
 * nodejs/llhttp that a single reply does not show (`llhttpClasses.test.ts` has the others).
 */
import { assert, describe, it } from "@effect/vitest"
import type { ParsedHead } from "../../src/internal/network/http1/head.js"
import { Parser } from "../../src/internal/network/http1/parser.js"
import { bytesOf, cutAt, strictLimits } from "../support/replies.js"

const second = "HTTP/1.1 418 Other\r\n\r\n"

interface Answer {
  readonly status: number
  readonly keepAlive: boolean
  body: string
  complete: boolean
}

/** The outcomes of one connection with a request of each method, each sent after the previous response is complete, and the excess bytes. */
const exchange = (pieces: ReadonlyArray<Uint8Array>, methods: ReadonlyArray<string>) => {
  const answers: Array<Answer> = []
  const waiting = methods.slice()
  let left = 0
  let idle = false
  const parser = new Parser(strictLimits, {
    onInformational: () => {},
    onHead: (head: ParsedHead) =>
      answers.push({ status: head.status, keepAlive: head.keepAlive, body: "", complete: false }),
    onBody: (slab, start, end) => {
      const answer = answers.at(-1)
      if (answer !== undefined) answer.body += slab.toString("latin1", start, end)
    },
    onComplete: () => {
      const answer = answers.at(-1)
      if (answer !== undefined) answer.complete = true
      idle = true
    }
  })
  const next = () => {
    const method = waiting.shift()
    if (method === undefined) return false
    parser.expect(method, false)
    idle = false
    return true
  }
  next()
  for (const piece of pieces) {
    const slab = Buffer.from(piece)
    let at = 0
    while (at < slab.length) {
      if (idle && !next()) {
        left += slab.length - at
        break
      }
      at = parser.execute(slab, at, slab.length)
      if (at < 0) return { answers, left, failure: parser.failure?.reason }
    }
  }
  return { answers, left, failure: undefined }
}

const answer = (status: number, body: string, complete = true, keepAlive = true): Answer => ({
  status,
  keepAlive,
  body,
  complete
})
const made = (status: number, fields: ReadonlyArray<string>, body = "") =>
  `${[`HTTP/1.1 ${status} x`, ...fields].join("\r\n")}\r\n\r\n${body}`

describe("responses on one connection in one buffer", () => {
  const rows: ReadonlyArray<
    readonly [
      name: string,
      section: string,
      raw: string,
      methods: ReadonlyArray<string>,
      expected: ReturnType<typeof exchange>
    ]
  > = [
    [
      "each with its own length; the last is cut",
      "RFC 9112, 9.3.2",
      made(200, ["Content-Length: 2"], "hi") +
        made(206, ["Content-Length: 0"]) +
        made(203, ["Content-Length: 9"], "partial"),
      ["GET", "GET", "GET"],
      { answers: [answer(200, "hi"), answer(206, ""), answer(203, "partial", false)], left: 0, failure: undefined }
    ],
    [
      "an empty line after each body",
      "RFC 9112, 2.2",
      `${made(200, ["Content-Length: 2"], "hi")}\r\n${made(404, ["Transfer-Encoding: chunked"], "1\r\n!\r\n0\r\n\r\n")}\r\n${made(204, [])}`,
      ["GET", "POST", "GET"],
      { answers: [answer(200, "hi"), answer(404, "!"), answer(204, "")], left: 0, failure: undefined }
    ],
    [
      "to HEAD, each with a length of its own and no body",
      "RFC 9112, 6.3, item 1",
      made(200, ["Content-Length: 77"]) + made(200, ["Content-Length: 5"]) + made(200, ["Content-Length: 5"], "hello"),
      ["HEAD", "HEAD", "GET"],
      { answers: [answer(200, ""), answer(200, ""), answer(200, "hello")], left: 0, failure: undefined }
    ],
    [
      "a length is not carried over",
      "RFC 9112, 6.3, item 8",
      made(200, ["Content-Length: 2"], "hi") + made(200, [], "until the end"),
      ["GET", "GET"],
      { answers: [answer(200, "hi"), answer(200, "until the end", false, false)], left: 0, failure: undefined }
    ],
    [
      "chunks and close are not carried over",
      "RFC 9112, 6.3; 9.6",
      made(200, ["Transfer-Encoding: chunked", "Connection: close"], "0\r\n\r\n") +
        made(200, ["Content-Length: 2"], "hi"),
      ["GET", "GET"],
      { answers: [answer(200, "", true, false), answer(200, "hi")], left: 0, failure: undefined }
    ],
    [
      "one more than was asked for",
      "RFC 9112, 9.2",
      made(200, ["Content-Length: 2"], "hi") + second,
      ["GET"],
      { answers: [answer(200, "hi")], left: second.length, failure: undefined }
    ],
    [
      "a body longer than its length",
      "RFC 9112, 9.2",
      made(200, ["Content-Length: 2"], "high") + made(200, ["Content-Length: 0"]),
      ["GET", "GET"],
      { answers: [answer(200, "hi")], left: 0, failure: "StatusLine" }
    ]
  ]
  for (const [name, section, raw, methods, expected] of rows) {
    it(`${name} (${section})`, () => {
      const bytes = bytesOf(raw)
      assert.deepStrictEqual(exchange([bytes], methods), expected)
      assert.deepStrictEqual(
        exchange(
          [...bytes].map((byte) => Uint8Array.of(byte)),
          methods
        ),
        expected
      )
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepStrictEqual(exchange(cutAt(bytes, [at]), methods), expected, `cut at ${at}`)
      }
    })
  }
})
