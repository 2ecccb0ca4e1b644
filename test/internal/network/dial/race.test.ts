import type * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import { type ConnectOptions, connect } from "../../../../src/internal/network/dial/race.js"
import { of } from "../../../../src/internal/transport/deadlines.js"
import { Sockets } from "../../../../src/internal/transport/networkStream.js"
import type { Address } from "../../../../src/Resolver.js"
import { promptly } from "../../../support/steps.js"
import { timed } from "../../../support/time.js"
import { turns, until } from "../../../support/wait.js"
import { besideBlackHole, blackHole, listen, listenAll, openHandles, timerOf, turn } from "./support.js"

const race = (list: ReadonlyArray<string>, port: number, options: Partial<ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const sockets = new Sockets()
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.destroy()))
    const addresses = list.map((address): Address => ({ address, family: address.includes(":") ? 6 : 4 }))
    assert.isTrue(Arr.isNonEmptyReadonlyArray(addresses))
    if (!Arr.isNonEmptyReadonlyArray(addresses)) return yield* Effect.dieMessage("no addresses")
    return yield* connect(addresses, {
      port,
      delay: 250,
      limit: 30_000,
      localAddress: undefined,
      noDelay: true,
      keepAlive: Infinity,
      slab: false,
      deadlines: of(clock),
      sockets,
      ...options
    })
  })

