/** The time limits of a request over HTTP/2, on a clock that the test moves, and the frames to the server. */
import { assert, describe } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Errors from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import type * as Timeouts from "effect-http-session/Timeouts"
import { heldClock } from "../../support/clock.js"
import { block } from "../../support/h2Fields.js"
import * as Frames from "../../support/h2Frames.js"
import { Code, data, headers, Type } from "../../support/h2Frames.js"
import { type H2Play, type H2Server, handshake, response } from "../../support/h2Server.js"
import { itH2Fault, plays } from "../../support/itH2Fault.js"
import { untilValue } from "../../support/wait.js"

const off = { total: Infinity, connect: Infinity, send: Infinity, headers: Infinity, body: Infinity } as const

/** Waits for the RST_STREAM of the first request, after which the connection answers nonces. */
const untilReset: H2Play = (peer) => Effect.asVoid(peer.frame("RST_STREAM"))

const firstPeer = (at: H2Server) =>
  untilValue(
    Effect.sync(() => at.peers[0]),
    (peer) => peer !== undefined
  )

/** The bytes that a client may send on a stream at first. */
const firstWindow = 65_535

/** Sends no WINDOW_UPDATE. */
const withoutWindows: H2Play = (peer) =>
  Effect.sync(() => {
    peer.automatic.windows = false
  })

/** The head and one byte, and then nothing. */
const stalls: H2Play = (peer) =>
  Effect.flatMap(peer.head, ({ stream }) =>
    peer.send(Buffer.concat([headers(stream, block(":status", "200")), data(stream, "x")]))
  )

interface Case {
  readonly limit: keyof Timeouts.Timeouts
  readonly play: H2Play
  /** Waits until the request stands still. */
  readonly standing: (at: H2Server, session: Session.SessionService) => Effect.Effect<unknown>
  readonly upload?: boolean
  readonly expected: Record<string, unknown>
}

const cases: ReadonlyArray<Case> = [
  {
    limit: "send",
    play: plays(handshake(), withoutWindows, untilReset),
    standing: (at) =>
      Effect.flatMap(firstPeer(at), (peer) =>
        Effect.flatMap(peer.head, (request) => peer.until(() => request.body.length === firstWindow))
      ),
    upload: true,
    expected: { _tag: "SocketTimeoutError", timeout: "send", phase: "send" }
  },
  {
    limit: "headers",
    play: plays(handshake(), untilReset),
    standing: (at) => Effect.flatMap(firstPeer(at), (peer) => peer.head),
    expected: { _tag: "SocketTimeoutError", timeout: "headers", phase: "headers" }
  },
  {
    limit: "body",
    play: plays(handshake(), stalls, untilReset),
    standing: (_, session) => untilValue(session.connector.stats, ({ streams }) => streams === 1),
    expected: { _tag: "SocketTimeoutError", timeout: "body", phase: "body" }
  },
  {
    limit: "total",
    play: plays(handshake(), untilReset),
    standing: (at) => Effect.flatMap(firstPeer(at), (peer) => peer.head),
    expected: { _tag: "TotalTimeoutError", phase: "headers" }
  }
]

describe("a request over HTTP/2", () => {
  for (const { expected, limit, play, standing, upload } of cases) {
    itH2Fault(
      `fails at its limit ${limit}, not before, and resets its stream only`,
      play,
      (session, at) =>
        Effect.gen(function* () {
          const { advance, clock } = heldClock()
          const read = yield* Deferred.make<void>()
          const request = session
            .post(`${at.url}/`, {
              timeout: { ...off, [limit]: "2 seconds" },
              ...(upload === true ? { data: new Uint8Array(100_000) } : {})
            })
            .pipe(
              Effect.flatMap((reply) => Stream.runForEach(reply.stream, () => Deferred.succeed(read, undefined))),
              Effect.scoped,
              Effect.flip,
              Effect.withClock(clock)
            )
          const fiber = yield* Effect.fork(request)
          yield* standing(at, session)
          if (limit === "body") yield* Deferred.await(read)
          advance(1_999)
          yield* Effect.yieldNow()
          assert.isNull(fiber.unsafePoll())
          advance(1)
          const error: Errors.ClientError = yield* Fiber.join(fiber)
          assert.deepInclude(error, expected)
          const peer = yield* firstPeer(at)
          yield* peer.until(() => peer.requests[0]?.resetCode !== undefined)
          assert.strictEqual(peer.requests[0].resetCode, Code.CANCEL)
        }),
      undefined,
      // A server that was silent for the limit is asked by PING, and gets no request before its answer.
      { settle: 2000 }
    )
  }

  itH2Fault(
    "whose server sends no SETTINGS for 10 seconds ends the connection",
    (peer) => Effect.asVoid(peer.frame("GOAWAY")),
    (session, at) =>
      Effect.gen(function* () {
        const { advance, clock } = heldClock()
        const fiber = yield* session
          .post(`${at.url}/`, { timeout: off })
          .pipe(ClientResponse.text, Effect.flip, Effect.withClock(clock), Effect.fork)
        const peer = yield* firstPeer(at)
        yield* peer.head
        advance(10_000)
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "SocketTimeoutError", phase: "headers" })
        yield* peer.until(() => peer.frames.some(({ type }) => type === Type.GOAWAY))
        const codes = peer.frames.filter(({ type }) => type === Type.GOAWAY).map((frame) => Frames.numberOf(frame, 4))
        assert.deepStrictEqual(codes, [Code.SETTINGS_TIMEOUT])
      }),
    undefined,
    { settle: 2000 }
  )

  itH2Fault(
    "that waits for 100 Continue sends its body after a second",
    plays(handshake(), (peer) =>
      Effect.flatMap(peer.request, ({ body, stream }) => peer.send(response(stream, 200, body)))
    ),
    (session, at) =>
      Effect.gen(function* () {
        const { advance, clock } = heldClock()
        const fiber = yield* session
          .post(`${at.url}/`, { timeout: off, expect100: true, text: "body" })
          .pipe(ClientResponse.text, Effect.withClock(clock), Effect.fork)
        const peer = yield* firstPeer(at)
        yield* peer.frame("HEADERS")
        advance(999)
        yield* peer.send(Frames.ping())
        yield* peer.frame("PING")
        assert.notInclude(
          peer.frames.map(({ type }) => type),
          Type.DATA
        )
        advance(1)
        assert.strictEqual(yield* Fiber.join(fiber), "body")
      })
  )
})
