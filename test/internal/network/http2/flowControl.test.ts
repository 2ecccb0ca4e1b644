/**
 * Flow control of received bodies, and the limit of frames that serve no request.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { codeName } from "../../../../src/internal/network/http2/errorCodes.js"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import { ReceiveWindow, WindowGrowth } from "../../../../src/internal/network/http2/windows.js"
import {
  block,
  data,
  frame,
  goAway,
  headers,
  Pair,
  ping,
  type RecordedExchange,
  rst,
  settings,
  windowUpdate
} from "./support.js"

const ok = [":status", "200"]
const kib = 1024

const codes = (pair: Pair) => pair.resets.map(([id, code]) => `${id} ${codeName(code)}`)

/** The increments that the server received, by stream. */
const credits = (pair: Pair, id: number) =>
  pair
    .framesOf(Frames.WINDOW_UPDATE)
    .filter((each) => each.id === id)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)

const started = (limits: ConstructorParameters<typeof Pair>[0], unread: ReadonlyArray<boolean>) =>
  Effect.gen(function* () {
    const pair = new Pair(limits)
    const exchanges: Array<RecordedExchange> = []
    for (const each of unread) {
      exchanges.push(pair.request({ unread: each }))
      if (exchanges.length === 1) pair.feed(settings())
      pair.feed(headers(exchanges.length * 2 - 1, ok))
    }
    yield* pair.turn
    return { pair, exchanges }
  })

/** Sends so many bytes on a stream in frames of 16 KiB, with a turn for the client after each 64. */
const flood = (pair: Pair, id: number, bytes: number) =>
  Effect.gen(function* () {
    const chunk = Buffer.alloc(16 * kib)
    for (let left = bytes, count = 0; left > 0; left -= chunk.length, count++) {
      pair.feed(data(id, left < chunk.length ? chunk.subarray(0, left) : chunk))
      if (count % 64 === 63) yield* pair.turn
    }
    yield* pair.turn
  })

describe("a receive window", () => {
  it("is refilled when half of it is used, and grows fourfold up to its maximum", () => {
    const growth = new WindowGrowth()
    const window = new ReceiveWindow(100)
    assert.isTrue(window.receive(49))
    assert.strictEqual(window.refill(growth, 500), 0)
    assert.isTrue(window.receive(1))
    assert.strictEqual(window.refill(growth, 500), 350)
    assert.strictEqual(window.room, 400)
    assert.isTrue(window.receive(200))
    assert.strictEqual(window.refill(growth, 500), 300)
    assert.isTrue(window.receive(500))
    assert.isFalse(window.receive(1))
  })

  it("stops growing at the common limit of its connection, and returns its growth when it ends", () => {
    const growth = new WindowGrowth()
    const mib = kib * kib
    const first = new ReceiveWindow(16 * mib)
    const second = new ReceiveWindow(16 * mib)
    const third = new ReceiveWindow(16 * mib)
    for (const window of [first, second, third]) window.receive(8 * mib)
    assert.strictEqual(first.refill(growth, 36 * mib), 28 * mib)
    // What the first has left.
    assert.strictEqual(second.refill(growth, 36 * mib), 20 * mib)
    assert.strictEqual(third.refill(growth, 36 * mib), 8 * mib)
    first.end(growth)
    third.receive(8 * mib)
    assert.strictEqual(third.refill(growth, 36 * mib), 28 * mib)
  })
})