/** Waits until no more sockets are open than at the beginning. */
const released = (before: number) =>
  promptly(
    until(() => openHandles() <= before),
    "the sockets"
  )

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("connecting to addresses", () => {
  it.scopedLive("uses the only address", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const { address, failed, reader, socket } = yield* race(["127.0.0.1"], server.port)
      assert.strictEqual(socket.remoteAddress, "127.0.0.1")
      assert.deepStrictEqual({ address, failed, reader }, { address: "127.0.0.1", failed: [], reader: undefined })
      assert.isTrue(socket.isPaused())
    })
  )

  it.scopedLive("continues with the next address at once if one refuses, and reports it", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1")
      // The delay would outlast the test.
      const { address, failed } = yield* race(["127.0.0.2", "127.0.0.3", "127.0.0.1"], server.port, { delay: Infinity })
      assert.strictEqual(address, "127.0.0.1")
      assert.deepStrictEqual(failed, [
        { address: "127.0.0.2", port: server.port, code: "ECONNREFUSED" },
        { address: "127.0.0.3", port: server.port, code: "ECONNREFUSED" }
      ])
    })
  )

  it.scopedLive("fails with each address and the code of the last one", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.9")
      const failure = yield* Effect.flip(race(["::1", "127.0.0.1"], server.port))
      assert.deepStrictEqual(
        failure.failed.map(({ address, code }) => [address, code]),
        [
          ["::1", "ECONNREFUSED"],
          ["127.0.0.1", "ECONNREFUSED"]
        ]
      )
      assert.strictEqual(failure.code, "ECONNREFUSED")
      assert.instanceOf(failure.cause, Error)
      assert.isFalse(failure.timedOut)
    })
  )

  it.scopedLive("names a local address that cannot be bound, and an address that cannot be reached", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      // Sockets of earlier tests close during these turns.
      yield* turns(20)
      const before = openHandles()
      const bound = yield* Effect.flip(race(["127.0.0.1"], server.port, { localAddress: "203.0.113.1" }))
      assert.strictEqual(bound.code, "EADDRNOTAVAIL")
      const other = yield* Effect.flip(race(["::1"], server.port, { localAddress: "127.0.0.1" }))
      assert.strictEqual(other.code, "EINVAL")
      const port = yield* Effect.flip(race(["127.0.0.1"], 65_536))
      assert.strictEqual(port.code, "ERR_SOCKET_BAD_PORT")
      // Node creates the handle of a socket before it refuses the port.
      yield* released(before)
    })
  )

  it.scopedLive("binds the local address", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const { socket } = yield* race(["127.0.0.1"], server.port, { localAddress: "127.0.0.77" })
      assert.strictEqual(socket.localAddress, "127.0.0.77")
      assert.strictEqual((yield* server.connection).remoteAddress, "127.0.0.77")
    })
  )

  it.scopedLive("waits the delay for a silent first address, and closes it when the second has won", () =>
    Effect.gen(function* () {
      const server = yield* besideBlackHole("127.0.0.3", "127.0.0.1")
      const before = openHandles()
      const dialled = race(["127.0.0.3", "127.0.0.1"], server.port, { delay: 100 })
      const {
        active,
        millis,
        value: { address, failed, socket }
      } = yield* timed(dialled)
      assert.strictEqual(address, "127.0.0.1")
      assert.deepStrictEqual(failed, [])
      assert.isAtLeast(millis, 100)
      assert.isBelow(active, 5000)
      socket.destroy()
      yield* server.closed(1)
      yield* released(before)
    })
  )

  it.scoped("waits the delay on the Clock", () =>
    Effect.gen(function* () {
      const server = yield* besideBlackHole("127.0.0.3", "127.0.0.1")
      const fiber = yield* Effect.fork(race(["127.0.0.3", "127.0.0.1"], server.port))
      yield* turn
      yield* TestClock.adjust(249)
      yield* turn
      assert.strictEqual(server.accepted(), 0)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(fiber)).address, "127.0.0.1")
    })
  )

  it.scoped("tries each address after the limit of the previous one with a delay of Infinity", () =>
    Effect.gen(function* () {
      const server = yield* besideBlackHole("127.0.0.3", "127.0.0.1")
      const fiber = yield* Effect.fork(
        race(["127.0.0.3", "127.0.0.1"], server.port, { delay: Infinity, limit: 30_000 })
      )
      yield* turn
      yield* TestClock.adjust(29_999)
      yield* turn
      assert.strictEqual(server.accepted(), 0)
      yield* TestClock.adjust(1)
      const { failed } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(failed, [{ address: "127.0.0.3", port: server.port, code: "ETIMEDOUT" }])
    })
  )

  it.scoped("reports whether the limit ended every address", () =>
    Effect.gen(function* () {
      const hole = yield* blackHole("127.0.0.3")
      const run = (list: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(race(list, hole.port, { delay: 0, limit: 1000 })))
          yield* turn
          yield* TestClock.adjust(1000)
          return yield* Fiber.join(fiber)
        })
      const all = yield* run(["127.0.0.3"])
      assert.deepStrictEqual([all.timedOut, all.code], [true, "ETIMEDOUT"])
      const some = yield* run(["127.0.0.3", "127.0.0.4"])
      assert.strictEqual(some.timedOut, false)
      assert.deepStrictEqual(
        some.failed.map(({ code }) => code),
        ["ECONNREFUSED", "ETIMEDOUT"]
      )
    })
  )

  it.scopedLive("keeps one of two connected sockets, and closes the other", () =>
    Effect.gen(function* () {
      const [a, b] = yield* listenAll(["127.0.0.1", "127.0.0.2"])
      if (a === undefined || b === undefined) return assert.fail("no listeners")
      const { address, failed, socket } = yield* race(["127.0.0.1", "127.0.0.2"], a.port, { delay: 0 })
      const [winner, loser] = address === "127.0.0.1" ? [a, b] : [b, a]
      assert.deepStrictEqual(failed, [])
      yield* loser.closed(1)
      assert.strictEqual((yield* winner.connection).destroyed, false)
      assert.isFalse(socket.destroyed)
    })
  )

  it.scopedLive("closes all sockets of an interrupted race, and leaves no timer", () =>
    Effect.gen(function* () {
      const hole = yield* blackHole("127.0.0.3")
      const other = yield* blackHole("127.0.0.4", hole.port)
      const before = { handles: openHandles(), timers: timers() }
      const opened: Array<Net.Socket> = []
      const sockets = new Sockets((socket) => opened.push(socket))
      const fiber = yield* Effect.fork(race(["127.0.0.3", "127.0.0.4"], other.port, { delay: 0, sockets }))
      yield* until(() => opened.length === 2)
      assert.isTrue(opened.every((socket) => socket.connecting))
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.isTrue(opened.every((socket) => socket.destroyed))
      yield* released(before.handles)
      yield* promptly(
        until(() => timers() <= before.timers),
        "the timers"
      )
    })
  )

  it.scopedLive("leaves nothing on either side if it is interrupted in one of the first turns", () =>
    Effect.gen(function* () {
      const [a, b] = yield* listenAll(["127.0.0.1", "127.0.0.2"])
      if (a === undefined || b === undefined) return assert.fail("no listeners")
      const before = openHandles()
      for (let turns = 0; turns < 8; turns++) {
        const fiber = yield* Effect.fork(
          Effect.scoped(Effect.zipRight(race(["127.0.0.1", "127.0.0.2"], a.port, { delay: 0 }), Effect.never))
        )
        yield* Effect.repeatN(turn, turns)
        yield* Fiber.interrupt(fiber)
      }
      yield* a.closed(a.accepted())
      yield* b.closed(b.accepted())
      yield* released(before)
    })
  )

  it.scopedLive("does not crash from an error between its success and the first reader", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      for (const slab of [true, false]) {
        const { socket } = yield* race(["127.0.0.1"], server.port, { slab })
        const accepted = yield* server.connection
        accepted.resetAndDestroy()
        const closed = yield* Deferred.make<void>()
        socket.once("close", () => Deferred.unsafeDone(closed, Effect.void))
        if (!slab) socket.resume()
        if (!socket.closed) yield* Deferred.await(closed)
        assert.isTrue(socket.destroyed)
      }
    })
  )

  it.scopedLive("reads into the slab, also bytes that arrived before the first read", () =>
    Effect.gen(function* () {
      const server = yield* listen("127.0.0.1", 0, (socket) => socket.write("early"))
      const { reader, socket } = yield* race(["127.0.0.1"], server.port, { slab: true })
      const got = yield* Effect.async<string>((resume) => {
        reader?.read((slab, start, end) => {
          resume(Effect.succeed(slab.toString("latin1", start, end)))
          return true
        })
      })
      assert.strictEqual(got, "early")
      assert.isFalse(socket.destroyed)
    })
  )

  it.scopedLive.skipIf(process.platform !== "linux")("enables TCP keep-alive probes only if they are configured", () =>
    Effect.gen(function* () {
      const server = yield* listen()
      const on = yield* race(["127.0.0.1"], server.port, { keepAlive: 30_000 })
      yield* promptly(
        until(() => timerOf(on.socket)?.slice(0, 2) === "02"),
        "the wait for the keep-alive timer"
      )
      const off = yield* race(["127.0.0.1"], server.port, { keepAlive: Infinity })
      yield* promptly(
        until(() => timerOf(off.socket)?.slice(0, 2) === "00"),
        "the wait for no timer"
      )
    })
  )
})
