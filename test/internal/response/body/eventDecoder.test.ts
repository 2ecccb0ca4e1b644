import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createParser } from "eventsource-parser"
import * as fc from "fast-check"
import { EventDecoder, type EventOptions } from "../../../../src/internal/response/body/eventDecoder.js"
import type { Event } from "../../../../src/Sse.js"
import { perTurn } from "../../../support/perTurn.js"
import { complete, make } from "../support.js"

type Row = readonly [event: string, data: string, id: string | null]

const rowOf = (event: Event): Row => [event.event, event.data, Option.getOrNull(event.id)]

/** `lines`: the number of lines that are read at a time. */
const decode = (bytes: Uint8Array, size: number, options?: EventOptions, lines = Infinity) => {
  const decoder = new EventDecoder(options)
  const out: Array<Event> = []
  for (let at = 0; at < bytes.length; at += size) {
    decoder.push(bytes.subarray(at, at + size))
    let refusal = decoder.read(out, lines)
    while (refusal === 0) refusal = decoder.read(out, lines)
    if (typeof refusal !== "number") return { rows: out.map(rowOf), refusal, last: decoder.lastEventId }
  }
  return { rows: out.map(rowOf), refusal: undefined, last: decoder.lastEventId }
}

const cases: ReadonlyArray<readonly [name: string, text: string, events: ReadonlyArray<Row>]> = [
  ["one line", "data: a\n\n", [["message", "a", null]]],
  ["several lines", "data: a\ndata:b\ndata\ndata:  c\n\n", [["message", "a\nb\n\n c", null]]],
  [
    "a name",
    "event: ping\ndata: 1\n\ndata: 2\n\n",
    [
      ["ping", "1", null],
      ["message", "2", null]
    ]
  ],
  ["a byte order mark", "\ufeffdata: a\n\n", [["message", "a", null]]],
  ["two byte order marks", "\ufeff\ufeffdata: a\n\ndata: b\n\n", [["message", "b", null]]],
  ["CR LF", "event: x\r\ndata: a\r\n\r\n", [["x", "a", null]]],
  [
    "CR",
    "event: x\rdata: a\r\rdata: b\r\r",
    [
      ["x", "a", null],
      ["message", "b", null]
    ]
  ],
  ["mixed ends", "data: a\r\ndata: b\rdata: c\n\r\n", [["message", "a\nb\nc", null]]],
  ["comments", ": hi\n:\ndata: a\n: there\n\n", [["message", "a", null]]],
  ["no data, no event", "event: x\n\ndata: a\n\n", [["message", "a", null]]],
  [
    "empty data is data",
    "data\n\ndata:\n\n",
    [
      ["message", "", null],
      ["message", "", null]
    ]
  ],
  ["unknown fields", "foo: bar\nbaz\ndata: a\n\n", [["message", "a", null]]],
  [
    "an id that lasts",
    "id: 1\ndata: a\n\ndata: b\n\n",
    [
      ["message", "a", "1"],
      ["message", "b", "1"]
    ]
  ],
  ["an id without data", "id: 7\n\ndata: b\n\n", [["message", "b", "7"]]],
  [
    "an id taken back",
    "id: 1\ndata: a\n\nid\ndata: b\n\n",
    [
      ["message", "a", "1"],
      ["message", "b", null]
    ]
  ],
  ["an id with NUL", "id: 1\nid: 2\u0000\ndata: a\n\n", [["message", "a", "1"]]],
  ["the last id of an event", "id: 1\nid: 2\ndata: a\n\n", [["message", "a", "2"]]],
  ["an event that is not ended", "data: a\n\nid: 9\ndata: b\n", [["message", "a", null]]],
  ["one space is left out", "data:a\ndata: b\ndata:  c\ndata:\td\n\n", [["message", "a\nb\n c\n\td", null]]],
  ["letters beyond ASCII", "data: é€😀\n\n", [["message", "é€😀", null]]],
  ["fields in other cases are unknown", "Data: a\ndata: b\n\n", [["message", "b", null]]],
  ["nothing", "", []]
]

