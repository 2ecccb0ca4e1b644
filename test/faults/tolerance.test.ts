/**
 * Responses that deviate from HTTP/1.1 in ways that a user agent may tolerate: they are delivered whole, their
 * connection is not used again where their framing needed tolerance, and strict mode refuses them.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Tracing from "effect-http-session/Tracing"
import { itFault, outcome } from "../support/itFault.js"
import { bytewise, type Play, plays, request, type Server, send } from "../support/server.js"

const accepted = (at: Server): number => Effect.runSync(at.accepted)

const closing: ReadonlyArray<readonly [name: string, reply: string, deviations: ReadonlyArray<string>]> = [
  ["bare line feeds in the head", "HTTP/1.1 200 OK\nContent-Length: 3\n\nown", ["BareLineFeed"]],
  [
    "bare line feeds in the body's chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nown\n0\n\n",
    ["BareLineFeed"]
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
  ]
]

const harmless: typeof closing = [
  ["a control character", "HTTP/1.1 200 OK\r\nA: b\x01\r\nContent-Length: 3\r\n\r\nown", ["ControlCharacter"]],
  [
    "white space after a chunk size",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nown\r\n0\r\n\r\n",
    ["ChunkSizeSpacing"]
  ],
  [
    "a chunk extension of free text",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;;a b\r\nown\r\n0\r\n\r\n",
    ["ChunkExtension"]
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
    for (const [name, reply, deviations] of list) {
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
            // The second request is the one that the invariants make.
            assert.strictEqual(accepted(at), connections)
          }
        )
      }

      itFault(
        `with ${name} is refused in strict mode`,
        plays(request, send(reply)),
        (session, at) => session.get(`${at.url}/`, { timeout: "5 seconds" }).pipe(ClientResponse.text),
        (exit) => assert.isTrue(Exit.isFailure(exit)),
        { connector: { http1: { strict: true } } }
      )
    }
  }

  itFault(
    "without deviations lists none, and all such responses share the list",
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
