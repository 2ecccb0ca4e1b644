import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, TestClock } from "effect"
import { Session } from "effect-http-session"
import { failure } from "./support/exits.js"
import { activeMillis } from "./support/time.js"
import { until } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"
import { inSession } from "./support/webSockets.js"

describe("pings", () => {
  it.scopedLive("are answered and not delivered", () =>
    Effect.gen(function* () {
      const pongs: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.ping("a"), Peer.ping(""), Peer.text("after"))
          pongs.push((yield* peer.receive).payload.toString(), (yield* peer.receive).payload.toString())
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data, "after")
          yield* until(() => pongs.length === 2)
        })
      )
      assert.deepStrictEqual(pongs, ["a", ""])
    })
  )

  it.scopedLive("are delivered with autoPing: false, so that the program answers them", () =>
    Effect.gen(function* () {
      const frames: Array<readonly [number, string]> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.ping("a"), Peer.pong("b"))
          for (let i = 0; i < 2; i++) {
            const received = yield* peer.receive
            frames.push([received.opcode, received.payload.toString()])
          }
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { autoPing: false })
          const ping = yield* socket.receive
          assert.deepStrictEqual(ping, { _tag: "Ping", data: new TextEncoder().encode("a") })
          assert.strictEqual((yield* socket.receive)._tag, "Pong")
          yield* socket.pong("a")
          yield* socket.ping(Uint8Array.of(98))
          yield* until(() => frames.length === 2)
          const exit = yield* Effect.exit(socket.ping("x".repeat(126)))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        })
      )
      assert.deepStrictEqual(frames, [
        [10, "a"],
        [9, "b"]
      ])
    })
  )

  it.scopedLive(
    "in a flood cause a bounded number of answers to a peer that does not read, always with the last one",
    () =>
      Effect.gen(function* () {
        const some = Buffer.concat(Array.from({ length: 1000 }, () => Peer.ping("x".repeat(125))))
        const seen = yield* Deferred.make<number>()
        const taken = yield* Deferred.make<void>()
        const server = yield* Peer.webSocketServer((peer) =>
          Effect.gen(function* () {
            yield* peer.hold
            for (let i = 0; i < 300; i++) yield* peer.send(some)
            yield* peer.send(Peer.ping("last"), Peer.text("over"))
            yield* Deferred.await(taken)
            yield* peer.goOn
            let count = 0
            while ((yield* peer.receive).payload.toString() !== "last") count++
            yield* Deferred.succeed(seen, count)
            yield* Peer.echo(peer)
          })
        )
        yield* inSession(
          Effect.gen(function* () {
            const socket = yield* Session.webSocket(server.webSocketUrl())
            assert.strictEqual((yield* socket.receive).data, "over")
            yield* Deferred.succeed(taken, undefined)
            // Only as many of the 300 000 answers as the buffers of both sockets hold.
            assert.isBelow(yield* Deferred.await(seen), 200_000)
          })
        )
      })
  )
})

describe("the heartbeat", () => {
  it.scoped("fails after half of its interval without a byte after a ping, and not before", () =>
    Effect.gen(function* () {
      const pinged = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* peer.receive).opcode, 9)
          yield* Deferred.succeed(pinged, undefined)
          yield* peer.ended
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          const fiber = yield* Effect.fork(Effect.exit(socket.receive))
          yield* TestClock.adjust("10 seconds")
          yield* Deferred.await(pinged)
          yield* TestClock.adjust("4999 millis")
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
          yield* TestClock.adjust("1 millis")
          const error = failure(yield* Fiber.join(fiber))
          assert.deepStrictEqual([error.reason, error.code], ["Heartbeat", 1006])
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(1006))
        })
      )
    })
  )

  it.scoped("accepts any received byte, such as a part of a large frame", () =>
    Effect.gen(function* () {
      const frame = Peer.binary(new Uint8Array(1000))
      let arrived = 0
      const pinged = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          for (const [i, ping] of pinged.entries()) {
            yield* peer.receive
            yield* Deferred.succeed(ping, undefined)
            yield* peer.send(frame.subarray(i * 100, i * 100 + 100))
            arrived++
          }
          yield* peer.send(frame.subarray(200))
          yield* Peer.echo(peer)
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          for (const [i, ping] of pinged.entries()) {
            yield* TestClock.adjust("10 seconds")
            yield* Deferred.await(ping)
            yield* until(() => arrived === i + 1)
            yield* activeMillis(20)
          }
          assert.strictEqual((yield* socket.receive).data.length, 1000)
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
        })
      )
    })
  )
})
