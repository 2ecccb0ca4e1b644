/**
 * A session or connector that closes with an open WebSocket: the peer has only the graceful time to close.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, type Duration, Effect, Exit, Fiber, Layer, type Scope, TestClock } from "effect"
import type * as Connector from "effect-http-session/Connector"
import * as Session from "effect-http-session/Session"
import type * as WebSocket from "effect-http-session/WebSocket"
import * as Server from "../support/server.js"
import { sessionOn, turns, until } from "../support/stages.js"
import * as Peer from "../support/webSocketServer.js"

interface World {
  readonly connector: Connector.ConnectorService
  readonly session: Session.SessionService
  readonly close: Effect.Effect<void>
}

/** The subject of the close: a session alone, its connector, or a session that owns its connector. */
const worlds: Readonly<Record<string, (grace: Duration.DurationInput) => Effect.Effect<World, never, Scope.Scope>>> = {
  session: (gracefulShutdownTimeout) =>
    Effect.map(sessionOn({ gracefulShutdownTimeout }), (made) => ({ ...made, close: made.session.close })),
  connector: (gracefulShutdownTimeout) =>
    Effect.map(sessionOn({ gracefulShutdownTimeout }), (made) => ({ ...made, close: made.connector.close })),
  "session with its connector": (gracefulShutdownTimeout) =>
    Effect.map(Layer.build(Layer.fresh(Session.layer({ connector: { gracefulShutdownTimeout } }))), (context) => {
      const session = Context.get(context, Session.Session)
      return { session, connector: session.connector, close: session.close }
    })
}

/** The actions of a peer, which completes `closing` when it has received the close of the client. */
type Play = (peer: Peer.WebSocketPeer, closing: Effect.Effect<unknown>) => Effect.Effect<void>

interface Row {
  readonly play: Play
  readonly options?: WebSocket.WebSocketOptions
  /** The steps of the client before the close. */
  readonly before?: (socket: WebSocket.WebSocket) => Effect.Effect<unknown>
}

const some = Buffer.alloc(64 * 1024, Peer.text(""))
const large = new Uint8Array(16 * 1024 * 1024)

const flood = (peer: Peer.WebSocketPeer): Effect.Effect<void> => Effect.forever(peer.send(some))

const rows: Readonly<Record<string, Row>> = {
  "does not answer": {
    play: (peer, closing) => Effect.zipRight(peer.receiveClose, Effect.zipRight(closing, Effect.never))
  },
  "keeps sending": {
    play: (peer, closing) =>
      Effect.zipRight(
        Effect.fork(flood(peer)),
        Effect.zipRight(peer.receiveClose, Effect.zipRight(closing, Effect.never))
      )
  },
  "has sent a close frame without a reply and keeps its socket": {
    options: { autoClose: false },
    before: (socket) => Effect.exit(socket.receive),
    play: (peer, closing) =>
      peer
        .send(Peer.close(1000))
        .pipe(Effect.zipRight(peer.receiveClose), Effect.zipRight(closing), Effect.zipRight(Effect.never))
  },
  "reads nothing": {
    before: (socket) => Effect.fork(Effect.exit(socket.send(large))),
    play: (peer, closing) => Effect.zipRight(peer.hold, Effect.zipRight(closing, Effect.never))
  }
}

/** An open WebSocket to a peer of that row. */
const opened = (world: World, { before, options, play }: Row) =>
  Effect.gen(function* () {
    const closing = yield* Deferred.make<void>()
    const server = yield* Peer.webSocketServer((peer) => play(peer, Deferred.succeed(closing, undefined)))
    const url = server.webSocketUrl()
    const socket = yield* world.session.webSocket(url, { closeTimeout: "3 hours", ...options })
    yield* before?.(socket) ?? Effect.void
    return { server, socket, closing: Deferred.await(closing) }
  })

const acquired = ({ connector }: World) => Effect.map(connector.stats, (stats) => stats.acquired)

describe("a close during an open WebSocket", () => {
  for (const [who, make] of Object.entries(worlds)) {
    for (const [what, row] of Object.entries(rows)) {
      it.scoped(`takes at most the graceful time if the peer ${what}: ${who}`, () =>
        Effect.gen(function* () {
          const world = yield* make("1 hour")
          const { closing } = yield* opened(world, row)
          const fiber = yield* Effect.fork(world.close)
          yield* closing
          yield* TestClock.adjust("59 minutes")
          yield* turns(5)
          if (row.options?.autoClose !== false) assert.isNull(fiber.unsafePoll())
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(fiber)
          assert.strictEqual(yield* acquired(world), 0)
        })
      )
    }

    it.scoped(`takes no longer if the peer replies at the last moment and keeps the socket: ${who}`, () =>
      Effect.gen(function* () {
        const world = yield* make("1 hour")
        const answer = yield* Deferred.make<void>()
        const ended = yield* Deferred.make<void>()
        const { closing } = yield* opened(world, {
          play: (peer, seen) =>
            Effect.gen(function* () {
              yield* peer.receiveClose
              yield* seen
              yield* Deferred.await(answer)
              yield* peer.send(Peer.close(1001))
              yield* peer.ended
              yield* Deferred.succeed(ended, undefined)
              return yield* Effect.never
            })
        })
        const fiber = yield* Effect.fork(world.close)
        yield* closing
        yield* TestClock.adjust("3599999 millis")
        yield* Deferred.succeed(answer, undefined)
        yield* Deferred.await(ended)
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(fiber)
        assert.strictEqual(yield* acquired(world), 0)
      })
    )

    it.scoped(
      `cuts the connection after the graceful time of the real clock if the TestClock does not advance: ${who}`,
      () =>
        Effect.gen(function* () {
          const world = yield* make("50 millis")
          const { server, socket } = yield* opened(world, { play: (peer) => peer.ended })
          yield* world.close
          // A destroyed socket emits its event in the next turn.
          yield* until(() => Effect.runSync(acquired(world)) === 0)
          assert.isTrue(Exit.isFailure(yield* Effect.exit(socket.receive)))
          yield* until(() => Effect.runSync(server.connections) === 0)
        })
    )

    it.scoped(`sends 1001 at once if the handshake ends after the close began: ${who}`, () =>
      Effect.gen(function* () {
        const world = yield* make("1 hour")
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        const first = yield* Deferred.make<number>()
        const server = yield* Server.always((peer) =>
          Effect.gen(function* () {
            const request = yield* peer.head
            yield* Deferred.succeed(asked, undefined)
            yield* Deferred.await(answer)
            yield* peer.send(Peer.accepting(request))
            yield* Deferred.succeed(first, (yield* peer.inbox.takeBytes(1))[0] ?? 0)
            return yield* Effect.never
          })
        )
        const url = server.url.replace("http", "ws")
        const received = yield* Effect.fork(
          Effect.flatMap(world.session.webSocket(url, { timeout: Infinity }), (socket) => socket.receive)
        )
        yield* Deferred.await(asked)
        const fiber = yield* Effect.fork(world.close)
        yield* turns(5)
        yield* Deferred.succeed(answer, undefined)
        assert.strictEqual(yield* Deferred.await(first), 0x88)
        const error = yield* Effect.flip(Fiber.join(received))
        assert.include(["WebSocketError", "SessionClosedError"], error._tag)
        yield* TestClock.adjust("1 hour")
        yield* Fiber.join(fiber)
        assert.strictEqual(yield* acquired(world), 0)
      })
    )
  }
})