describe("a connection", () => {
  it.effect("lets four readers finish 10 MiB each while a fifth reads nothing", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [false, false, false, false, true])
      const size = 10 * kib * kib
      yield* flood(pair, 9, 256 * kib)
      for (let index = 0; index < 4; index++) {
        yield* flood(pair, index * 2 + 1, size)
        pair.feed(data(index * 2 + 1, "", true))
      }
      assert.deepStrictEqual(
        exchanges.map(({ ended }) => ended),
        [true, true, true, true, false]
      )
      assert.strictEqual(Buffer.concat(exchanges[0].received).length, size)
      assert.strictEqual(credits(pair, 9), 0)
      const [last] = exchanges.slice(-1)
      last.read()
      yield* pair.turn
      assert.isAbove(credits(pair, 9), 0)
      yield* flood(pair, 9, size - 256 * kib)
      pair.feed(data(9, "", true))
      assert.strictEqual(Buffer.concat(last.received).length, size)
      assert.isTrue(last.ended)
    })
  )

  it.effect("refills its window for abandoned bodies", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings(), headers(1, ok, true))
      for (let index = 0; index < 300; index++) {
        const id = index * 2 + 3
        pair.request({ onHead: (_head, body) => body.abandon(true) })
        pair.feed(headers(id, ok))
        for (let part = 0; part < 4; part++) pair.feed(data(id, Buffer.alloc(16 * kib), part === 3))
        yield* pair.turn
      }
      assert.strictEqual(pair.connection.state, "open")
      const sent = 300 * 64 * kib
      assert.isAtLeast(credits(pair, 0), sent - 4 * kib * kib)
      const next = pair.request()
      pair.feed(headers(603, ok), data(603, "x", true))
      assert.strictEqual(next.text, "x")
    })
  )

  it.effect("grows the window of a fast reader to 8 MiB and no further", () =>
    Effect.gen(function* () {
      const { pair } = yield* started({}, [false])
      const total = 40 * kib * kib
      yield* flood(pair, 1, total)
      const ahead = 256 * kib + credits(pair, 1) - total
      assert.isAbove(ahead, 3 * kib * kib)
      assert.isAtMost(ahead, 8 * kib * kib)
    })
  )

  it.effect("resets a stream that exceeds its window", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [true, false])
      yield* flood(pair, 1, 256 * kib)
      pair.feed(data(1, "x"))
      exchanges[0].read()
      assert.strictEqual(exchanges[0].outcome, "ClientPayloadError Framing")
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["1 FLOW_CONTROL_ERROR"])
      pair.feed(data(3, "y", true))
      assert.strictEqual(exchanges[1].text, "y")
    })
  )

  it.effect("refills its own window as bytes arrive, whether they are read or not", () =>
    Effect.gen(function* () {
      const window = 2 ** 31 - 1
      const { pair } = yield* started({ streamWindow: window, maxStreamWindow: window }, [true])
      yield* flood(pair, 1, 64 * kib * kib)
      assert.strictEqual(credits(pair, 0), 16 * kib * kib - 65_535 + 64 * kib * kib)
      assert.strictEqual(credits(pair, 1), 0)
    })
  )

  it.effect("ignores DATA that was on its way when the stream was reset", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [false])
      exchanges[0].connection?.abort("Interrupted")
      for (let index = 0; index < 16; index++) pair.feed(data(1, Buffer.alloc(16 * kib)))
      yield* pair.turn
      assert.strictEqual(pair.connection.state, "open")
      assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
    })
  )

  it.effect("counts padding when it refills windows", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [false])
      const padded = Buffer.concat([Buffer.from([255, 0x61]), Buffer.alloc(255)])
      for (let index = 0; index < 1000; index++) pair.feed(frame(Frames.DATA, Frames.PADDED, 1, padded))
      yield* pair.turn
      assert.lengthOf(exchanges[0].text, 1000)
      assert.isAtLeast(credits(pair, 1), 128 * kib)
    })
  )
})

