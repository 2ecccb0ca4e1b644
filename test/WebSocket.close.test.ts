import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, FiberId, Option, Stream, TestClock } from "effect"
import { type Errors, Session } from "effect-http-session"
import { failure } from "./support/exits.js"
import { stable, turn, until } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"
import { inSession, webSocketError } from "./support/webSockets.js"

describe("the end of a WebSocket", () => {
  it.scopedLive("by its Scope sends 1000 and waits for the close frame of the peer", () =>
    Effect.gen(function* () {
      const codes: Array<number | undefined> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          codes.push(Peer.codeOf(received))
          yield* peer.send(Peer.frame({ opcode: 8, payload: received.payload }))
          yield* peer.fin
        })
      )
      yield* inSession(Session.webSocket(server.webSocketUrl()))
      assert.deepStrictEqual(codes, [1000])
      yield* until(() => Effect.map(server.connections, (open) => open === 0))
    })
  )

  it.scopedLive("by close returns true, then false, and nothing is sent or received after it", () =>
    Effect.gen(function* () {
      const closes: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.text("unread"))
          const received = yield* peer.receiveClose
          closes.push(`${Peer.codeOf(received)} ${received.payload.subarray(2).toString()}`)
          yield* peer.send(Peer.text("too late"), Peer.close(3001, "bye"))
          yield* peer.fin
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data, "unread")
          assert.deepStrictEqual(
            yield* Effect.all([socket.close(3000, "enough"), socket.close()], { concurrency: 2 }),
            [true, false]
          )
          assert.isFalse(yield* socket.close())
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(3001))
          const sent = failure(yield* Effect.exit(socket.send("x")))
          assert.strictEqual(sent.reason, "Closed")
          const received = failure(yield* Effect.exit(socket.receive))
          assert.strictEqual(received.reason, "Closed")
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(socket.messages)), [])
        })
      )
      assert.deepStrictEqual(closes, ["3000 enough"])
    })
  )

  it.scopedLive("by close shortens the reason to the size of the frame, and dies for an invalid code", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receiveClose
          reasons.push(received.payload.subarray(2).toString())
          yield* peer.send(Peer.close(1000))
          yield* peer.fin
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5]) {
            const exit = yield* Effect.exit(socket.close(code))
            assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), String(code))
          }
          yield* socket.close(1000, "é".repeat(100))
        })
      )
      assert.deepStrictEqual(reasons, ["é".repeat(61)])
    })
  )

  it.scoped("waits at most closeTimeout for a peer that does not answer", () =>
    Effect.gen(function* () {
      const closing = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.receiveClose
          yield* Deferred.succeed(closing, undefined)
          yield* peer.ended
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { closeTimeout: "3 seconds" })
          const fiber = yield* Effect.fork(socket.close())
          yield* Deferred.await(closing)
          yield* TestClock.adjust("2999 millis")
          assert.isNull(fiber.unsafePoll())
          yield* TestClock.adjust("1 millis")
          assert.isTrue(yield* Fiber.join(fiber))
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(1006))
        })
      )
      yield* until(() => Effect.map(server.connections, (open) => open === 0))
    })
  )

  const ends: ReadonlyArray<
    readonly [
      what: string,
      play: (peer: Peer.WebSocketPeer) => Effect.Effect<void>,
      reason: Errors.WebSocketError["reason"],
      code: number,
      streamEnds: boolean
    ]
  > = [
    ["a close with 1000", (peer) => Effect.zipRight(peer.send(Peer.close(1000)), peer.ended), "Closed", 1000, true],
    ["a close with 1001", (peer) => Effect.zipRight(peer.send(Peer.close(1001)), peer.ended), "Closed", 1001, true],
    ["a close without a code", (peer) => Effect.zipRight(peer.send(Peer.close()), peer.ended), "Closed", 1005, true],
    ["a close with 4000", (peer) => Effect.zipRight(peer.send(Peer.close(4000)), peer.ended), "Closed", 4000, false],
    ["a close with 1011", (peer) => Effect.zipRight(peer.send(Peer.close(1011)), peer.ended), "Closed", 1011, false],
    ["a FIN without a close", (peer) => peer.fin, "Abnormal", 1006, false],
    ["a RST", (peer) => peer.reset, "Abnormal", 1006, false]
  ]
  for (const [what, play, reason, code, streamEnds] of ends) {
    it.scopedLive(`by ${what} follows earlier messages`, () =>
      Effect.gen(function* () {
        const replies: Array<number | undefined> = []
        const go = Deferred.unsafeMake<void>(FiberId.none)
        const server = yield* Peer.webSocketServer((peer) =>
          Effect.gen(function* () {
            yield* peer.send(Peer.text("before"))
            yield* Deferred.await(go)
            yield* play(peer)
            if (reason === "Closed") replies.push(Peer.codeOf(yield* peer.receiveClose))
          })
        )
        yield* inSession(
          Effect.gen(function* () {
            const socket = yield* Session.webSocket(server.webSocketUrl())
            assert.strictEqual((yield* socket.receive).data, "before")
            yield* Deferred.succeed(go, undefined)
            const error = webSocketError(failure(yield* Effect.exit(socket.receive)))
            assert.deepStrictEqual([error.reason, error.code], [reason, code])
            const exit = yield* Effect.exit(Stream.runDrain(socket.messages))
            assert.strictEqual(Exit.isSuccess(exit), streamEnds)
            assert.deepStrictEqual(yield* socket.closeCode, Option.some(code))
            assert.isFalse(yield* socket.close())
          })
        )
        yield* until(() => Effect.map(server.connections, (open) => open === 0))
        if (reason === "Closed") assert.deepStrictEqual(replies, [code === 1005 ? undefined : code])
      })
    )
  }

  it.scopedLive("is acknowledged by the program with autoClose: false", () =>
    Effect.gen(function* () {
      const replies: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.close(1000, "over"))
          const received = yield* peer.receiveClose
          replies.push(`${Peer.codeOf(received)} ${received.payload.subarray(2).toString()}`)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { autoClose: false })
          const error = failure(yield* Effect.exit(socket.receive))
          assert.deepStrictEqual([error.reason, error.code, error.closeReason], ["Closed", 1000, "over"])
          assert.deepStrictEqual(replies, [])
          assert.isTrue(yield* socket.close(3000, "mine"))
        })
      )
      assert.deepStrictEqual(replies, ["3000 mine"])
    })
  )

  it.scopedLive("by close ends a waiting receive and stream", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const receiving = yield* Effect.fork(Effect.exit(socket.receive))
          const streaming = yield* Effect.fork(Stream.runCollect(socket.messages))
          yield* turn
          assert.isTrue(yield* socket.close(3000))
          const error = failure(yield* Fiber.join(receiving))
          assert.deepStrictEqual([error.reason, error.code], ["Closed", 3000])
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(streaming)), [])
        })
      )
    })
  )

  it.scopedLive("ends a waiting send", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) => Effect.zipRight(peer.hold, peer.ended))
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { closeTimeout: "50 millis" })
          let sent = 0
          const send = Effect.tap(socket.send(new Uint8Array(1024 * 1024)), () => Effect.sync(() => sent++))
          const sending = yield* Effect.fork(Effect.exit(Effect.forever(send)))
          yield* stable(() => sent)
          assert.isNull(sending.unsafePoll())
          assert.isTrue(yield* socket.close())
          assert.strictEqual(failure(yield* Fiber.join(sending)).reason, "Closed")
        })
      )
    })
  )

  it.scopedLive("is not caused by an interrupted send, whose message is sent completely before the next one", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo, {
        headers: () => []
      })
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const fiber = yield* Effect.fork(socket.send("x".repeat(500_000)))
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          yield* socket.send("next")
          assert.strictEqual((yield* socket.receive).data.length, 500_000)
          assert.strictEqual((yield* socket.receive).data, "next")
        })
      )
    })
  )
})