describe("events", () => {
  for (const [name, text, events] of cases) {
    it(name, () => {
      const bytes = Buffer.from(text)
      for (let size = 1; size <= bytes.length + 1; size++) assert.deepStrictEqual(decode(bytes, size).rows, events)
    })
  }

  it("replace malformed UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from("data: a"), Buffer.from([0xff]), Buffer.from("b\n\n")])
    assert.deepStrictEqual(decode(bytes, 1).rows, [["message", "a\ufffdb", null]])
  })

  it("are emitted as soon as their line has ended, also after CR", () => {
    const decoder = new EventDecoder()
    const out: Array<Event> = []
    const push = (text: string) => {
      decoder.push(Buffer.from(text))
      assert.isNumber(decoder.read(out, Infinity))
    }
    push("data: a\r\r")
    assert.strictEqual(out.length, 1)
    push("\n")
    push("data: b\r\n\r")
    assert.deepStrictEqual(out.map(rowOf), [
      ["message", "a", null],
      ["message", "b", null]
    ])
  })

  it("contain retry and the last id", () => {
    const retries: Array<number> = []
    const text = "retry: 1000\nretry: 1x\nretry: -1\nretry:\nretry: 0\nid: 5\ndata: a\n\nid: 6\n"
    const { last, rows } = decode(Buffer.from(text), 3, {
      lastEventId: "4",
      onRetry: (milliseconds) => retries.push(milliseconds)
    })
    assert.deepStrictEqual(retries, [1000, 0])
    assert.deepStrictEqual(rows, [["message", "a", "5"]])
    assert.deepStrictEqual(last, Option.some("5"))
    assert.deepStrictEqual(decode(Buffer.from("data: a\n\n"), 3, { lastEventId: "4" }).rows, [["message", "a", "4"]])
    const huge: Array<number> = []
    decode(Buffer.from(`retry: ${"9".repeat(400)}\n`), 50, { onRetry: (value) => huge.push(value) })
    assert.deepStrictEqual(huge, [])
  })

  it("have a size limit", () => {
    const options = { maxEventSize: 20 }
    assert.strictEqual(decode(Buffer.from("data: 0123456789abcd\n\n"), 7, options).refusal, undefined)
    assert.strictEqual(decode(Buffer.from("data: 0123456789abcde\n\n"), 7, options).refusal?.reason, "LineTooLong")
    assert.strictEqual(decode(Buffer.from(`: ${"x".repeat(30)}`), 7, options).refusal?.reason, "LineTooLong")
    assert.strictEqual(decode(Buffer.from("data: 01234\n".repeat(2)), 7, options).refusal?.reason, "TooLarge")
    assert.strictEqual(decode(Buffer.from(`${": ping\n".repeat(100)}data: a\n\n`), 7, options).rows.length, 1)
    assert.strictEqual(decode(Buffer.from("data: 01234\n\n".repeat(50)), 7, options).rows.length, 50)
  })

  it("are measured in bytes of UTF-8", () => {
    const options = { maxEventSize: 20 }
    const refusalOf = (text: string, size: number) => decode(Buffer.from(text), size, options).refusal?.reason
    for (const size of [1, 7, 100]) {
      assert.strictEqual(refusalOf(`data: ${"é".repeat(7)}\n\n`, size), undefined)
      assert.strictEqual(refusalOf(`data: ${"é".repeat(8)}\n\n`, size), "LineTooLong")
      assert.strictEqual(refusalOf(`data: ${"€".repeat(5)}`, size), "LineTooLong")
      assert.strictEqual(refusalOf("data: €€\ndata: €\n\n", size), "TooLarge")
      assert.strictEqual(refusalOf("data:😀\ndata:😀\n\n", size), undefined)
    }
  })

  it("do not depend on the pieces in which they arrive", () => {
    const piece = fc.constantFrom(
      "data",
      ": ",
      ":",
      "\n",
      "\r",
      "\r\n",
      "id",
      "event",
      "a",
      "é",
      " ",
      "\n\n",
      "retry: 5"
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (parts, size) => {
        const bytes = Buffer.from(parts.join(""))
        const whole = decode(bytes, bytes.length + 1).rows
        assert.deepStrictEqual(decode(bytes, size).rows, whole)
        // Read a few lines at a time.
        assert.deepStrictEqual(decode(bytes, bytes.length + 1, undefined, size).rows, whole)
        assert.deepStrictEqual(decode(bytes, size, undefined, 1).rows, whole)
        const normal = Buffer.from(parts.join("").replace(/\r\n|\r/g, "\n"))
        assert.deepStrictEqual(decode(bytes, size).rows, decode(normal, normal.length + 1).rows)
        // The parser alone, in one piece.
        const parsed: Array<Array<string>> = []
        const parser = createParser({ onEvent: ({ data, event }) => parsed.push([event ?? "message", data]) })
        parser.feed(normal.toString())
        assert.deepStrictEqual(
          whole.map(([event, data]) => [event, data]),
          parsed
        )
      }),
      { seed: 7, numRuns: 500 }
    )
  })

  it.effect("are available from a response while it is open", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make()
      const fiber = yield* Effect.fork(Stream.runCollect(Stream.take(response.events, 2)))
      yield* Effect.yieldNow()
      push("data: 1\n\nda")
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
      push("ta: 2\n\n")
      const events = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
      assert.deepStrictEqual(events.map(rowOf), [
        ["message", "1", null],
        ["message", "2", null]
      ])
      assert.strictEqual(calls.abandoned, 1)
    })
  )

  it.live("let other fibers run while lines arrive that form no event", () =>
    Effect.gen(function* () {
      const lines = 50_000
      const response = complete("retry:1\n".repeat(lines))
      const { all, most } = yield* perTurn((count) =>
        Stream.runDrain(response.eventsBy(() => new EventDecoder({ onRetry: () => count() })))
      )
      assert.strictEqual(all, lines)
      assert.isAtMost(most, 8192)
    })
  )

  it.effect("that are too large fail after the earlier ones are delivered", () =>
    Effect.gen(function* () {
      const response = complete(`data: 1\n\n${`data: ${"x".repeat(1000)}\n`.repeat(1100)}`)
      const seen: Array<string> = []
      const exit = yield* Effect.exit(
        Stream.runForEach(response.events, (event) => Effect.sync(() => seen.push(event.data)))
      )
      assert.deepStrictEqual(seen, ["1"])
      assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("ClientPayloadError"))
    })
  )
})