const junk: ReadonlyArray<readonly [name: string, bytes: Buffer]> = [
  ["PING", ping()],
  ["acknowledgements of PING", ping(true)],
  ["SETTINGS", settings()],
  ["acknowledgements of SETTINGS", frame(Frames.SETTINGS, Frames.ACK, 0)],
  ["PRIORITY", frame(Frames.PRIORITY, 0, 1, Buffer.alloc(5))],
  ["WINDOW_UPDATE", windowUpdate(1, 1)],
  ["WINDOW_UPDATE of the connection", windowUpdate(0, 1)],
  ["ALTSVC", frame(0xa, 0, 0, "\0\0x")],
  ["ORIGIN", frame(0xc, 0, 0, "\0\0")],
  ["frames of an unknown type", frame(0x99, 0, 1, "x")],
  ["empty DATA", data(1, "")],
  ["DATA of padding only", frame(Frames.DATA, Frames.PADDED, 1, Buffer.concat([Buffer.from([9]), Buffer.alloc(9)]))],
  ["RST_STREAM of a stream that is over", rst(3, 8)],
  ["HEADERS of a stream that is over", headers(3, ok)],
  ["DATA of a stream that is over", data(3, "x")],
  ["GOAWAY", goAway(1, 0)]
]

describe("a flood", () => {
  for (const [name, bytes] of junk) {
    it.effect(`of ${name} ends the connection within its budget`, () =>
      Effect.gen(function* () {
        const { exchanges, pair } = yield* started({}, [false, false])
        pair.feed(data(3, "", true))
        const many = Buffer.concat(Array.from({ length: 100 }, () => bytes))
        let fed = 0
        while (!pair.connection.closed && fed < 100_000) {
          pair.feed(many)
          fed += 100
          if (fed % 500 === 0) yield* pair.turn
        }
        assert.isAtMost(fed, 3000)
        assert.isAtLeast(fed, 900)
        assert.deepStrictEqual(pair.goodbyes.map(codeName), ["ENHANCE_YOUR_CALM"])
        // The fault is that of the connection, and so of every stream.
        assert.strictEqual(exchanges[0].outcome, "ClientPayloadError Framing")
        assert.deepStrictEqual(pair.closed, ["Error"])
      })
    )
  }

  it.effect("of PING ends the connection after 1000 answers that the server does not read", () =>
    Effect.gen(function* () {
      const { pair } = yield* started({}, [false])
      pair.socket.stuck = true
      for (let index = 0; index < 30 && !pair.connection.closed; index++) {
        pair.feed(Buffer.concat(Array.from({ length: 50 }, () => ping())))
        yield* pair.turn
      }
      assert.isTrue(pair.connection.closed)
      assert.deepStrictEqual(pair.closed, ["Error"])
    })
  )

  it.effect("of CONTINUATION ends the connection", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [false])
      const waiting = pair.request()
      yield* pair.turn
      pair.feed(frame(Frames.HEADERS, 0, 3, block(...ok)))
      let frames = 0
      while (!pair.connection.closed && frames < 100_000) {
        pair.feed(frame(Frames.CONTINUATION, 0, 3))
        frames++
      }
      assert.isAtMost(frames, 64)
      assert.deepStrictEqual(pair.goodbyes.map(codeName), ["ENHANCE_YOUR_CALM"])
      assert.strictEqual(waiting.outcome, "BadHttpMessage Framing")
      assert.strictEqual(exchanges[0].outcome, "ClientPayloadError Incomplete")
    })
  )

  it.effect("is not the rest of many bodies that were reset together", () =>
    Effect.gen(function* () {
      const count = 500
      const pair = new Pair({ maxConcurrentStreams: count + 1 })
      const long = pair.request()
      pair.feed(settings(), headers(1, ok))
      const exchanges = Array.from({ length: count }, () => pair.request())
      yield* pair.turn
      const ids = exchanges.map((_, index) => index * 2 + 3)
      for (const id of ids) pair.feed(headers(id, ok))
      for (const exchange of exchanges) exchange.connection?.abort("Error")
      yield* pair.turn
      assert.lengthOf(pair.resets, count)
      // What each window allows was on its way.
      for (const id of ids) for (let part = 0; part < 16; part++) pair.feed(data(id, Buffer.alloc(16 * kib)))
      yield* pair.turn
      assert.deepStrictEqual(pair.goodbyes, [])
      pair.feed(data(1, "end", true))
      assert.strictEqual(long.text, "end")
    })
  )

  it.effect("is neither many responses nor a body in small pieces", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, [false])
      for (let index = 0; index < 5000; index++) pair.feed(data(1, "x"))
      for (let index = 0; index < 3000; index++) {
        pair.request()
        pair.feed(headers(index * 2 + 3, ok, true), rst(index * 2 + 3, 0))
        if (index % 50 === 0) yield* pair.turn
      }
      assert.lengthOf(exchanges[0].text, 5000)
      assert.strictEqual(pair.connection.state, "open")
    })
  )
})

