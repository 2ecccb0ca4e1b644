import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Fiber, Option, ParseResult, Schedule, Schema, Stream, TestClock } from "effect"
import { Session, Sse, Tracing } from "effect-http-session"
import { EventDecoder } from "../src/internal/response/body/eventDecoder.js"
import { sleeping } from "./support/clock.js"
import { failure } from "./support/exits.js"
import * as Peer from "./support/server.js"
import { timed } from "./support/time.js"
import { turns, until } from "./support/wait.js"

const head = (status = 200, type = "text/event-stream", lines: ReadonlyArray<string> = []): string =>
  [`HTTP/1.1 ${status} Status`, `Content-Type: ${type}`, "Transfer-Encoding: chunked", ...lines, "", ""].join("\r\n")

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

const end = "0\r\n\r\n"

const collected = <E>(stream: Stream.Stream<Sse.Event, E, Session.Session>) =>
  Effect.map(Stream.runCollect(stream), (events) => Chunk.toReadonlyArray(events).map(({ data }) => data))

const using = <A, E>(effect: Effect.Effect<A, E, Session.Session>): Effect.Effect<A, E> =>
  Effect.provide(effect, Session.layer())

describe("the format", () => {
  type Row = readonly [what: string, stream: string, events: ReadonlyArray<readonly [string, string, string?]>]
  const rows: ReadonlyArray<Row> = [
    ["data by LF", "data: a\n\n", [["message", "a"]]],
    ["data by CR", "data: a\r\r", [["message", "a"]]],
    ["data by CRLF", "data: a\r\n\r\n", [["message", "a"]]],
    [
      "line ends of all kinds",
      "data: a\rdata: b\ndata: c\r\n\r\ndata: d\n\r\n",
      [
        ["message", "a\nb\nc"],
        ["message", "d"]
      ]
    ],
    ["a byte order mark at the start", "\ufeffdata: a\n\n", [["message", "a"]]],
    [
      "a byte order mark elsewhere",
      "data: a\n\n\ufeffdata: b\n\ndata: c\n\n",
      [
        ["message", "a"],
        ["message", "c"]
      ]
    ],
    [
      "one space only is taken away",
      "data:  a \n\ndata:b\n\n",
      [
        ["message", " a "],
        ["message", "b"]
      ]
    ],
    [
      "fields without a value",
      "data\n\ndata\ndata\n\ndata:\n\n",
      [
        ["message", ""],
        ["message", "\n"],
        ["message", ""]
      ]
    ],
    ["no data, no event", "event: x\nid: 1\n\ndata: a\n\n", [["message", "a", "1"]]],
    [
      "a name",
      "event: add\ndata: 1\n\ndata: 2\n\n",
      [
        ["add", "1"],
        ["message", "2"]
      ]
    ],
    ["comments", ": ping\n\n:\ndata: a\n: b\n\n", [["message", "a"]]],
    ["names that are not known", "foo: 1\nDATA: 2\n data: 3\ndata: a\n\n", [["message", "a"]]],
    [
      "an id until it changes",
      "id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n",
      [
        ["message", "a", "1"],
        ["message", "b", "1"],
        ["message", "c", "2"]
      ]
    ],
    [
      "an id that is emptied",
      "id: 1\ndata: a\n\nid\ndata: b\n\n",
      [
        ["message", "a", "1"],
        ["message", "b"]
      ]
    ],
    [
      "an id with NUL",
      "id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
      [
        ["message", "a", "1"],
        ["message", "b", "1"]
      ]
    ],
    ["an event that is not ended", "data: a\n\ndata: b\n", [["message", "a"]]],
    ["text of several bytes", "data: κόσμε €\n\n", [["message", "κόσμε €"]]]
  ]
  const decode = (stream: string, offsets: ReadonlyArray<number>) => {
    const bytes = Buffer.from(stream)
    const out: Array<Sse.Event> = []
    const decoder = new EventDecoder()
    const cuts = [0, ...offsets, bytes.length]
    for (let i = 1; i < cuts.length; i++) {
      decoder.push(bytes.subarray(cuts[i - 1], cuts[i]))
      assert.isNumber(decoder.read(out, Infinity))
    }
    decoder.end()
    return out.map(({ data, event, id }) => [event, data, ...Option.toArray(id)])
  }
  for (const [what, stream, events] of rows) {
    it(`parses ${what}, cut at every offset`, () => {
      const size = Buffer.byteLength(stream)
      for (let at = 0; at <= size; at++)
        assert.deepStrictEqual(
          decode(stream, [at]),
          events.map((event) => [...event]),
          String(at)
        )
      const all = Array.from({ length: size }, (_, i) => i)
      assert.deepStrictEqual(
        decode(stream, all),
        events.map((event) => [...event])
      )
    })
  }

  const retries: ReadonlyArray<readonly [string, number | undefined]> = [
    ["retry: 0", 0],
    ["retry:1500", 1500],
    ["retry: 15x", undefined],
    ["retry: -1", undefined],
    ["retry: 1.5", undefined],
    ["retry: +1", undefined],
    ["retry", undefined],
    ["retry: 99999999999999999999", undefined]
  ]
  for (const [line, expected] of retries) {
    it(`reads ${line} as ${expected}`, () => {
      const seen: Array<number> = []
      const decoder = new EventDecoder({ onRetry: (millis) => seen.push(millis) })
      decoder.push(Buffer.from(`${line}\n\n`))
      decoder.read([], Infinity)
      assert.deepStrictEqual(seen, expected === undefined ? [] : [expected])
    })
  }
})

