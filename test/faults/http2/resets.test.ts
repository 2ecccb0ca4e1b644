/** Streams that a server resets, or ends with their connection, before or after the head. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Errors from "effect-http-session/Errors"
import * as Ssl from "effect-http-session/Ssl"
import { standard } from "../../support/certificates.js"
import { block, inserted, reference } from "../../support/h2Fields.js"
import { Code, data, headers, rstStream } from "../../support/h2Frames.js"
import { type H2Play, h2Server, handshake, respond, response } from "../../support/h2Server.js"
import { invariants } from "../../support/invariants.js"
import { nonce } from "../../support/itFault.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"
import { sessionOn } from "../../support/session.js"

const ok = block(":status", "200")

const failureOf = <A>(exit: Exit.Exit<A, Errors.ClientError>): Errors.ClientError =>
  Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : assert.fail("expected a failure")

describe("a stream that the server resets before the head", () => {
  for (const code of ["NO_ERROR", "CANCEL", "INTERNAL_ERROR", "CONNECT_ERROR", "INADEQUATE_SECURITY"] as const) {
    for (const method of ["GET", "POST"] as const) {
      itH2Fault(
        `with ${code} fails a ${method}, which is not sent again, and leaves the connection`,
        plays(
          handshake(),
          respond((id) => rstStream(id, Code[code]))
        ),
        (session, at) => session.request(method, `${at.url}/`, { timeout: "15 seconds" }).pipe(ClientResponse.text),
        (exit, at) => {
          const error = failureOf(exit)
          assert.deepInclude(error, {
            _tag: "StreamResetError",
            code,
            scope: "Stream",
            unprocessed: false,
            attempt: 1,
            debug: ""
          })
          // A server may have acted on it.
          if (method === "POST") assert.isFalse(Errors.isRetryable(error))
          assert.lengthOf(at.peers, 1)
          assert.lengthOf(
            at.peers[0].requests.filter(({ target }) => target === "/"),
            1
          )
        }
      )
    }
  }
})

describe("the table of fields", () => {
  itH2Fault(
    "has what a reset stream added to it, however late",
    plays(handshake(), (peer) =>
      Effect.gen(function* () {
        const first = yield* peer.head
        yield* peer.frame("RST_STREAM", first.stream)
        // HEADERS that were on their way when the client reset the stream.
        yield* peer.send(headers(first.stream, Buffer.concat([ok, inserted("x-late", "kept")]), { end: true }))
        const second = yield* peer.request
        yield* peer.send(headers(second.stream, Buffer.concat([ok, reference(62)]), { end: true }))
      })
    ),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.get(`${at.url}/slow`, { timeout: { headers: "100 millis" } }))
        assert.strictEqual(error._tag, "SocketTimeoutError")
        const { headers } = yield* session.get(`${at.url}/next`, { timeout: "15 seconds" })
        assert.strictEqual(headers["x-late"], "kept")
        assert.lengthOf(at.peers, 1)
      }).pipe(Effect.scoped)
  )

  itH2Fault(
    "has what a head beyond the limits added to it",
    plays(
      handshake(),
      respond((id) =>
        headers(id, Buffer.concat([ok, inserted("x-large", "b".repeat(4000)), Buffer.alloc(12_000, 0x80 | 62)]), {
          end: true
        })
      ),
      respond((id) => headers(id, Buffer.concat([ok, reference(62)]), { end: true }))
    ),
    (session, at) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(session.get(`${at.url}/large`, { timeout: "15 seconds" }))
        assert.deepInclude(error, { _tag: "BadHttpMessage", reason: "Limit" })
        const { headers } = yield* session.get(`${at.url}/next`, { timeout: "15 seconds" })
        assert.strictEqual(headers["x-large"], "b".repeat(4000))
        assert.lengthOf(at.peers, 1)
      }).pipe(Effect.scoped)
  )
})

describe("trailers", () => {
  itH2Fault(
    "can be read without those that mean nothing after a body",
    plays(
      handshake(),
      respond((id) =>
        Buffer.concat([
          headers(id, ok),
          data(id, "abc"),
          headers(id, block("grpc-status", "0", "content-length", "9", "x-b", "1", "x-b", "2"), { end: true })
        ])
      )
    ),
    (session, at) =>
      Effect.gen(function* () {
        const reply = yield* session.get(`${at.url}/`, { timeout: "15 seconds" })
        assert.strictEqual(yield* reply.text, "abc")
        const trailers = yield* reply.trailers
        assert.deepStrictEqual(Object.keys(trailers).sort(), ["grpc-status", "x-b"])
      }).pipe(Effect.scoped)
  )
})

describe("a connection over TLS that ends in the middle of a body", () => {
  const half = (id: number) =>
    Buffer.concat([headers(id, block(":status", "200", "content-length", "10")), data(id, "hello")])
  const endings: ReadonlyArray<readonly [string, H2Play, string | undefined]> = [
    ["close_notify", (peer) => peer.fin, undefined],
    ["RST", (peer) => peer.reset, "ECONNRESET"]
  ]
  for (const [name, end, code] of endings) {
    it.scopedLive(`by ${name} cuts the body, and the next request opens another`, () =>
      Effect.gen(function* () {
        const set = yield* standard()
        const play = plays(handshake(), respond(half), end)
        const at = yield* h2Server([play], { tls: set.good })
        const ssl = yield* Ssl.context({ ca: set.ca })
        const { connector, session } = yield* sessionOn({ http2: true, ssl })
        const program = session.get(`${at.url}/`, { timeout: "15 seconds" }).pipe(
          ClientResponse.use((reply) =>
            Effect.zipRight(
              // The end must not overtake the head.
              Effect.sync(() => assert.strictEqual(reply.status, 200)),
              reply.text
            )
          )
        )
        const exit = yield* invariants(program, {
          connector,
          servers: [at],
          followUp: nonce(session, at, { ssl: undefined })
        })
        const error = failureOf(exit)
        // A reset may overtake the bytes before it.
        if (error._tag !== "ClientPayloadError") {
          assert.strictEqual(name, "RST")
          assert.include(["ServerDisconnectedError", "ClientOSError"], error._tag)
          return
        }
        assert.deepInclude(error, { reason: "Incomplete", expected: 10 })
        if (code !== undefined) assert.deepInclude(error.cause, { code })
        assert.lengthOf(at.peers, 2)
      })
    )
  }
})

describe("a response that was sent with its RST_STREAM", () => {
  itH2Fault(
    "is whole if it ended the stream before, also with another code than NO_ERROR",
    plays(
      handshake(),
      respond((id) => Buffer.concat([response(id, 200, "whole"), rstStream(id, Code.INTERNAL_ERROR)]))
    ),
    (session, at) => session.get(`${at.url}/`, { timeout: "15 seconds" }).pipe(ClientResponse.text),
    (exit, at) => {
      assert.deepStrictEqual(exit, Exit.succeed("whole"))
      assert.lengthOf(at.peers, 1)
    }
  )
})
