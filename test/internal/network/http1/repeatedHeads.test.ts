/**
 * A repeated head is not parsed again, and has the same effect as on a new connection.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { ParsedHead } from "../../../../src/internal/network/http1/head.js"
import { defaultLimits, type ParserLimits } from "../../../../src/internal/network/http1/limits.js"
import { Parser } from "../../../../src/internal/network/http1/parser.js"
import { headersOf } from "../../../support/replies.js"

/** All callbacks of a parser for several replies in order. */
class Listener {
  readonly heads: Array<ParsedHead> = []
  private said: Array<unknown> = []
  private readonly parser: Parser

  constructor(limits: Partial<ParserLimits> = {}) {
    this.parser = new Parser(
      { ...defaultLimits, ...limits },
      {
        onInformational: (head) => this.said.push(["informational", head.status]),
        onHead: (head) => {
          this.heads.push(head)
          const { contentLength, framing, keepAlive, keepAliveTimeout, reason, status, version } = head
          this.said.push([version, status, reason, framing, contentLength, keepAlive, keepAliveTimeout])
          this.said.push(headersOf(head), head.getAll("set-cookie"), head.raw().flat().join())
        },
        onBody: (slab, start, end) => this.said.push(slab.toString("latin1", start, end)),
        onComplete: (trailers) => this.said.push(["complete", trailers])
      }
    )
  }

  /** The callbacks for one reply that arrives in pieces of this many bytes. */
  hear(method: string, reply: string, piece: number): ReadonlyArray<unknown> {
    this.said = []
    this.parser.expect(method, false)
    const bytes = Buffer.from(reply, "latin1")
    for (let at = 0; at < bytes.length; at += piece) {
      const slab = Buffer.from(`##${bytes.toString("latin1", at, at + piece)}`, "latin1")
      const next = this.parser.execute(slab, 2, slab.length)
      slab.fill(0)
      this.said.push(next < 0 ? this.parser.failure : next === slab.length ? "taken" : ["left", slab.length - next])
      if (next < 0) break
    }
    this.said.push(this.parser.headBytes)
    return this.said
  }
}

const date = (second: number) => `Date: Mon, 23 Nov 2026 10:00:0${second} GMT`

const replies = [
  `HTTP/1.1 200 OK\r\n${date(1)}\r\nContent-Length: 3\r\n\r\none`,
  `HTTP/1.1 200 OK\r\n${date(1)}\r\nContent-Length: 3\r\n\r\ntwo`,
  `HTTP/1.1 200 OK\r\n${date(2)}\r\nContent-Length: 3\r\n\r\none`,
  `HTTP/1.1 200 OK\r\n${date(1)}\r\nContent-Length: 4\r\n\r\nfour`,
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nexcess",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
  "HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n",
  "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
  "HTTP/1.1 200 Gr\xfc\xdfe\r\nKeep-Alive: timeout=5\r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rx",
  "HTTP/1.1 200 OK\r\n\r\nuntil the end"
]

const requests = fc.array(
  fc.record({
    method: fc.constantFrom("GET", "GET", "GET", "HEAD", "CONNECT"),
    reply: fc.constantFrom(...replies),
    piece: fc.constantFrom(1, 7, 40, 1000, 1000, 1000)
  }),
  { minLength: 2, maxLength: 8 }
)

describe("a repeated head", () => {
  it("is reported as on a new connection after any other heads", () => {
    fc.assert(
      fc.property(requests, (all) => {
        const listener = new Listener()
        for (const { method, piece, reply } of all) {
          assert.deepStrictEqual(listener.hear(method, reply, piece), new Listener().hear(method, reply, piece))
        }
      }),
      { seed: 20261123, numRuns: 3000 }
    )
  })

  it("is the same object unless its bytes or the method differ or other bytes precede it", () => {
    const [one, two, later, longer] = replies
    const listener = new Listener()
    const hear = (reply: string | undefined, method = "GET") => {
      listener.hear(method, reply ?? "", 1000)
      return listener.heads.at(-1)
    }
    const first = hear(one)
    assert.strictEqual(hear(two), first)
    assert.notStrictEqual(hear(longer), first)
    const again = hear(one)
    assert.notStrictEqual(again, first)
    assert.notStrictEqual(hear(later), again)
    const got = hear(one)
    assert.notStrictEqual(hear(one, "HEAD"), got)
    assert.strictEqual(hear(one, "HEAD"), listener.heads.at(-2))
    const plain = hear(one)
    assert.notStrictEqual(hear(`\r\n${one}`), plain)
  })

  it("is not cached if it is long", () => {
    const long = `HTTP/1.1 200 OK\r\nX: ${"x".repeat(2048)}\r\nContent-Length: 0\r\n\r\n`
    const listener = new Listener()
    listener.hear("GET", long, 10_000)
    listener.hear("GET", long, 10_000)
    assert.notStrictEqual(listener.heads[0], listener.heads[1])
  })
})
