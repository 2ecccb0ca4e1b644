/**
 * Responses that deviate from HTTP/1.1 in ways that a user agent may tolerate: they are delivered completely,
 * their connection is closed if their framing needed tolerance, and strict mode refuses them.
 */
import { assert, describe } from "@effect/vitest"
import { Cause, Effect, type Exit, Option } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { Http1Limits } from "effect-http-session/Connector"
import { BadHttpMessage, type ClientError } from "effect-http-session/Errors"
import * as Proxy from "effect-http-session/Proxy"
import * as Tracing from "effect-http-session/Tracing"
import { itFault, outcome } from "../support/itFault.js"
import { bytewise, head, type Play, plays, request, type Server, send, stall } from "../support/server.js"

/** The error of a failed request; fails the test for any other exit. */
const failed = <A>(exit: Exit.Exit<A, ClientError>): ClientError =>
  exit._tag === "Success"
    ? assert.fail("succeeded")
    : Option.getOrThrowWith(Cause.failureOption(exit.cause), () => new Error(Cause.pretty(exit.cause)))

const accepted = (at: Server): number => Effect.runSync(at.accepted)

/** The tag of the error in strict mode: of the head, or of the body. */
type Strict = "BadHttpMessage" | "ClientPayloadError"

const closing: ReadonlyArray<
  readonly [name: string, reply: string, deviations: ReadonlyArray<string>, strict?: Strict]
