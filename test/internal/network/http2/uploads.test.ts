/**
 * Request bodies on streams: windows, their end, early responses, and 100 Continue.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RequestBodyError } from "effect-http-session/Errors"
import { codeName } from "../../../../src/internal/network/http2/errorCodes.js"
import * as Frames from "../../../../src/internal/network/http2/frames.js"
import type { RequestBody, RequestSink } from "../../../../src/internal/transport/transport.js"
import { data, goAway, headers, Pair, rst, settings, windowUpdate } from "./support.js"

const ok = [":status", "200"]

const bytes = (size: number): RequestBody => ({ _tag: "Bytes", bytes: new Uint8Array(size).fill(0x62) })

/** A body that the test writes itself. */
const streamed = (length?: number, replayable = false) => {
  const sinks: Array<RequestSink> = []
  let cancelled = 0
  const body: RequestBody = {
    _tag: "Stream",
    length,
    replayable,
    start: (sink) => {
      sinks.push(sink)
      return { cancel: () => void cancelled++ }
    }
  }
  return {
    body,
    get sink(): RequestSink {
      const [sink] = sinks
      if (sink === undefined) throw new Error("the body has not been started")
      return sink
    },
    get started() {
      return sinks.length
    },
    get cancelled() {
      return cancelled
    }
  }
}

const chunk = (size: number) => new Uint8Array(size).fill(0x63)

/** The DATA of a stream: bytes, and whether it was ended. */
const sent = (pair: Pair, id = 1) => {
  const frames = pair.framesOf(Frames.DATA).filter((frame) => frame.id === id)
  return {
    bytes: frames.reduce((sum, { payload }) => sum + payload.length, 0),
    ended: frames.some(({ flags }) => (flags & Frames.END_STREAM) !== 0),
    largest: Math.max(0, ...frames.map(({ payload }) => payload.length))
  }
}

const codes = (pair: Pair) => pair.resets.map(([id, code]) => `${id} ${codeName(code)}`)

