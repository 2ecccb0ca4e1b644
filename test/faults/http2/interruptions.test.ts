/** Requests that are interrupted before, while and after they are written, and requests that cannot be. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, FiberId, Runtime, Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import { Code, Type } from "../../support/h2Frames.js"
import { type H2Play, type H2Server, h2Server, handshake } from "../../support/h2Server.js"
import { echoed, h2Session, itH2Fault, plays } from "../../support/itH2Fault.js"
import { untilValue } from "../../support/wait.js"

const mode = "prior-knowledge"

const firstPeer = (at: H2Server) =>
  untilValue(
    Effect.sync(() => at.peers[0]),
    (peer) => peer !== undefined
  )

/** Answers all requests but those to /long. */
const answersOthers: H2Play = plays(handshake(), (peer) =>
  Effect.forever(
    Effect.flatMap(peer.request, (request) => (request.target === "/long" ? Effect.void : peer.send(echoed(request))))
  )
)

/** The streams of the first connection, in order. */
const heads = (at: H2Server) =>
  at.peers[0].frames.filter(({ type }) => type === Type.HEADERS).map(({ stream }) => stream)

describe("an interrupted request over HTTP/2", () => {
  itH2Fault(
    "that has no stream yet uses no id",
    plays(handshake({ MAX_CONCURRENT_STREAMS: 1 }), (peer) => peer.until(() => false)),
    (session, at) =>
      Effect.gen(function* () {
        const get = (target: string) => session.get(`${at.url}${target}`).pipe(ClientResponse.text)
        const first = yield* Effect.fork(get("/first"))
        const peer = yield* firstPeer(at)
        const head = yield* peer.request
        const waiting = yield* Effect.fork(get("/gone"))
        const last = yield* Effect.fork(get("/last"))
        yield* untilValue(session.connector.stats, (counts) => counts.waiting === 2)
        yield* Fiber.interrupt(waiting)
        yield* peer.send(echoed(head))
        yield* peer.send(echoed(yield* peer.request))
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(last)], ["/first", "/last"])
        assert.deepStrictEqual(heads(at), [1, 3])
        assert.notInclude(
          peer.frames.map(({ type }) => type),
          Type.RST_STREAM
        )
      }),
    undefined,
    { followUp: false, connector: { http2: { mode }, limit: 1 } }
  )

  itH2Fault(
    "that is encoded and not written is followed by RST_STREAM, and the next block can be decoded",
    answersOthers,
    (session, at) =>
      Effect.gen(function* () {
        const long = yield* Effect.fork(session.get(`${at.url}/long`).pipe(ClientResponse.text))
        const peer = yield* firstPeer(at)
        yield* untilValue(
          Effect.sync(() => peer.requests.length),
          (count) => count === 1
        )
        assert.strictEqual(yield* session.get(`${at.url}/warm`).pipe(ClientResponse.text), "/warm")
        const runtime = yield* Effect.runtime<never>()
        // The fiber runs until it waits for the response; the connection writes its frames at the end of the turn.
        const headers = { "x-new-field": "that the table of the server gets" }
        const fiber = yield* Effect.sync(() => {
          const begun = Runtime.runFork(runtime)(session.get(`${at.url}/gone`, { headers }).pipe(ClientResponse.text))
          begun.unsafeInterruptAsFork(FiberId.none)
          return begun
        })
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
        assert.strictEqual(yield* session.get(`${at.url}/next`, { headers }).pipe(ClientResponse.text), "/next")
        const gone = peer.requests.find(({ target }) => target === "/gone")
        if (gone !== undefined) assert.strictEqual(gone.resetCode, Code.CANCEL)
        const next = peer.requests.find(({ target }) => target === "/next")
        assert.strictEqual(next?.header("x-new-field"), headers["x-new-field"])
        yield* Fiber.interrupt(long)
        assert.lengthOf(at.peers, 1)
      }),
    undefined,
    { settle: 2000 }
  )

  itH2Fault(
    "that waits for the server's SETTINGS, or is the only one before them, does not affect the others",
    (peer) => peer.until(() => false),
    (session, at) =>
      Effect.gen(function* () {
        const start = (target: string) => Effect.fork(session.get(`${at.url}${target}`).pipe(ClientResponse.text))
        const first = yield* start("/first")
        const peer = yield* firstPeer(at)
        yield* peer.head
        const waiting = yield* Effect.forEach(["/a", "/gone", "/b", "/gone", "/c"], start)
        yield* untilValue(session.connector.stats, (counts) => counts.waiting === 5)
        yield* Fiber.interruptAll([waiting[1], waiting[3], first])
        yield* peer.frame("RST_STREAM", 1)
        assert.strictEqual((yield* session.connector.stats).waiting, 3)
        yield* handshake()(peer)
        for (const _ of [1, 2, 3]) yield* peer.send(echoed(yield* peer.request))
        const texts = yield* Effect.forEach([waiting[0], waiting[2], waiting[4]], Fiber.join)
        assert.deepStrictEqual(texts, ["/a", "/b", "/c"])
        assert.deepStrictEqual(heads(at), [1, 3, 5, 7])
        assert.lengthOf(at.peers, 1)
      }),
    undefined,
    { followUp: false }
  )

  itH2Fault("that is written is reset, and the connection goes on", answersOthers, (session, at) =>
    Effect.gen(function* () {
      const long = yield* Effect.fork(session.get(`${at.url}/long`).pipe(ClientResponse.text))
      const peer = yield* firstPeer(at)
      yield* untilValue(
        Effect.sync(() => peer.requests.length),
        (count) => count === 1
      )
      yield* Fiber.interrupt(long)
      yield* peer.frame("RST_STREAM", 1)
      assert.strictEqual(peer.requests[0].resetCode, Code.CANCEL)
    })
  )
})

