/**
 * Streams of a connection as a session sees them: responses, their ends, and the state of the connection afterwards.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { codeName } from "../../../../src/internal/network/http2/errorCodes.js"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import { block, data, frame, goAway, headers, Pair, RecordedExchange, rst, settings } from "./support.js"

const ok = [":status", "200"]

const codes = (pair: Pair) => pair.resets.map(([id, code]) => `${id} ${codeName(code)}`)

/** The connection has nothing left of its streams, and serves another one. */
const lives = (pair: Pair) =>
  Effect.gen(function* () {
    pair.feed(settings())
    assert.strictEqual(pair.connection.state, "open")
    assert.strictEqual(pair.connection.streams, 0)
    const id = pair.connection.requests * 2 + 1
    const next = pair.request()
    yield* pair.turn
    pair.feed(headers(id, ok), data(id, "next", true))
    assert.strictEqual(next.text, "next")
    assert.deepStrictEqual(next.events, ["head", "done", "end"])
    assert.deepStrictEqual(pair.closed, [])
  })

const started = (limits: ConstructorParameters<typeof Pair>[0] = {}, count = 1) =>
  Effect.gen(function* () {
    const pair = new Pair(limits)
    const exchanges: Array<RecordedExchange> = [pair.request()]
    pair.feed(settings())
    for (let index = 1; index < count; index++) exchanges.push(pair.request())
    yield* pair.turn
    return { pair, exchanges, exchange: exchanges[0] }
  })