describe("an upload", () => {
  it.effect("of a few bytes is written with its HEADERS and ends the stream", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const exchange = pair.request({ method: "POST", body: bytes(10) })
      assert.lengthOf(pair.socket.written, 1)
      assert.deepStrictEqual(sent(pair), { bytes: 10, ended: true, largest: 10 })
      assert.strictEqual(exchange.marks.current, "headers")
      pair.feed(settings(), headers(1, ok, true))
      assert.isTrue(exchange.ended)
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), [])
    })
  )

  for (const [name, body] of [
    ["bytes", bytes(0)],
    ["a stream of length 0", streamed(0).body]
  ] as const) {
    it.effect(`of no ${name} ends with HEADERS`, () =>
      Effect.gen(function* () {
        const pair = new Pair()
        const exchange = pair.request({ method: "POST", body })
        const [request] = pair.framesOf(Frames.HEADERS)
        assert.strictEqual(request.flags, Frames.END_HEADERS | Frames.END_STREAM)
        assert.strictEqual(exchange.marks.current, "headers")
        yield* pair.turn
        assert.lengthOf(pair.framesOf(Frames.DATA), 0)
      })
    )
  }

  it.effect("never exceeds the windows of stream and connection, in frames of at most 16 KiB", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request({ method: "POST", body: bytes(200_000) })
      pair.feed(settings([4, 100_000]))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 65_535, ended: false, largest: 16_384 })
      pair.feed(windowUpdate(0, 1_000_000))
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 100_000)
      pair.feed(windowUpdate(1, 99_999))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 199_999, ended: false, largest: 16_384 })
      pair.feed(windowUpdate(1, 1))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 200_000, ended: true, largest: 16_384 })
    })
  )

  it.effect("waits while a smaller INITIAL_WINDOW_SIZE makes its window negative", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request({ method: "POST", body: bytes(80_000) })
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 65_535)
      pair.feed(settings([4, 1000]), windowUpdate(0, 1_000_000), windowUpdate(1, 64_535))
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 65_535)
      pair.feed(windowUpdate(1, 5))
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 65_540)
      pair.feed(settings([4, 65_535]))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 80_000, ended: true, largest: 16_384 })
    })
  )

  it.effect("with a window of 0 waits for one, and times out in the phase send", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings([4, 0]), headers(1, ok, true))
      const waits = pair.request({ method: "POST", body: bytes(10) })
      const late = pair.request({ method: "POST", body: bytes(10), limits: { send: 500 } })
      yield* pair.turn
      assert.lengthOf(pair.framesOf(Frames.DATA), 0)
      pair.time.advance(500)
      assert.strictEqual(late.outcome, "SocketTimeoutError")
      assert.strictEqual(late.error?._tag === "SocketTimeoutError" ? late.error.phase : undefined, "send")
      pair.feed(windowUpdate(3, 10))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair, 3), { bytes: 10, ended: true, largest: 10 })
      assert.deepStrictEqual(codes(pair), ["5 CANCEL"])
      pair.feed(headers(3, ok, true))
      assert.isTrue(waits.ended)
    })
  )

  it.effect("does not time out while the server accepts parts of it", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const exchange = pair.request({ method: "POST", body: bytes(66_000), limits: { send: 500 } })
      pair.feed(settings())
      for (let index = 0; index < 4; index++) {
        yield* pair.turn
        pair.time.advance(400)
        pair.feed(windowUpdate(0, 10), windowUpdate(1, 10))
      }
      yield* pair.turn
      assert.strictEqual(exchange.outcome, "open")
      pair.time.advance(500)
      assert.strictEqual(exchange.outcome, "SocketTimeoutError")
    })
  )

  it.effect("shares the connection with others, frame by frame", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings())
      for (let index = 0; index < 3; index++) pair.request({ method: "POST", body: bytes(32_768) })
      yield* pair.turn
      const order = pair.framesOf(Frames.DATA).map(({ id, payload }) => [id, payload.length])
      assert.deepStrictEqual(order, [
        [3, 16_384],
        [5, 16_384],
        [7, 16_384],
        [3, 16_383]
      ])
    })
  )

  it.effect("ends although another one has used up the window of the connection, because its end needs none", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings([4, 200_000]))
      const source = streamed()
      pair.request({ method: "POST", body: bytes(100_000) })
      const exchange = pair.request({ method: "POST", body: source.body })
      yield* pair.turn
      assert.deepStrictEqual(sent(pair, 3), { bytes: 65_535, ended: false, largest: 16_384 })
      source.sink.end()
      yield* pair.turn
      assert.deepStrictEqual(sent(pair, 5), { bytes: 0, ended: true, largest: 0 })
      pair.feed(headers(5, ok, true))
      assert.isTrue(exchange.ended)
      pair.feed(windowUpdate(0, 100_000))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair, 3), { bytes: 100_000, ended: true, largest: 16_384 })
      assert.deepStrictEqual(codes(pair), [])
    })
  )

  it.effect("applies backpressure to its source", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed()
      pair.request({ method: "POST", body: source.body })
      let drains = 0
      source.sink.onDrain = () => void drains++
      assert.isTrue(source.sink.write(chunk(1000)))
      assert.isFalse(source.sink.write(chunk(200_000)))
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 65_535)
      assert.strictEqual(drains, 0)
      pair.feed(settings([4, 500_000]), windowUpdate(0, 500_000))
      yield* pair.turn
      assert.strictEqual(sent(pair).bytes, 201_000)
      assert.strictEqual(drains, 1)
      source.sink.end()
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 201_000, ended: true, largest: 16_384 })
    })
  )

  it.effect("ends with the last byte of a known length", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed(10)
      const exchange = pair.request({ method: "POST", body: source.body })
      source.sink.write(chunk(4))
      yield* pair.turn
      source.sink.write(chunk(6))
      yield* pair.turn
      assert.deepStrictEqual(
        pair.framesOf(Frames.DATA).map(({ flags, payload }) => [flags, payload.length]),
        [
          [0, 4],
          [1, 6]
        ]
      )
      pair.feed(settings(), headers(1, ok, true))
      assert.isFalse(exchange.ended)
      source.sink.end()
      yield* pair.turn
      assert.isTrue(exchange.ended)
      assert.strictEqual(source.cancelled, 0)
    })
  )

  it.effect("of a known length ends once, also if its source ends while another one waits for the window", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings([4, 200_000]))
      const source = streamed(10)
      pair.request({ method: "POST", body: source.body })
      source.sink.write(chunk(10))
      yield* pair.turn
      pair.request({ method: "POST", body: bytes(100_000) })
      yield* pair.turn
      source.sink.end()
      yield* pair.turn
      assert.deepStrictEqual(sent(pair, 3), { bytes: 10, ended: true, largest: 10 })
      assert.lengthOf(
        pair.framesOf(Frames.DATA).filter(({ id }) => id === 3),
        1
      )
    })
  )

  it.effect("whose source has not ended yet ignores what a server sends after the end of its response", () =>
    Effect.gen(function* () {
      for (const late of [data(1, "cd"), data(1, "", true), headers(1, ["a", "b"], true)]) {
        const pair = new Pair()
        const source = streamed(10)
        const exchange = pair.request({ method: "POST", body: source.body })
        source.sink.write(chunk(10))
        yield* pair.turn
        pair.feed(settings(), headers(1, ok), data(1, "ab", true), late)
        source.sink.end()
        yield* pair.turn
        assert.strictEqual(exchange.text, "ab")
        assert.deepStrictEqual(exchange.events, ["head", "done", "end"])
        assert.deepStrictEqual(exchange.body?.trailers, [])
      }
    })
  )

  it.effect("resets the stream if its source fails", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed(10)
      const exchange = pair.request({ method: "POST", body: source.body })
      source.sink.write(chunk(4))
      source.sink.fail(
        new RequestBodyError({
          method: "POST",
          url: "",
          host: "",
          port: 1,
          phase: "send",
          attempt: 1,
          reason: "Source"
        })
      )
      assert.strictEqual(exchange.outcome, "RequestBodyError Source")
      assert.strictEqual(exchange.repeatable, "never")
      pair.feed(settings())
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
      assert.isFalse(sent(pair).ended)
      assert.strictEqual(pair.connection.state, "open")
    })
  )

  it.effect("waits for a socket that does not take all of it", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      pair.request()
      pair.feed(settings([4, 2_000_000]), windowUpdate(0, 2_000_000), headers(1, ok, true))
      yield* pair.turn
      pair.socket.stuck = true
      const exchange = pair.request({ method: "POST", body: bytes(1_000_000) })
      yield* pair.turn
      yield* pair.turn
      assert.isAtMost(sent(pair, 3).bytes, 256 * 1024)
      assert.strictEqual(exchange.marks.current, "send")
      for (let index = 0; index < 10; index++) {
        pair.socket.unstick()
        yield* pair.turn
      }
      assert.deepStrictEqual(sent(pair, 3), { bytes: 1_000_000, ended: true, largest: 16_384 })
      assert.strictEqual(exchange.marks.current, "headers")
    })
  )
})

