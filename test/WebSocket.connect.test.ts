/** Messages across reconnects. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Queue, Schedule, Stream } from "effect"
import { Session, WebSocket } from "effect-http-session"
import { response } from "./support/server.js"
import * as Peer from "./support/webSocketServer.js"

const using = <A, E>(effect: Effect.Effect<A, E, Session.Session>): Effect.Effect<A, E> =>
  Effect.provide(effect, Session.layer({ cookieJar: { unsafe: true } }))

/** Two immediate attempts. */
const twice = { reconnect: Schedule.recurs(2) }

const texts = <E>(messages: Stream.Stream<WebSocket.Message, E, Session.Session>) =>
  using(Effect.map(Stream.runCollect(messages), (all) => Chunk.toReadonlyArray(all).map(({ data }) => String(data))))

describe("connect", () => {
  for (const [name, end] of [
    ["is reset", (peer: Peer.WebSocketPeer) => peer.reset],
    ["ends without a close", (peer: Peer.WebSocketPeer) => peer.fin],
    ["is closed with 1001", (peer: Peer.WebSocketPeer) => peer.send(Peer.close(1001))],
    ["is closed with 1012", (peer: Peer.WebSocketPeer) => peer.send(Peer.close(1012))],
    ["is closed without a code", (peer: Peer.WebSocketPeer) => peer.send(Peer.close())]
  ] as const) {
    it.scopedLive(`continues on another connection if one ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer((peer) =>
          Effect.zipRight(
            peer.send(Peer.text(`m${peer.index}`)),
            peer.index < 2 ? end(peer) : Effect.zipRight(peer.send(Peer.close(1000)), peer.receiveClose)
          )
        )
        const got = yield* texts(WebSocket.connect(server.webSocketUrl(), undefined, twice))
        assert.deepStrictEqual(got, ["m0", "m1", "m2"])
      })
    )
  }

  it.scopedLive("runs onOpen after each opening, before it reads messages", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.flatMap(peer.receive, ({ payload }) =>
          Effect.zipRight(
            peer.send(Peer.text(`${peer.index} ${payload}`)),
            peer.index === 0 ? peer.reset : Effect.zipRight(peer.send(Peer.close(1000)), peer.receiveClose)
          )
        )
      )
      const got = yield* texts(WebSocket.connect(server.webSocketUrl(), (socket) => socket.send("subscribe"), twice))
      assert.deepStrictEqual(got, ["0 subscribe", "1 subscribe"])
    })
  )

  it.scopedLive("interrupts the fibers of onOpen when their connection ends, so that only the new ones send", () =>
    Effect.gen(function* () {
      const lines = yield* Queue.unbounded<string>()
      const ended: Array<number> = []
      let opened = 0
      const server = yield* Peer.webSocketServer((peer) =>
        peer.index === 0
          ? peer.reset
          : Effect.flatMap(peer.receive, ({ payload }) =>
              Effect.all([peer.send(Peer.text(`${payload}`)), peer.send(Peer.close(1000)), peer.receiveClose])
            )
      )
      const sender = (socket: WebSocket.WebSocket) => {
        const index = opened++
        return Queue.take(lines).pipe(
          Effect.flatMap(socket.send),
          Effect.forever,
          Effect.ensuring(Effect.sync(() => ended.push(index))),
          Effect.forkScoped,
          Effect.zipLeft(index === 0 ? Effect.void : Queue.offer(lines, "line"))
        )
      }
      const got = yield* texts(WebSocket.connect(server.webSocketUrl(), sender, twice))
      assert.deepStrictEqual([got, ended, opened], [["line"], [0, 1], 2])
    })
  )

  it.scopedLive("fails with the error when its schedule ends, which restarts with each message", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.zipRight(peer.index < 5 ? peer.send(Peer.text("m")) : Effect.void, peer.reset)
      )
      let count = 0
      const messages = WebSocket.connect(server.webSocketUrl(), undefined, twice)
      const error = yield* using(Effect.flip(Stream.runForEach(messages, () => Effect.sync(() => count++))))
      assert.strictEqual(error._tag, "WebSocketError")
      assert.strictEqual(count, 5)
      assert.strictEqual(server.handshakes.length, 7)
    })
  )

  it.scopedLive("does not reconnect with reconnect: false", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) => peer.reset)
      const messages = WebSocket.connect(server.webSocketUrl(), undefined, { reconnect: false })
      assert.strictEqual((yield* using(Effect.flip(Stream.runDrain(messages))))._tag, "WebSocketError")
      assert.strictEqual(server.handshakes.length, 1)
    })
  )

  it.scopedLive("fails at once after a message above maxMessageSize or an error of onOpen", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) => Effect.zipRight(peer.send(Peer.text("long")), peer.ended))
      const quick = { closeTimeout: "50 millis", ...twice } as const
      const small = WebSocket.connect(server.webSocketUrl(), undefined, { maxMessageSize: 1, ...quick })
      const large = yield* using(Effect.flip(Stream.runDrain(small)))
      assert.deepInclude(large, { _tag: "WebSocketError", reason: "TooLarge" })
      const refused = WebSocket.connect(server.webSocketUrl(), () => Effect.fail("own" as const), quick)
      assert.strictEqual(yield* using(Effect.flip(Stream.runDrain(refused))), "own")
      assert.strictEqual(server.handshakes.length, 2)
    })
  )

  it.scopedLive("closes the socket if the stream ends early", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.zipRight(peer.send(Peer.text("m")), Effect.zipRight(peer.receiveClose, peer.send(Peer.close(1000))))
      )
      const messages = WebSocket.connect(server.webSocketUrl(), undefined, twice)
      assert.deepStrictEqual(yield* texts(Stream.take(messages, 1)), ["m"])
      assert.strictEqual(server.handshakes.length, 1)
    })
  )

  it.scopedLive("reconnects after a handshake with status 503, but not 404", () =>
    Effect.gen(function* () {
      for (const [status, attempts] of [
        [503, 3],
        [404, 1]
      ] as const) {
        const server = yield* Peer.webSocketServer(() => Effect.void, {
          reply: () => response(status, "no", ["Connection: close"])
        })
        const error = yield* using(
          Effect.flip(Stream.runDrain(WebSocket.connect(server.webSocketUrl(), undefined, twice)))
        )
        assert.deepInclude(error, { _tag: "WSServerHandshakeError", status })
        assert.strictEqual(server.handshakes.length, attempts)
      }
    })
  )
})