describe("a stream", () => {
  it.effect("opens with the preface and SETTINGS in one write, and sends its request with them", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      assert.lengthOf(pair.socket.written, 0)
      pair.request()
      assert.lengthOf(pair.socket.written, 1)
      assert.strictEqual(pair.socket.written[0].toString("latin1", 0, 24), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      const types = pair.frames.map(({ type }) => type)
      assert.deepStrictEqual(types, [Frames.SETTINGS, Frames.WINDOW_UPDATE, Frames.HEADERS])
      yield* pair.turn
      assert.lengthOf(pair.socket.written, 1)
    })
  )

  it.effect("delivers a response and ends in the order of an HTTP/1.1 connection", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      pair.feed(headers(1, [...ok, "content-length", "5", "x", "y"]), data(1, "hel"), data(1, "lo", true))
      assert.strictEqual(exchange.head?.status, 200)
      assert.strictEqual(exchange.head?.get("x"), "y")
      assert.strictEqual(exchange.text, "hello")
      assert.deepStrictEqual(exchange.events, ["head", "done", "end"])
      assert.deepStrictEqual(pair.streamEnds, [exchange])
      yield* lives(pair)
    })
  )

  it.effect("writes requests of one turn together", () =>
    Effect.gen(function* () {
      const { pair } = yield* started({}, 5)
      assert.lengthOf(pair.framesOf(Frames.HEADERS), 5)
      assert.lengthOf(pair.socket.written, 2)
    })
  )

  it.effect("reports 1xx responses and keeps trailers", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      pair.feed(headers(1, [":status", "103"]), headers(1, [":status", "103"]), headers(1, ok))
      pair.feed(data(1, "x"), headers(1, ["grpc-status", "0"], true))
      assert.deepStrictEqual(exchange.informational, [103, 103])
      assert.deepStrictEqual(exchange.body?.trailers, [["grpc-status", "0"]])
      assert.strictEqual(exchange.text, "x")
      yield* lives(pair)
    })
  )

  const cutBodies: ReadonlyArray<readonly [string, ReadonlyArray<Buffer>, string, number | undefined]> = [
    [
      "fewer bytes than content-length",
      [headers(1, [...ok, "content-length", "10"]), data(1, "hello", true)],
      "ClientPayloadError Incomplete",
      10
    ],
    [
      "more bytes than content-length",
      [headers(1, [...ok, "content-length", "3"]), data(1, "hello", true)],
      "ClientPayloadError Framing",
      3
    ],
    [
      "the end of the stream before content-length",
      [headers(1, [...ok, "content-length", "3"], true)],
      "ClientPayloadError Incomplete",
      3
    ],
    [
      "RST_STREAM with NO_ERROR before content-length",
      [headers(1, [...ok, "content-length", "10"]), data(1, "hello"), rst(1, 0)],
      "ClientPayloadError Incomplete",
      10
    ],
    ...[0, 8, 2, 0x2a].map(
      (code) =>
        [
          `RST_STREAM with ${codeName(code)} in a body of unknown length`,
          [headers(1, ok), data(1, "hello"), rst(1, code)],
          "ClientPayloadError Incomplete",
          undefined
        ] as const
    )
  ]
  for (const [name, frames, outcome, expected] of cutBodies) {
    it.effect(`reports a body as cut after ${name}`, () =>
      Effect.gen(function* () {
        const { exchange, pair } = yield* started()
        pair.feed(...frames)
        assert.strictEqual(exchange.outcome, outcome)
        const { error } = exchange
        if (error?._tag !== "ClientPayloadError") return assert.fail(exchange.outcome)
        assert.strictEqual(error.expected, expected)
        assert.deepStrictEqual(exchange.events, ["head", "done", "bodyError"])
        yield* lives(pair)
      })
    )
  }

  it.effect("reports the code of an RST_STREAM within a body", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      pair.feed(headers(1, ok), data(1, "hello"), rst(1, 0x2a))
      assert.strictEqual(exchange.error?._tag === "ClientPayloadError" ? exchange.error.code : undefined, "0x2a")
    })
  )

  for (const [code, repeatable, unprocessed] of [
    [0, "never", false],
    [8, "never", false],
    [2, "never", false],
    [7, "unsent", true],
    [13, "sent", false]
  ] as const) {
    it.effect(`fails with StreamResetError after RST_STREAM with ${codeName(code)} before the head`, () =>
      Effect.gen(function* () {
        const { exchange, pair } = yield* started()
        pair.feed(rst(1, code))
        const { error } = exchange
        if (error?._tag !== "StreamResetError") return assert.fail(exchange.outcome)
        assert.deepStrictEqual([error.code, error.scope, error.unprocessed], [codeName(code), "Stream", unprocessed])
        assert.strictEqual(exchange.repeatable, repeatable)
        assert.deepStrictEqual(exchange.events, ["error"])
        assert.strictEqual(pair.http1Required, code === 13 ? 1 : 0)
        yield* lives(pair)
      })
    )
  }

  it.effect("succeeds if RST_STREAM with NO_ERROR follows the whole response", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      pair.feed(headers(1, ok), data(1, "hello", true), rst(1, 0))
      assert.strictEqual(exchange.text, "hello")
      assert.isTrue(exchange.ended)
      yield* lives(pair)
    })
  )

  for (const [method, status] of [
    ["HEAD", "200"],
    ["GET", "304"],
    ["GET", "204"]
  ] as const) {
    it.effect(`expects no body of ${status} to ${method} and rejects one`, () =>
      Effect.gen(function* () {
        const pair = new Pair()
        const first = pair.request({ method })
        pair.feed(settings(), headers(1, [":status", status, "content-length", "3"], true))
        assert.isTrue(first.ended)
        const second = pair.request({ method })
        pair.feed(headers(3, [":status", status, "content-length", "3"]), data(3, "abc", true))
        assert.strictEqual(second.outcome, "ClientPayloadError Framing")
        yield* pair.turn
        assert.deepStrictEqual(codes(pair), ["3 PROTOCOL_ERROR"])
        yield* lives(pair)
      })
    )
  }

  for (const [name, frames, outcome] of [
    ["DATA before HEADERS", [data(1, "x", true)], "BadHttpMessage Framing"],
    ["DATA after 1xx only", [headers(1, [":status", "103"]), data(1, "x", true)], "BadHttpMessage Framing"],
    ["trailers that do not end the stream", [headers(1, ok), headers(1, ["a", "b"])], "ClientPayloadError Framing"],
    ["trailers with :status", [headers(1, ok), headers(1, ok, true)], "ClientPayloadError Framing"]
  ] as const) {
    it.effect(`resets itself after ${name}`, () =>
      Effect.gen(function* () {
        const { exchange, pair } = yield* started()
        pair.feed(...frames)
        assert.strictEqual(exchange.outcome, outcome)
        yield* pair.turn
        assert.deepStrictEqual(codes(pair), ["1 PROTOCOL_ERROR"])
        yield* lives(pair)
      })
    )
  }

  it.effect("is reset by cut and by abort, without effect on the connection", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 3)
      const [first, second, third] = exchanges
      pair.feed(headers(3, ok))
      first.connection?.abort("Interrupted")
      second.connection?.abort("Interrupted")
      assert.deepStrictEqual([first.events, second.events], [[], ["head", "done"]])
      assert.strictEqual(pair.connection.streams, 3)
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["1 CANCEL", "3 CANCEL"])
      pair.feed(headers(5, ok, true))
      assert.isTrue(third.ended)
      yield* lives(pair)
    })
  )

  it.effect("that ends before it starts leaves a connection that has sent its preface", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const exchange = new RecordedExchange({}, pair.time)
      pair.connection.serve(exchange).abort("Error")
      assert.lengthOf(pair.socket.written, 0)
      yield* pair.turn
      assert.strictEqual(pair.socket.written[0]?.toString("latin1", 0, 14), "PRI * HTTP/2.0")
      assert.isFalse(pair.socket.referenced)
    })
  )

  it.effect("that has not started frees its place without a frame", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      const before = pair.frames.length
      const stream = pair.connection.serve(exchange)
      assert.strictEqual(pair.connection.streams, 2)
      stream.abort("Interrupted")
      assert.strictEqual(pair.connection.streams, 1)
      assert.deepStrictEqual(pair.streamEnds, [exchange])
      yield* pair.turn
      assert.strictEqual(pair.frames.length, before)
    })
  )

  it.effect("whose body is abandoned is reset, unless its end has arrived already", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const whole = pair.request({ onHead: (_head, body) => body.abandon() })
      pair.feed(settings(), Buffer.concat([headers(1, ok), data(1, "hello", true)]))
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), [])
      assert.strictEqual(whole.done, 1)
      const sized = pair.request({ onHead: (_head, body) => body.abandon() })
      pair.feed(Buffer.concat([headers(3, [...ok, "content-length", "5"]), data(3, "hello", true)]))
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), [])
      assert.strictEqual(sized.done, 1)
      const part = pair.request({ onHead: (_head, body) => body.abandon() })
      pair.feed(headers(5, ok), data(5, "hel"))
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["5 CANCEL"])
      assert.strictEqual(part.done, 1)
      pair.feed(data(5, "lo", true))
      yield* lives(pair)
    })
  )

  it.effect("that was reset still changes the table of the decoder", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 2)
      exchanges[0].connection?.abort("Interrupted")
      // A literal with incremental indexing: it becomes entry 62.
      const indexed = Buffer.concat([block(...ok), Buffer.from([0x40, 1, 0x61, 1, 0x62])])
      pair.feed(frame(Frames.HEADERS, 5, 1, indexed))
      pair.feed(frame(Frames.HEADERS, 5, 3, Buffer.concat([block(...ok), Buffer.from([0x80 | 62])])))
      assert.strictEqual(exchanges[1].head?.get("a"), "b")
    })
  )
})