describe("connect", () => {
  it.scopedLive("requests events, and sends the last id after a break", () =>
    Effect.gen(function* () {
      const server = yield* Peer.server([
        Peer.plays(Peer.head, Peer.send(head() + chunk("id: 7\ndata: a\n\n") + chunk("id: 8\ndata: lost")), Peer.fin),
        Peer.plays(Peer.head, Peer.send(head() + chunk("data: b\n\nid\ndata: c\n\n") + end), Peer.fin),
        Peer.plays(Peer.head, Peer.respond(204))
      ])
      const data = yield* using(
        collected(
          Sse.connect(`${server.url}/events`, {
            headers: { "X-Own": "1" },
            lastEventId: "6",
            reconnect: Schedule.recurs(5)
          })
        )
      )
      assert.deepStrictEqual(data, ["a", "b", "c"])
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map((request) => request.header("last-event-id")),
        ["6", "7", undefined]
      )
      assert.deepStrictEqual(
        [
          requests[0]?.method,
          requests[0]?.header("accept"),
          requests[0]?.header("cache-control"),
          requests[1]?.header("x-own")
        ],
        ["GET", "text/event-stream", "no-cache", "1"]
      )
    })
  )

  it.scopedLive("continues after an id that no header can hold, and refuses such an id of the caller", () =>
    Effect.gen(function* () {
      const server = yield* Peer.server([
        Peer.plays(Peer.head, Peer.send(head() + chunk("id: a\u0001b\ndata: a\n\n") + end), Peer.fin),
        Peer.plays(Peer.head, Peer.send(head() + chunk("data: b\n\n") + end), Peer.fin),
        Peer.plays(Peer.head, Peer.respond(204))
      ])
      const reconnect = Schedule.recurs(5)
      assert.deepStrictEqual(yield* using(collected(Sse.connect(server.url, { reconnect }))), ["a", "b"])
      assert.deepStrictEqual(
        (yield* server.requests).map((request) => request.header("last-event-id")),
        [undefined, undefined, undefined]
      )
      const exit = yield* Effect.exit(using(collected(Sse.connect(server.url, { lastEventId: "a\u0001b" }))))
      assert.strictEqual(failure(exit)._tag, "InvalidRequest")
    })
  )

  it.scoped("waits 3 seconds, or the time that the server sent", () =>
    Effect.gen(function* () {
      const server = yield* Peer.server([
        Peer.plays(Peer.head, Peer.send(`${head()}${chunk("data: a\n\n")}${end}`), Peer.fin),
        Peer.plays(Peer.head, Peer.send(`${head()}${chunk("retry: 20000\ndata: b\n\n")}${end}`), Peer.fin),
        Peer.plays(Peer.head, Peer.respond(204))
      ])
      const seen: Array<string> = []
      yield* using(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Stream.runForEach(Sse.connect(server.url), ({ data }) => Effect.sync(() => seen.push(data)))
          )
          yield* until(() => seen.length === 1)
          yield* sleeping(3000)
          yield* TestClock.adjust("2999 millis")
          yield* turns(20)
          assert.strictEqual(yield* server.accepted, 1)
          yield* TestClock.adjust("1 millis")
          yield* until(() => seen.length === 2)
          yield* sleeping(20_000)
          yield* TestClock.adjust("19999 millis")
          yield* turns(20)
          assert.strictEqual(yield* server.accepted, 2)
          yield* TestClock.adjust("1 millis")
          yield* Fiber.join(fiber)
          assert.deepStrictEqual(seen, ["a", "b"])
        })
      )
    })
  )

  it.scoped("waits 100 ms if the server sent less", () =>
    Effect.gen(function* () {
      const server = yield* Peer.server([
        Peer.plays(Peer.head, Peer.send(`${head()}${chunk("retry: 0\ndata: a\n\n")}${end}`), Peer.fin),
        Peer.plays(Peer.head, Peer.respond(204))
      ])
      const seen: Array<string> = []
      yield* using(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Stream.runForEach(Sse.connect(server.url), ({ data }) => Effect.sync(() => seen.push(data)))
          )
          yield* until(() => seen.length === 1)
          yield* sleeping(100)
          yield* TestClock.adjust("99 millis")
          yield* turns(20)
          assert.strictEqual(yield* server.accepted, 1)
          yield* TestClock.adjust("1 millis")
          yield* Fiber.join(fiber)
        })
      )
    })
  )

  it.scoped("treats a silent connection as dead, and comments keep it alive", () =>
    Effect.gen(function* () {
      const comment = yield* Deferred.make<void>()
      const server = yield* Peer.server([
        (peer) =>
          Effect.gen(function* () {
            yield* peer.head
            yield* peer.send(head() + chunk("data: a\n\n"))
            yield* Deferred.await(comment)
            yield* peer.send(chunk(": still here\n"))
            yield* peer.inbox.takeEnd
          })
      ])
      let chunks = 0
      const counting = Tracing.traceConfig({ onResponseChunkReceived: () => Effect.sync(() => void chunks++) })
      yield* Effect.provide(
        Effect.gen(function* () {
          const first = yield* Deferred.make<void>()
          const fiber = yield* Effect.fork(
            Effect.exit(
              Stream.runForEach(Sse.connect(server.url, { idleTimeout: "10 seconds", reconnect: false }), () =>
                Deferred.succeed(first, undefined)
              )
            )
          )
          yield* Deferred.await(first)
          yield* TestClock.adjust("9 seconds")
          yield* Deferred.succeed(comment, undefined)
          yield* until(() => chunks === 2)
          yield* TestClock.adjust("9999 millis")
          assert.isNull(fiber.unsafePoll())
          yield* TestClock.adjust("1 millis")
          const error = failure(yield* Fiber.join(fiber))
          assert.deepStrictEqual([error._tag, "timeout" in error && error.timeout], ["SocketTimeoutError", "body"])
        }),
        Session.layer({ traceConfigs: [counting] })
      )
    })
  )

  it.scopedLive("passes each break to the schedule, which restarts with an event", () =>
    Effect.gen(function* () {
      const broken = Peer.plays(Peer.head, Peer.fin)
      // A connection that ends without a byte is followed by another one at once.
      const server = yield* Peer.server([
        broken,
        broken,
        Peer.plays(Peer.head, Peer.send(head() + chunk("data: a\n\n")), Peer.fin),
        broken,
        broken,
        broken,
        broken
      ])
      const errors: Array<string> = []
      const schedule = Schedule.intersect(
        Schedule.recurs(1),
        Schedule.tapInput(Schedule.forever, (error: { readonly _tag: string }) =>
          Effect.sync(() => errors.push(error._tag))
        )
      )
      const seen: Array<string> = []
      const exit = yield* using(
        Effect.exit(
          Stream.runForEach(Sse.connect(server.url, { reconnect: schedule }), ({ data }) =>
            Effect.sync(() => seen.push(data))
          )
        )
      )
      assert.deepStrictEqual(seen, ["a"])
      assert.strictEqual(failure(exit)._tag, "ServerDisconnectedError")
      assert.deepStrictEqual(errors, ["ServerDisconnectedError", "ClientPayloadError", "ServerDisconnectedError"])
    })
  )

  it.scopedLive("ends with the response if it does not reconnect, which a POST never does by itself", () =>
    Effect.gen(function* () {
      const reply = head(200, "text/event-stream", ["Connection: close"]) + chunk("data: a\n\n") + end
      const play = Peer.plays(Peer.request, Peer.send(reply), Peer.fin)
      const server = yield* Peer.server([play, play])
      const both = yield* using(
        Effect.all([
          collected(Sse.connect(server.url, { reconnect: false })),
          collected(Sse.connect(server.url, { method: "POST", json: { prompt: "x" } }))
        ])
      )
      assert.deepStrictEqual(both, [["a"], ["a"]])
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map(({ body, method }) => [method, body]),
        [
          ["GET", ""],
          ["POST", '{"prompt":"x"}']
        ]
      )
    })
  )

  const refusals: ReadonlyArray<readonly [what: string, reply: string, tag: string]> = [
    ["status 404", Peer.response(404, "no"), "ClientResponseError"],
    ["status 500", Peer.response(500), "ClientResponseError"],
    ["status 201", Peer.response(201, "", ["Content-Type: text/event-stream"]), "ClientResponseError"],
    ["another media type", Peer.response(200, "{}", ["Content-Type: application/json"]), "ContentTypeError"]
  ]
  for (const [what, reply, tag] of refusals) {
    it.scopedLive(`fails on ${what} and does not try again`, () =>
      Effect.gen(function* () {
        const play = Peer.plays(Peer.head, Peer.send(reply))
        const server = yield* Peer.server([play, play])
        const exit = yield* using(Effect.exit(Stream.runDrain(Sse.connect(server.url))))
        assert.strictEqual(failure(exit)._tag, tag)
        assert.strictEqual((yield* server.requests).length, 1)
      })
    )
  }

  const large: ReadonlyArray<readonly [what: string, body: string, reason: string]> = [
    ["a line", `data: ${"x".repeat(200)}`, "LineTooLong"],
    ["an event", `data: ${"x".repeat(60)}\n`.repeat(3), "TooLarge"]
  ]
  for (const [what, body, reason] of large) {
    it.scopedLive(`refuses ${what} that is too long and does not try again`, () =>
      Effect.gen(function* () {
        const play = Peer.plays(Peer.head, Peer.send(head() + chunk(body)), Peer.stall)
        const server = yield* Peer.server([play, play])
        const exit = yield* using(Effect.exit(Stream.runDrain(Sse.connect(server.url, { maxEventSize: 100 }))))
        const error = failure(exit)
        assert.deepStrictEqual([error._tag, "reason" in error && error.reason], ["ClientPayloadError", reason])
        assert.strictEqual(yield* server.accepted, 1)
      })
    )
  }

  it.scopedLive("closes its connection at once when the stream ends early or is interrupted", () =>
    Effect.gen(function* () {
      const play = Peer.plays(Peer.head, Peer.send(head() + chunk("data: a\n\n")), Peer.stall)
      const server = yield* Peer.server([play, play])
      yield* using(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* collected(Stream.take(Sse.connect(server.url), 1)), ["a"])
          const closed = until(() => Effect.map(server.connections, (open) => open === 0))
          const early = yield* timed(closed)
          const seen = yield* Deferred.make<void>()
          const fiber = yield* Effect.fork(
            Stream.runForEach(Sse.connect(server.url), () => Deferred.succeed(seen, undefined))
          )
          yield* Deferred.await(seen)
          const interrupted = yield* timed(Effect.zipRight(Fiber.interrupt(fiber), closed))
          // Draining a body to save the connection takes 200 ms.
          assert.isBelow(early.active, 150)
          assert.isBelow(interrupted.active, 150)
        })
      )
    })
  )
})

describe("decode", () => {
  const event = (name: string, data: string): Sse.Event => ({ event: name, data, id: Option.none() })
  const schemas = {
    delta: Schema.parseJson(Schema.Struct({ text: Schema.String })),
    ping: Schema.String
  }

  it.effect("decodes events with a schema and leaves out the others", () =>
    Effect.gen(function* () {
      const events = Stream.make(event("delta", '{"text":"a"}'), event("toString", "x"), event("ping", "now"))
      const got = yield* Stream.runCollect(Sse.decode(schemas)(events))
      assert.deepStrictEqual(Chunk.toReadonlyArray(got), [
        { event: "delta", data: { text: "a" }, id: Option.none() },
        { event: "ping", data: "now", id: Option.none() }
      ])
    })
  )

  it.effect("fails on data that does not match its schema", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Stream.runDrain(Sse.decode(schemas)(Stream.make(event("delta", "{}")))))
      assert.isTrue(ParseResult.isParseError(failure(exit)))
    })
  )
})
