/** Random requests and random frames of a server: whatever happens, each exchange ends once, and nothing is left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Errors from "effect-http-session/Errors"
import type { RequestBody, RequestSink } from "../../../../src/internal/transport/transport.js"
import {
  data,
  frame,
  goAway,
  headers,
  Pair,
  ping,
  type RecordedExchange,
  type Request,
  rst,
  settings,
  windowUpdate
} from "./support.js"

/** A small generator of numbers, so that a failure names its seed. */
const numbers = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const kib = 1024

const play = (seed: number, hostile: boolean) =>
  Effect.gen(function* () {
    const next = numbers(seed)
    const pick = <A>(all: ReadonlyArray<A>): A => all[next(all.length)]
    const pair = new Pair({ maxConcurrentStreams: 20 })
    const exchanges: Array<RecordedExchange> = []
    const sinks: Array<RequestSink> = []
    const aborted = new Set<RecordedExchange>()
    const streamed: RequestBody = {
      _tag: "Stream",
      length: pick([undefined, 10]),
      replayable: next(2) === 0,
      start: (sink) => {
        sinks.push(sink)
        return { cancel: () => {} }
      }
    }
    const upload = (): Request =>
      pick<Request>([{}, {}, { body: { _tag: "Bytes", bytes: new Uint8Array(next(100_000)) } }, { body: streamed }])
    const id = () => next(exchanges.length + (hostile ? 2 : 0)) * 2 + (hostile && next(50) === 0 ? 2 : 1)
    const limits = () => ({ send: pick([Infinity, 500]), headers: pick([Infinity, 500]), body: pick([Infinity, 500]) })
    const clientSteps: ReadonlyArray<() => void> = [
      () => {
        if (pair.connection.available === 0) return
        exchanges.push(
          pair.request({
            method: "POST",
            ...upload(),
            unread: next(4) === 0,
            expectContinue: next(5) === 0,
            limits: limits()
          })
        )
      },
      () => {
        const exchange = pick(exchanges)
        if (exchange?.connection === undefined || exchange.events.includes("done")) return
        aborted.add(exchange)
        exchange.connection.abort("Error")
      },
      () => pick(exchanges)?.body?.abandon(next(2) === 0),
      () => void pick(sinks)?.write(new Uint8Array(next(10))),
      () => pick(sinks)?.end(),
      () => pick(sinks)?.fail(new Errors.RequestBodyError({ reason: "Source", cause: "x", ...source })),
      () => pair.time.advance(next(400))
    ]
    const status = () => pick([["200"], ["200", "content-length", "5"], ["204"], ["413"], ["103"], ["100"], ["304"]])
    const serverSteps: ReadonlyArray<() => Buffer> = [
      () => headers(id(), [":status", ...status()], next(3) === 0),
      () => headers(id(), [":status", ...status()], next(3) === 0),
      () => data(id(), new Uint8Array(next(3) === 0 ? 0 : next(16 * kib)), next(3) === 0),
      () => data(id(), "hello", next(2) === 0),
      () => frame(0, 8 | next(2), id(), Buffer.concat([Buffer.of(3), Buffer.alloc(next(9)), Buffer.alloc(3)])),
      () => headers(id(), ["x-trailer", "1"], true),
      () => rst(id(), next(14)),
      () => windowUpdate(next(2) === 0 ? 0 : id(), 1 + next(100_000)),
      () => settings([4, next(100_000)]),
      () => settings([3, next(30)], [1, next(5000)]),
      () => ping(next(2) === 0),
      () => (next(10) === 0 ? goAway(id(), pick([0, 0, 2, 11])) : ping())
    ]
    pair.feed(settings([3, 20]))
    for (let step = 0; step < 200 && !pair.connection.closed; step++) {
      if (next(2) === 0) pick(clientSteps)()
      else if (exchanges.length > 0) {
        const bytes = Buffer.concat(Array.from({ length: 1 + next(3) }, () => pick(serverSteps)()))
        const cut = next(bytes.length)
        pair.feed(bytes.subarray(0, cut), bytes.subarray(cut))
      }
      if (next(6) === 0) yield* pair.turn
    }
    yield* pair.turn
    pair.connection.close("Shutdown", () => new Errors.SessionClosedError({ subject: "Connector" }))
    yield* pair.turn
    for (const [index, exchange] of exchanges.entries()) {
      const name = `seed ${seed}, request ${index}: ${exchange.events.join()}`
      const count = (event: string) => exchange.events.filter((each) => each === event).length
      const ends = count("error") + count("done")
      if (aborted.has(exchange)) assert.isAtMost(ends, 1, name)
      else assert.strictEqual(ends, 1, name)
      assert.isAtMost(count("head"), 1, name)
      assert.isAtMost(count("end") + count("bodyError"), 1, name)
    }
    assert.strictEqual(pair.connection.open.size, 0)
    assert.strictEqual(pair.connection.exchanges().length, 0)
    assert.lengthOf(pair.closed, 1)
    assert.strictEqual(pair.time.pending, 0, `deadlines of seed ${seed}`)
    assert.strictEqual(pair.streamEnds.length, exchanges.length)
    for (const sink of sinks) {
      sink.write(new Uint8Array(1))
      sink.end()
    }
    yield* pair.turn
  })

const source = { method: "POST", url: "https://test.example/", host: "test.example", port: 443, attempt: 1 } as const

describe("a connection with random requests and frames", () => {
  for (const hostile of [false, true]) {
    it.effect(`ends each exchange once and leaves nothing${hostile ? ", also with frames of other streams" : ""}`, () =>
      Effect.forEach(
        Array.from({ length: Number(process.env.RANDOM_RUNS ?? 150) }, (_, index) => index),
        (seed) => play(seed * 7919 + 1, hostile),
        { discard: true }
      )
    )
  }
})
