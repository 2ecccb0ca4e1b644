import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, ParseResult, Schema, Stream, TestClock } from "effect"
import { Session, WebSocket } from "effect-http-session"
import { failure } from "./support/exits.js"
import { stable } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"
import { headersOf, inSession } from "./support/webSockets.js"

describe("messages", () => {
  it.scopedLive("arrive as they were sent", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (const data of ["", "κόσμε", "\ufeffbom", "x".repeat(70_000)]) {
            yield* socket.send(data)
            assert.deepStrictEqual(yield* socket.receive, { _tag: "Text", data })
          }
          for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
            const data = new Uint8Array(size).fill(7)
            yield* socket.send(data)
            const message = yield* socket.receive
            assert.isTrue(WebSocket.isBinary(message) && !WebSocket.isText(message))
            assert.deepStrictEqual(message.data, data)
            assert.isFalse(Buffer.isBuffer(message.data))
          }
        })
      )
    })
  )

  it.scopedLive("have random masks, of which 999 in 1000 are distinct", () =>
    Effect.gen(function* () {
      const masks = new Set<string>()
      const all = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          for (let i = 0; i < 1000; i++) masks.add((yield* peer.receive).mask?.toString("hex") ?? "none")
          yield* Deferred.succeed(all, undefined)
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (let i = 0; i < 1000; i++) yield* socket.send("same")
          yield* Deferred.await(all)
        })
      )
      // Two random masks of 1000 are equal in one of about 8600 runs; a mask that is reused would be far more frequent.
      assert.isAtLeast(masks.size, 999)
      assert.isFalse(masks.has("none"))
    })
  )

  it.scopedLive("are encoded and decoded as JSON by a schema", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const Chat = Schema.Struct({ from: Schema.String })
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          yield* socket.sendJson({ from: "a" })
          assert.deepStrictEqual(yield* socket.receiveJson(Chat), { from: "a" })
          yield* socket.sendJson({ from: 1 })
          assert.isTrue(ParseResult.isParseError(failure(yield* Effect.exit(socket.receiveJson(Chat)))))
          yield* socket.send("{")
          assert.strictEqual(failure(yield* Effect.exit(socket.receiveJson(Chat)))._tag, "JsonDecodeError")
          yield* socket.send(Uint8Array.of(1))
          assert.strictEqual(failure(yield* Effect.exit(socket.receiveJson(Chat)))._tag, "JsonDecodeError")
          const exit = yield* Effect.exit(socket.sendJson(undefined))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        })
      )
    })
  )

  it.scopedLive("are each received once, and an interrupted receiver loses none", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* Deferred.await(go)
          yield* peer.send(Peer.text("1"), Peer.text("2"), Peer.text("3"))
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const gone = yield* Effect.fork(socket.receive)
          const first = yield* Effect.fork(socket.receive)
          const second = yield* Effect.fork(socket.receive)
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(gone)
          yield* Deferred.succeed(go, undefined)
          const got = [yield* Fiber.join(first), yield* Fiber.join(second), yield* socket.receive]
          assert.deepStrictEqual(got.map((message) => message.data).sort(), ["1", "2", "3"])
        })
      )
    })
  )

  it.scoped("are not read from the socket while no receiver waits", () =>
    Effect.gen(function* () {
      const chunk = Peer.binary(new Uint8Array(64 * 1024))
      const count = 4000
      let written = 0
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          while (written < count) {
            yield* peer.send(chunk)
            written++
          }
          yield* peer.send(Peer.close(1000))
          yield* peer.ended
        })
      )
      const taken = yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          yield* stable(() => written)
          // The heartbeat does not fail a peer while its bytes are unread.
          yield* TestClock.adjust("1 minute")
          // Only as much as the buffers of both sockets hold.
          assert.isBelow(written, count / 4)
          return yield* Stream.runFold(socket.messages, 0, (bytes, message) => bytes + message.data.length)
        })
      )
      assert.strictEqual(taken, count * 64 * 1024)
    })
  )

  it.scopedLive("that do not arrive in time end one receive, and do not close the socket", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { receiveTimeout: "30 millis" })
          const error = failure(yield* Effect.exit(socket.receive))
          assert.deepStrictEqual([error.reason, error.code], ["Timeout", 1006])
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
          yield* socket.send("on")
          // On a busy machine the echo may take longer than the limit of one receive.
          const message = yield* Effect.retry(socket.receive, {
            while: (error) => error._tag === "WebSocketError" && error.reason === "Timeout"
          })
          assert.strictEqual(message.data, "on")
        })
      )
    })
  )
})

describe("compression", () => {
  const offers: ReadonlyArray<readonly [WebSocket.Compression | true, string]> = [
    [true, "permessage-deflate; client_max_window_bits"],
    [{ windowBits: 10 }, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"],
    [
      { noContextTakeover: true },
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    ]
  ]
  for (const [compress, offer] of offers) {
    it.scopedLive(`is offered as ${offer}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        yield* inSession(Session.webSocket(server.webSocketUrl(), { compress }))
        assert.strictEqual(headersOf(server.handshakes[0])["sec-websocket-extensions"], offer)
      })
    )
  }

  it.scopedLive("is not used if the server does not accept it", () =>
    Effect.gen(function* () {
      const rsv: Array<number> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          rsv.push(received.rsv)
          yield* peer.send(Peer.text(received.payload))
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { compress: true })
          yield* socket.send("x".repeat(5000))
          assert.strictEqual((yield* socket.receive).data.length, 5000)
        })
      )
      assert.deepStrictEqual(rsv, [0])
    })
  )
})