describe("a request over HTTP/2 that cannot be interrupted", () => {
  itH2Fault(
    "ends with its response, and its connection goes on",
    plays(handshake(), (peer) => peer.until(() => false)),
    (session, at) =>
      Effect.gen(function* () {
        let text = ""
        const fiber = yield* session.post(`${at.url}/a`, { text: "body" }).pipe(
          ClientResponse.text,
          Effect.tap((body) =>
            Effect.sync(() => {
              text = body
            })
          ),
          Effect.uninterruptible,
          Effect.fork
        )
        const peer = yield* firstPeer(at)
        const request = yield* peer.request
        const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* peer.send(echoed(request))
        yield* Fiber.join(interruption)
        assert.strictEqual(text, "/a")
        assert.isUndefined(request.resetCode)
        assert.lengthOf(at.peers, 1)
      }),
    undefined,
    { followUp: false }
  )

  itH2Fault("keeps its time limits", answersOthers, (session, at) =>
    Effect.gen(function* () {
      const error = yield* session
        .get(`${at.url}/long`, { timeout: { headers: "100 millis" } })
        .pipe(ClientResponse.text, Effect.flip, Effect.uninterruptible)
      assert.deepInclude(error, { _tag: "SocketTimeoutError", phase: "headers" })
    })
  )

  it.scopedLive("fails when its session closes after gracefulShutdownTimeout", () =>
    Effect.gen(function* () {
      const at = yield* h2Server([plays(handshake(), (peer) => peer.until(() => false))])
      const scope = yield* Scope.make()
      const connector = { http2: { mode }, gracefulShutdownTimeout: "100 millis" } as const
      const { session } = yield* Scope.extend(h2Session({ connector }), scope)
      const fibers = yield* Effect.forEach(["/a", "/b"], (target) =>
        Effect.fork(Effect.uninterruptible(session.get(`${at.url}${target}`).pipe(ClientResponse.text)))
      )
      const peer = yield* firstPeer(at)
      yield* peer.until(() => peer.requests.length === 2)
      yield* Scope.close(scope, Exit.void)
      for (const exit of yield* Effect.forEach(fibers, Fiber.await)) {
        assert.deepInclude(Exit.isFailure(exit) && Cause.squash(exit.cause), { _tag: "SessionClosedError" })
      }
      yield* untilValue(at.connections, (open) => open === 0)
    })
  )
})

describe("a session over HTTP/2", () => {
  itH2Fault("serves others while a request waits uninterruptibly", answersOthers, (session, at) =>
    Effect.gen(function* () {
      const long = yield* Effect.fork(
        session
          .get(`${at.url}/long`, { timeout: { total: "1 second" } })
          .pipe(ClientResponse.text, Effect.flip, Effect.uninterruptible)
      )
      const peer = yield* firstPeer(at)
      yield* peer.until(() => peer.requests.length === 1)
      const texts = yield* Effect.forEach(["/1", "/2", "/3"], (target) =>
        session.get(`${at.url}${target}`).pipe(ClientResponse.text)
      )
      assert.deepStrictEqual(texts, ["/1", "/2", "/3"])
      assert.strictEqual((yield* Fiber.join(long))._tag, "TotalTimeoutError")
      assert.lengthOf(at.peers, 1)
    })
  )
})
