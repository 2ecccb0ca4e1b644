import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Session, WebSocket } from "effect-http-session"
import { endOf, exchange } from "./support/platformSockets.js"
import { response } from "./support/server.js"
import * as Peer from "./support/webSocketServer.js"
import { inSession } from "./support/webSockets.js"

describe("a WebSocket as a Socket of the platform", () => {
  const nine = Uint8Array.of(9)

  it.scopedLive("runs once on an open WebSocket", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const got = yield* inSession(
        Effect.flatMap(Session.webSocket(server.webSocketUrl()), (socket) =>
          exchange(WebSocket.toSocket(socket), ["first", nine])
        )
      )
      assert.deepStrictEqual(got, ["first", nine])
    })
  )

  it.scopedLive("opens a WebSocket for each run", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* WebSocket.makeSocket(server.webSocketUrl())
          for (const first of ["a", "b"]) assert.deepStrictEqual(yield* exchange(socket, [first, nine]), [first, nine])
        })
      )
      assert.strictEqual(server.handshakes.length, 2)
    })
  )

  it.scopedLive("fails with the errors of Socket", () =>
    Effect.gen(function* () {
      const closing = yield* Peer.webSocketServer((peer) =>
        Effect.zipRight(peer.send(Peer.close(4001, "no")), peer.ended)
      )
      const refusing = yield* Peer.webSocketServer(() => Effect.void, { reply: () => response(403) })
      const run = (url: string) => inSession(Effect.flatMap(WebSocket.makeSocket(url), endOf))
      assert.deepStrictEqual(yield* run(closing.webSocketUrl()), { code: 4001, closeReason: "no" })
      assert.strictEqual(yield* run(refusing.webSocketUrl()), "Open")
    })
  )
})
