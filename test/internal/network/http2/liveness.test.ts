/**
 * Connections to servers that disappeared without closing them, and streams that were reset.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import { headers, Pair, ping, settings } from "./support.js"

const ok = [":status", "200"]

const pings = (pair: Pair) => pair.framesOf(Frames.PING).length

/** A connection that has served one request. */
const served = (limits: ConstructorParameters<typeof Pair>[0] = {}) =>
  Effect.gen(function* () {
    const pair = new Pair(limits)
    pair.request()
    pair.feed(settings(), headers(1, ok, true))
    yield* pair.turn
    return pair
  })

describe("a connection", () => {
  it.effect("is suspect after a stream timed out without a received byte, and closes if PING is not answered", () =>
    Effect.gen(function* () {
      const pair = yield* served()
      const first = pair.request({ limits: { headers: 1000 } })
      const others = Array.from({ length: 9 }, () => pair.request())
      yield* pair.turn
      pair.time.advance(1000)
      assert.strictEqual(first.outcome, "SocketTimeoutError")
      assert.isTrue(pair.connection.suspect)
      assert.strictEqual(pair.connection.available, 0)
      yield* pair.turn
      assert.strictEqual(pings(pair), 1)
      pair.time.advance(4999)
      assert.deepStrictEqual(pair.closed, [])
      pair.time.advance(1)
      assert.deepStrictEqual(pair.closed, ["PingTimeout"])
      assert.deepStrictEqual([...new Set(others.map(({ outcome }) => outcome))], ["ServerDisconnectedError"])
      assert.deepStrictEqual([...new Set(others.map(({ repeatable }) => repeatable))], ["sent"])
      assert.strictEqual(pair.time.pending, 0)
    })
  )

  for (const [name, frame] of [
    ["a late PONG", ping(true, "liveness")],
    ["a PONG with other bytes", ping(true, "otherpay")],
    ["any other frame", settings()]
  ] as const) {
    it.effect(`that is suspect takes streams again after ${name}`, () =>
      Effect.gen(function* () {
        const pair = yield* served()
        pair.request({ limits: { headers: 1000 } })
        yield* pair.turn
        pair.time.advance(1000)
        const before = pair.available
        pair.time.advance(3000)
        pair.feed(frame)
        assert.isFalse(pair.connection.suspect)
        assert.isAbove(pair.available, before)
        assert.isAbove(pair.connection.available, 0)
        pair.time.advance(60_000)
        assert.deepStrictEqual(pair.closed, [])
      })
    )
  }

  it.effect("is not suspect if bytes arrived on another stream", () =>
    Effect.gen(function* () {
      const pair = yield* served()
      const late = pair.request({ limits: { headers: 1000 } })
      pair.request()
      yield* pair.turn
      pair.feed(headers(5, ok, true))
      pair.time.advance(1000)
      assert.strictEqual(late.outcome, "SocketTimeoutError")
      assert.isFalse(pair.connection.suspect)
      yield* pair.turn
      assert.strictEqual(pings(pair), 0)
    })
  )

  it.effect("sends a PING with a request after 10 seconds without a received byte", () =>
    Effect.gen(function* () {
      const pair = yield* served()
      pair.time.advance(9999)
      pair.request()
      pair.feed(headers(3, ok, true))
      yield* pair.turn
      assert.strictEqual(pings(pair), 0)
      pair.time.advance(10_000)
      const writes = pair.socket.written.length
      const get = pair.request()
      yield* pair.turn
      assert.strictEqual(pings(pair), 1)
      assert.strictEqual(pair.socket.written.length, writes + 1)
      pair.time.advance(5000)
      assert.strictEqual(get.outcome, "ServerDisconnectedError")
      assert.strictEqual(get.repeatable, "sent")
      assert.deepStrictEqual(pair.closed, ["PingTimeout"])
    })
  )

  it.effect("sends PING at an interval while a stream is silent, and none when it is idle", () =>
    Effect.gen(function* () {
      const pair = yield* served({ pingInterval: 10_000 })
      pair.time.advance(60_000)
      yield* pair.turn
      assert.strictEqual(pings(pair), 0)
      pair.request()
      yield* pair.turn
      // The one that goes along after a silence.
      assert.strictEqual(pings(pair), 1)
      for (let count = 2; count < 5; count++) {
        pair.feed(ping(true, "liveness"))
        pair.time.advance(10_000)
        yield* pair.turn
        assert.strictEqual(pings(pair), count)
      }
      pair.feed(ping(true, "liveness"), headers(3, ok, true))
      pair.time.advance(60_000)
      yield* pair.turn
      assert.strictEqual(pings(pair), 4)
      assert.strictEqual(pair.time.pending, 0)
    })
  )
})

describe("streams that were reset", () => {
  it.effect("count against the limit until the server sends something, at most for a second", () =>
    Effect.gen(function* () {
      const pair = yield* served({ maxConcurrentStreams: 10 })
      for (let index = 0; index < 10; index++) pair.request().connection?.abort("Interrupted")
      yield* pair.turn
      assert.strictEqual(pair.connection.streams, 10)
      assert.strictEqual(pair.connection.available, 0)
      const before = pair.available
      pair.feed(ping())
      assert.strictEqual(pair.connection.available, 10)
      assert.strictEqual(pair.available, before + 1)
      for (let index = 0; index < 10; index++) pair.request().connection?.abort("Interrupted")
      pair.time.advance(1000)
      assert.strictEqual(pair.connection.available, 10)
      assert.strictEqual(pair.available, before + 2)
      assert.strictEqual(pair.time.pending, 0)
    })
  )

  it.effect("retire the connection after 200 of them without a response in between", () =>
    Effect.gen(function* () {
      const pair = yield* served()
      for (let index = 0; index < 199; index++) {
        pair.request().connection?.abort("Interrupted")
        pair.feed(ping())
      }
      assert.strictEqual(pair.retiring, 0)
      const last = pair.request()
      last.connection?.abort("Interrupted")
      assert.strictEqual(pair.retiring, 1)
      yield* pair.turn
      assert.deepStrictEqual(pair.closed, ["StreamIds"])
    })
  )

  it.effect("do not retire a connection that answers", () =>
    Effect.gen(function* () {
      const pair = yield* served()
      for (let index = 0; index < 400; index++) {
        const answered = index % 100 === 0
        const exchange = pair.request()
        if (answered) pair.feed(headers(index * 2 + 3, ok, true))
        else exchange.connection?.abort("Interrupted")
        pair.feed(ping())
        if (index % 50 === 0) yield* pair.turn
      }
      assert.strictEqual(pair.connection.state, "open")
    })
  )
})