describe("a response during an upload", () => {
  for (const [name, frames] of [
    ["and RST_STREAM with NO_ERROR", [rst(1, 0)]],
    ["and no RST_STREAM", []]
  ] as const) {
    it.effect(`with 413, its end ${name}, is complete and stops the upload`, () =>
      Effect.gen(function* () {
        const pair = new Pair()
        const source = streamed()
        const exchange = pair.request({ method: "POST", body: source.body })
        source.sink.write(chunk(100))
        pair.feed(settings(), headers(1, [":status", "413"]), data(1, "too large", true), ...frames)
        assert.strictEqual(exchange.text, "too large")
        assert.isTrue(exchange.ended)
        assert.strictEqual(source.cancelled, 1)
        yield* pair.turn
        assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
        assert.isFalse(sent(pair).ended)
        assert.strictEqual(pair.connection.state, "open")
      })
    )
  }

  it.effect("with 403 stops the upload and is read to its end", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed()
      const exchange = pair.request({ method: "POST", body: source.body })
      pair.feed(settings(), headers(1, [":status", "403"]), data(1, "for"))
      assert.strictEqual(source.cancelled, 1)
      source.sink.write(chunk(100))
      source.sink.end()
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), [])
      pair.feed(data(1, "bidden", true))
      assert.strictEqual(exchange.text, "forbidden")
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 0, ended: false, largest: 0 })
      assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
    })
  )

  it.effect("with 200 lets both continue to their ends", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed()
      const exchange = pair.request({ method: "POST", body: source.body })
      pair.feed(settings(), headers(1, ok))
      for (const word of ["a", "b", "c"]) {
        source.sink.write(Buffer.from(word))
        yield* pair.turn
        const frames = pair.framesOf(Frames.DATA)
        pair.feed(data(1, frames[frames.length - 1].payload))
      }
      source.sink.end()
      yield* pair.turn
      assert.isTrue(sent(pair).ended)
      pair.feed(data(1, "", true))
      assert.strictEqual(exchange.text, "abc")
      assert.isTrue(exchange.ended)
      assert.deepStrictEqual(codes(pair), [])
    })
  )

  it.effect("fails with the error of the upload if its source fails after the head", () =>
    Effect.gen(function* () {
      const pair = new Pair()
      const source = streamed()
      const exchange = pair.request({ method: "POST", body: source.body })
      pair.feed(settings(), headers(1, ok))
      source.sink.fail(
        new RequestBodyError({
          method: "POST",
          url: "",
          host: "",
          port: 1,
          phase: "send",
          attempt: 1,
          reason: "Source"
        })
      )
      assert.strictEqual(exchange.outcome, "ClientPayloadError Incomplete")
      yield* pair.turn
      assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
    })
  )
})