> = [
  ["bare line feeds in the head", "HTTP/1.1 200 OK\nContent-Length: 3\n\nown", ["BareLineFeed"]],
  [
    "bare line feeds in the body's chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nown\n0\n\n",
    ["BareLineFeed"],
    "ClientPayloadError"
  ],
  [
    "a bare line feed in the trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\nA: b\n\r\n",
    ["BareLineFeed"],
    "ClientPayloadError"
  ],
  ["one bare line feed among CRLFs", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 3\r\n\r\nown", ["BareLineFeed"]],
  [
    "a line feed within a value, before a space",
    "HTTP/1.1 200 OK\r\nA: b\n c\r\nContent-Length: 3\r\n\r\nown",
    ["BareLineFeed", "FoldedLine"]
  ],
  ["white space before the first field", "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 3\r\n\r\nown", ["FoldedLine"]],
  ["three folds", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n e\r\nContent-Length: 3\r\n\r\nown", ["FoldedLine"]],
  [
    "a folded trailer",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\nA: b\r\n c\r\n\r\n",
    ["FoldedLine"],
    "ClientPayloadError"
  ],
  ["a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\nown", ["FoldedLine"]],
  ["white space before a colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nown", ["SpaceBeforeColon"]],
  [
    "an invalid field name",
    "HTTP/1.1 200 OK\r\n<b>Warning</b>: x\r\nContent-Length: 3\r\n\r\nown",
    ["InvalidFieldName"]
  ],
  ["spaces in the status line", "HTTP/1.1  200 OK\r\nContent-Length: 3\r\n\r\nown", ["StatusLineSpacing"]],
  [
    "Content-Length beside chunked",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n",
    ["LengthWithChunked"]
  ],
  [
    "chunked twice",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n",
    ["RepeatedChunked"]
  ],
  [
    "chunked in two fields",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n",
    ["RepeatedChunked"]
  ],
  [
    "the coding identity",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nown",
    ["IdentityCoding"]
  ]
]

const harmless: typeof closing = [
  ["a control character", "HTTP/1.1 200 OK\r\nA: b\x01\r\nContent-Length: 3\r\n\r\nown", ["ControlCharacter"]],
  [
    "white space after a chunk size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nown\r\n0\r\n\r\n",
    ["ChunkSizeSpacing"],
    "ClientPayloadError"
  ],
  [
    "white space before a chunk size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 3\r\nown\r\n0\r\n\r\n",
    ["ChunkSizeSpacing"],
    "ClientPayloadError"
  ],
  [
    "white space in a chunk extension",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a = b\r\nown\r\n0\r\n\r\n",
    ["ChunkExtension"],
    "ClientPayloadError"
  ],
  [
    "a chunk extension of free text",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;;a b\r\nown\r\n0\r\n\r\n",
    ["ChunkExtension"],
    "ClientPayloadError"
  ]
]

const writes: ReadonlyArray<readonly [how: string, write: (reply: string) => Play]> = [
  ["at once", send],
  ["byte by byte", bytewise]
]

const ends = (signals: ReadonlyArray<Tracing.Signal>) =>
  signals.flatMap((signal) =>
    signal._tag === "ConnectionClosed" || signal._tag === "ConnectionReleased"
      ? [`${signal._tag} ${signal.deviations.join()}`]
      : []
  )

describe("a response that needed tolerance", () => {
  for (const [list, connections] of [
    [closing, 2],
    [harmless, 1]
  ] as const) {
    for (const [name, reply, deviations, strict = "BadHttpMessage"] of list) {
      for (const [how, write] of writes) {
        itFault(
          `with ${name}, ${how}, is delivered and its connection ${connections === 2 ? "closed" : "kept"}`,
          plays(request, write(reply)),
          (session, at) =>
            Effect.gen(function* () {
              const read = Effect.gen(function* () {
                const response = yield* session.get(`${at.url}/`, { timeout: "5 seconds" })
                assert.strictEqual(yield* response.text, "own")
                assert.deepStrictEqual(response.deviations, deviations)
              })
              const [, signals] = yield* Tracing.collect(read)
              const tag = connections === 2 ? "ConnectionClosed" : "ConnectionReleased"
              assert.deepStrictEqual(ends(signals), [`${tag} ${deviations.join()}`])
            }),
          (exit, at) => {
            assert.strictEqual(outcome(exit), "Success")
            // The invariants make the second request.
            assert.strictEqual(accepted(at), connections)
          }
        )
      }

      itFault(
        `with ${name} is refused in strict mode`,
        plays(request, send(reply)),
        (session, at) => session.get(`${at.url}/`, { timeout: "5 seconds" }).pipe(ClientResponse.text),
        (exit, at) => {
          assert.strictEqual(outcome(exit), strict)
          assert.strictEqual(accepted(at), 2)
        },
        { connector: { http1: { strict: true } } }
      )
    }
  }

  itFault(
    "without deviations has the same empty list as all others",
    plays(
      request,
      send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"),
      request,
      send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown")
    ),
    (session, at) =>
      Effect.gen(function* () {
        const first = yield* session.get(`${at.url}/`)
        yield* first.text
        const second = yield* session.get(`${at.url}/`)
        yield* second.text
        assert.deepStrictEqual(first.deviations, [])
        assert.strictEqual(first.deviations, second.deviations)
      })
  )
})

const reply = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}Content-Length: 3\r\n\r\nown`
const chunked = (fields: string, body = "3\r\nown\r\n0\r\n\r\n") =>
  `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${body}`

const refused: ReadonlyArray<readonly [name: string, reply: string, reason: string, strict?: string]> = [
  ["a field line without a colon", reply("abc\r\n"), "Header"],
  ["an invalid name that hides Content-Length", reply("Content-Length\x01: 1\r\n"), "Framing", "Header"],
  ["an invalid name that hides Transfer-Encoding", reply("\x0bTransfer-Encoding: chunked\r\n"), "Framing", "Header"],
  ["different Content-Lengths", reply("Content-Length: 2\r\n"), "Framing"],
  ["different Content-Lengths beside chunked", chunked("Content-Length: 1\r\nContent-Length: 2\r\n"), "Framing"],
  ["a negative Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Framing"],
  ["a Content-Length that is a word", "HTTP/1.1 200 OK\r\nContent-Length: three\r\n\r\nown", "Framing"],
  ["an unknown transfer coding", chunked("Transfer-Encoding: x\r\n"), "Framing"],
  ["NUL in a value", reply("A: b\0\r\n"), "Header"],
  ["NUL in a name", reply("A\0: b\r\n"), "Header"],
  ["a bare CR in a name", reply("A\rb: c\r\n"), "Header"],
  ["HTTP/0.9", "<html>own</html>", "StatusLine"],
  ["a status line in lower case", "http/1.1 200 OK\r\n\r\n", "StatusLine"],
  ["the protocol ICY", "ICY 200 OK\r\n\r\n", "StatusLine"]
]

describe("an ambiguous response", () => {
  for (const [name, raw, byDefault, inStrict = byDefault] of refused) {
    for (const [how, write] of writes) {
      for (const strict of [false, true]) {
        itFault(
          `with ${name}, ${how}, is refused and its connection closed${strict ? ", in strict mode too" : ""}`,
          plays(request, write(raw)),
          (session, at) => session.get(`${at.url}/`, { timeout: "5 seconds" }).pipe(ClientResponse.text),
          (exit, at) => {
            const error = failed(exit)
            assert.strictEqual(error._tag, "BadHttpMessage")
            assert.strictEqual(error._tag === "BadHttpMessage" ? error.reason : "", strict ? inStrict : byDefault)
            assert.strictEqual(accepted(at), 2)
          },
          { connector: { http1: { strict } } }
        )
      }
    }
  }
})

describe("white space around a value", () => {
  itFault(
    "is stripped from framing fields too, and is not a deviation",
    plays(request, send("HTTP/1.1 200 OK\r\nA:\t b \t\r\nContent-Length: \t3 \t\r\n\r\nown")),
    (session, at) =>
      Effect.gen(function* () {
        const response = yield* session.get(`${at.url}/`, { timeout: "5 seconds" })
        assert.strictEqual(yield* response.text, "own")
        assert.strictEqual(response.headers.a, "b")
        assert.deepStrictEqual(response.deviations, [])
      }),
    (exit, at) => {
      assert.strictEqual(outcome(exit), "Success")
      assert.strictEqual(accepted(at), 1)
    }
  )
})

describe("a proxy's reply to CONNECT", () => {
  const established = "HTTP/1.1 200 OK\r\n"
  const rows: ReadonlyArray<readonly [name: string, reply: string, limits: Http1Limits, reason: string]> = [
    ["fields", `${established}A: b\r\nC: d\r\n\r\n`, { maxHeaders: 1 }, "Limit"],
    ["a head", `${established}A: ${"b".repeat(100)}\r\n\r\n`, { maxHeadSize: 100 }, "Limit"],
    ["a line", `${established}A: ${"b".repeat(100)}\r\n\r\n`, { maxLineSize: 50 }, "Limit"],
    [
      "informational replies",
      `${"HTTP/1.1 103 x\r\n\r\n".repeat(2)}${established}\r\n`,
      { maxInformational: 1 },
      "Limit"
    ],
    ["a bare line feed", "HTTP/1.1 200 OK\n\n", { strict: true }, "StatusLine"]
  ]
  for (const [name, raw, http1, reason] of rows) {
    itFault(
      `is subject to the limits of the connector: ${name}`,
      plays(head, send(raw), stall),
      (session, at) => session.get("https://a.test/", { proxy: Proxy.make(at.url), timeout: "5 seconds" }),
      (exit) => {
        const error = failed(exit)
        assert.strictEqual(error._tag, "ClientProxyConnectionError")
        const cause: unknown = error.cause
        assert.instanceOf(cause, BadHttpMessage)
        assert.strictEqual(cause.reason, reason)
      },
      { connector: { http1 } }
    )
  }
})