describe("a connection", () => {
  it.effect("opens one stream before the server's SETTINGS, and as many as both allow afterwards", () =>
    Effect.gen(function* () {
      const pair = new Pair({ maxConcurrentStreams: 7 })
      assert.strictEqual(pair.connection.available, 1)
      pair.request()
      assert.strictEqual(pair.connection.available, 0)
      pair.feed(settings())
      assert.strictEqual(pair.available, 1)
      assert.strictEqual(pair.connection.available, 6)
      pair.feed(settings([3, 2]))
      assert.strictEqual(pair.connection.available, 1)
      pair.feed(settings([3, 0]))
      assert.strictEqual(pair.connection.available, 0)
      yield* pair.turn
      assert.lengthOf(
        pair.framesOf(Frames.SETTINGS).filter(({ flags }) => flags === Frames.ACK),
        3
      )
    })
  )

  it.effect("announces the smallest size of the table that one SETTINGS frame has, and then the last", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const first = pair.request({ head: "accept: a\r\n" })
      yield* pair.settle([1, 0], [1, 4096])
      pair.feed(headers(1, ok, true))
      assert.isTrue(first.ended)
      pair.next()
      pair.request({ head: "accept: a\r\n" })
      const [{ payload }] = pair.next().filter(({ type }) => type === Frames.HEADERS)
      // Updates to 0 and to 4096.
      assert.deepStrictEqual([...payload.subarray(0, 4)], [0x20, 0x3f, 0xe1, 0x1f])
    })
  )

  it.effect("keeps the process alive only while it has streams", () =>
    Effect.gen(function* () {
      const { pair } = yield* started()
      assert.isTrue(pair.socket.referenced)
      pair.feed(headers(1, ok, true))
      yield* pair.turn
      assert.isFalse(pair.socket.referenced)
      pair.connection.awaited = true
      assert.isTrue(pair.socket.referenced)
      pair.connection.awaited = false
      yield* pair.turn
      assert.isFalse(pair.socket.referenced)
      pair.request()
      assert.isTrue(pair.socket.referenced)
    })
  )

  it.effect("finishes 50 of 100 requests after GOAWAY, and fails those above its last stream as unprocessed", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 100)
      pair.feed(goAway(99, 0, "later"))
      assert.strictEqual(pair.retiring, 1)
      assert.strictEqual(pair.connection.available, 0)
      const refused = exchanges.filter(({ error }) => error !== undefined)
      assert.deepStrictEqual(refused, exchanges.slice(50))
      for (const { error, repeatable } of refused) {
        assert.strictEqual(error?._tag === "StreamResetError" && error.unprocessed && error.scope, "Connection")
        assert.strictEqual(repeatable, "unsent")
      }
      for (let index = 0; index < 50; index++) pair.feed(headers(index * 2 + 1, ok, true))
      assert.isTrue(exchanges.slice(0, 50).every(({ ended }) => ended))
      assert.deepStrictEqual(pair.closed, [])
      yield* pair.turn
      assert.deepStrictEqual(pair.closed, ["GoAway"])
      assert.isTrue(pair.socket.destroyed || pair.socket.writableEnded)
    })
  )

  it.effect("does not allow a repetition after GOAWAY with ENHANCE_YOUR_CALM", () =>
    Effect.gen(function* () {
      const { exchange, pair } = yield* started()
      pair.feed(goAway(0, 11))
      assert.strictEqual(exchange.repeatable, "never")
      assert.isTrue(exchange.error?._tag === "StreamResetError" && exchange.error.unprocessed)
      yield* pair.turn
      assert.deepStrictEqual(pair.closed, ["GoAway"])
    })
  )

  it.effect("that is idle closes after GOAWAY", () =>
    Effect.gen(function* () {
      const { pair } = yield* started()
      pair.feed(headers(1, ok, true))
      yield* pair.turn
      pair.feed(goAway(2 ** 31 - 1, 0))
      yield* pair.turn
      assert.deepStrictEqual(pair.closed, ["GoAway"])
      assert.deepStrictEqual(pair.goodbyes, [0])
    })
  )

  it.effect("closes after the response to Connection: close", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const exchange = pair.request({ close: true })
      assert.strictEqual(pair.retiring, 1)
      pair.feed(settings(), headers(1, ok, true))
      assert.isTrue(exchange.ended)
      yield* pair.turn
      assert.deepStrictEqual(pair.closed, ["ConnectionClose"])
      assert.deepStrictEqual(pair.goodbyes, [0])
    })
  )

  it.effect("fails each stream according to its own state when it ends", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 3)
      pair.feed(headers(3, ok), data(3, "x"))
      const unwritten = pair.request()
      pair.socket.destroy(Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "read" }))
      yield* pair.turn
      const [first, second, third] = exchanges
      assert.strictEqual(first.outcome, "ClientOSError")
      assert.strictEqual(first.repeatable, "never")
      assert.strictEqual(second.outcome, "ClientPayloadError Incomplete")
      assert.strictEqual(third.outcome, "ClientOSError")
      assert.strictEqual(unwritten.outcome, "ClientOSError")
      assert.strictEqual(unwritten.repeatable, "unsent")
      assert.deepStrictEqual(pair.closed, ["Error"])
      assert.strictEqual(pair.connection.streams, 0)
      assert.strictEqual(pair.time.pending, 0)
    })
  )

  it.effect("allows the repetition of an idempotent request only if nothing arrived after it was sent", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 2)
      pair.feed(headers(1, ok, true))
      const late = pair.request()
      yield* pair.turn
      pair.socket.emit("end")
      assert.deepStrictEqual([exchanges[1].repeatable, late.repeatable], ["never", "sent"])
      assert.strictEqual(late.outcome, "ServerDisconnectedError")
    })
  )

  it.effect("reports a violation only to the stream that caused it", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 3)
      pair.feed(headers(5, ok), data(5, "x"))
      // Padding beyond the frame on stream 3.
      pair.feed(frame(Frames.HEADERS, 0xd, 3, Buffer.from([200, 0])))
      assert.deepStrictEqual(
        exchanges.map(({ outcome }) => outcome),
        ["ServerDisconnectedError", "BadHttpMessage Framing", "ClientPayloadError Incomplete"]
      )
      assert.deepStrictEqual(pair.goodbyes, [1])
      assert.deepStrictEqual(pair.closed, ["Error"])
    })
  )

  it.effect("closes with the error passed to it", () =>
    Effect.gen(function* () {
      const { exchanges, pair } = yield* started({}, 2)
      pair.connection.close("Shutdown")
      assert.deepStrictEqual(
        exchanges.map(({ events }) => events),
        [[], []]
      )
      assert.deepStrictEqual(pair.closed, ["Shutdown"])
      assert.deepStrictEqual(pair.goodbyes, [0])
      assert.strictEqual(pair.connection.streams, 0)
      pair.connection.close("Shutdown")
      assert.deepStrictEqual(pair.closed, ["Shutdown"])
    })
  )

  it.effect("fails if the server's SETTINGS do not arrive within 10 seconds", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const exchange = pair.request()
      pair.time.advance(9999)
      assert.strictEqual(exchange.outcome, "open")
      pair.time.advance(1)
      assert.strictEqual(exchange.outcome, "SocketTimeoutError")
      assert.deepStrictEqual(pair.goodbyes, [4])
      assert.deepStrictEqual(pair.closed, ["Error"])
      yield* pair.turn
    })
  )

  for (const [name, first] of [
    ["HTTP/1.1", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["a PING", "\0\0\x08\x06\0\0\0\0\0abcdefgh"]
  ] as const) {
    it.effect(`refuses a server that begins with ${name}`, () =>
      Effect.gen(function* () {
        const pair = new Pair()
        const exchange = pair.request()
        pair.feed(Buffer.from(first, "latin1"))
        assert.strictEqual(exchange.outcome, "BadHttpMessage Framing")
        assert.deepStrictEqual(pair.goodbyes, [1])
        yield* pair.turn
      })
    )
  }
})