describe("a refused upload", () => {
  const bodies = [
    ["bytes", () => bytes(10), "unsent"],
    ["a stream that can start again", () => streamed(undefined, true).body, "unsent"],
    ["a stream that cannot", () => streamed().body, "never"]
  ] as const
  for (const [name, body, repeatable] of bodies) {
    it.effect(`of ${name} reports whether it can be sent again`, () =>
      Effect.gen(function* () {
        const pair = new Pair()
        const first = pair.request({ method: "POST", body: body() })
        pair.feed(settings(), rst(1, 7))
        assert.strictEqual(first.repeatable, repeatable)
        const second = pair.request({ method: "POST", body: body() })
        pair.feed(goAway(1, 0))
        assert.strictEqual(second.repeatable, repeatable)
        yield* pair.turn
      })
    )
  }
})

describe("Expect: 100-continue", () => {
  const expecting = () => {
    const pair = new Pair()
    const exchange = pair.request({ method: "POST", body: bytes(10), expectContinue: true })
    pair.feed(settings())
    return { pair, exchange }
  }

  it.effect("sends the body after 100", () =>
    Effect.gen(function* () {
      const { exchange, pair } = expecting()
      yield* pair.turn
      assert.lengthOf(pair.framesOf(Frames.DATA), 0)
      pair.feed(headers(1, [":status", "100"]))
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 10, ended: true, largest: 10 })
      pair.feed(headers(1, ok, true))
      assert.isTrue(exchange.ended)
      assert.strictEqual(pair.time.pending, 0)
    })
  )

  it.effect("sends no body after a final status", () =>
    Effect.gen(function* () {
      const { exchange, pair } = expecting()
      pair.feed(headers(1, [":status", "417"], true))
      assert.isTrue(exchange.ended)
      yield* pair.turn
      assert.lengthOf(pair.framesOf(Frames.DATA), 0)
      assert.deepStrictEqual(codes(pair), ["1 CANCEL"])
      pair.time.advance(2000)
      yield* pair.turn
      assert.lengthOf(pair.framesOf(Frames.DATA), 0)
    })
  )

  it.effect("sends the body after a second of silence", () =>
    Effect.gen(function* () {
      const { pair } = expecting()
      pair.time.advance(999)
      yield* pair.turn
      assert.lengthOf(pair.framesOf(Frames.DATA), 0)
      pair.time.advance(1)
      yield* pair.turn
      assert.deepStrictEqual(sent(pair), { bytes: 10, ended: true, largest: 10 })
    })
  )
})