describe("a limit of heads", () => {
  const limits = { maxHeadSize: 65_536, maxHeaders: 128, maxLineSize: 8190 }
  const many = (count: number) => [...ok, ...Array.from({ length: count }, (_, index) => [`x${index}`, "y"]).flat()]

  /** HEADERS, and CONTINUATION if needed. */
  const large = (id: number, bytes: Buffer) => {
    const out: Array<Buffer> = []
    for (let at = 0; at < bytes.length; at += 16_384) {
      const last = at + 16_384 >= bytes.length
      out.push(
        frame(
          at === 0 ? Frames.HEADERS : Frames.CONTINUATION,
          (at === 0 ? Frames.END_STREAM : 0) | (last ? Frames.END_HEADERS : 0),
          id,
          bytes.subarray(at, at + 16_384)
        )
      )
    }
    return out
  }

  for (const [name, fields, outcome] of [
    ["128 fields and the status", many(127), "complete"],
    ["one field more", many(128), "BadHttpMessage Limit"],
    ["a field of 8190 bytes", [...ok, "x", "y".repeat(8189)], "complete"],
    ["a field of 8191 bytes", [...ok, "x", "y".repeat(8190)], "BadHttpMessage Limit"],
    [
      "more than 64 KiB",
      [...ok, ...Array.from({ length: 9 }, () => ["x", "y".repeat(8000)]).flat()],
      "BadHttpMessage Limit"
    ]
  ] as const) {
    it.effect(`decides on ${name} and leaves the connection`, () =>
      Effect.gen(function* () {
        const pair = new Pair(limits)
        const exchange = pair.request()
        pair.feed(settings(), ...large(1, block(...fields)))
        assert.strictEqual(exchange.outcome, outcome)
        yield* pair.turn
        assert.deepStrictEqual(codes(pair), outcome === "complete" ? [] : ["1 ENHANCE_YOUR_CALM"])
        const next = pair.request()
        pair.feed(headers(3, ok, true))
        assert.isTrue(next.ended)
      })
    )
  }

  it.effect("counts all heads of one response together", () =>
    Effect.gen(function* () {
      const pair = new Pair(limits)
      const exchange = pair.request()
      pair.feed(settings())
      let count = 0
      for (; exchange.error === undefined && count < 10_000; count++)
        pair.feed(headers(1, [":status", "103", "link", "x".repeat(1000)]))
      assert.isBelow(count, 70)
      assert.strictEqual(exchange.outcome, "BadHttpMessage Limit")
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["1 ENHANCE_YOUR_CALM"])
    })
  )

  it.effect("holds against references to one large entry", () =>
    Effect.gen(function* () {
      const pair = new Pair(limits)
      const exchange = pair.request()
      pair.feed(settings())
      const entry = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x62)])
      const bomb = Buffer.concat([block(...ok), entry, Buffer.alloc(12_000, 0x80 | 62)])
      const before = process.memoryUsage().heapUsed
      pair.feed(...large(1, bomb))
      assert.isBelow(process.memoryUsage().heapUsed - before, 4 * kib * kib)
      assert.strictEqual(exchange.outcome, "BadHttpMessage Limit")
      const next = pair.request()
      pair.feed(frame(Frames.HEADERS, 5, 3, Buffer.concat([block(...ok), Buffer.from([0x80 | 62])])))
      assert.strictEqual(next.head?.get("a"), "b".repeat(4000))
      yield* pair.turn
    })
  )
})
