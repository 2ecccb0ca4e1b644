import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as Middleware from "effect-http-session/Middleware"
import { script } from "../support.js"
import { asks, counting, get, type Headers, memory, reply } from "./requests.js"

describe("cache", () => {
  it.effect("answers with an entry while it is fresh by the Clock", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([["Cache-Control", "max-age=10"]])
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: undefined })
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: "9" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* get(cache, run)).body, "2")
      assert.strictEqual(run.seen.length, 2)
    }).pipe(memory)
  )

  describe("a response one second later", () => {
    const rows: ReadonlyArray<readonly [Headers, boolean, number?]> = [
      [[["Cache-Control", "max-age=60"]], true],
      [[["cache-control", "MAX-AGE=60"]], true],
      [[["Cache-Control", 'max-age="60"']], true],
      [[["Cache-Control", "private, max-age=60"]], true],
      [[["Cache-Control", "max-age=60, must-revalidate"]], true],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "Accept"]
        ],
        true
      ],
      [[["Cache-Control", "max-age=60"]], true, 404],
      [[["Cache-Control", "max-age=60"]], true, 301],
      [
        [
          ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
          ["Expires", "Thu, 01 Jan 1970 00:01:00 GMT"]
        ],
        true
      ],
      // Heuristic freshness: a tenth of the time since Last-Modified.
      [
        [
          ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
          ["Last-Modified", "Wed, 31 Dec 1969 00:00:00 GMT"]
        ],
        true
      ],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Age", "60"]
        ],
        false
      ],
      [[["Cache-Control", "max-age=1"]], false],
      [[["Cache-Control", "max-age=0"]], false],
      [[["Cache-Control", "s-maxage=60"]], false],
      [[["Cache-Control", "no-store, max-age=60"]], false],
      [[["Cache-Control", "no-cache, max-age=60"]], false],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "*"]
        ],
        false
      ],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "Accept, Cookie"]
        ],
        true
      ],
      [[["Cache-Control", "max-age=60"]], false, 206],
      [[["Cache-Control", "max-age=60"]], false, 500],
      [[["Expires", "0"]], false],
      [[], false]
    ]
    for (const [headers, expected, status] of rows) {
      it.effect(
        `is ${expected ? "fresh" : "not fresh"} with status ${status ?? 200} and ${JSON.stringify(headers)}`,
        () =>
          Effect.gen(function* () {
            const cache = yield* Middleware.cache()
            const run = counting(headers, status)
            yield* get(cache, run)
            yield* TestClock.adjust("1 second")
            yield* get(cache, run)
            assert.strictEqual(run.seen.length, expected ? 1 : 2)
          }).pipe(memory)
      )
    }
  })

  describe("a request after a response with max-age=10", () => {
    const rows: ReadonlyArray<readonly [ClientRequest.RequestOptions, Headers, number, "cache" | "server" | "504"]> = [
      [asks("no-cache"), [], 6, "server"],
      [{ headers: { Pragma: "no-cache" } }, [], 6, "server"],
      [asks("no-store"), [], 6, "server"],
      [asks("max-age=5"), [], 6, "server"],
      [asks("max-age=6"), [], 6, "cache"],
      [asks("max-age=0"), [], 6, "server"],
      [asks("min-fresh=4"), [], 6, "cache"],
      [asks("min-fresh=5"), [], 6, "server"],
      [asks("only-if-cached"), [], 6, "cache"],
      [asks("only-if-cached"), [], 11, "504"],
      [asks("max-stale"), [], 99, "cache"],
      [asks("max-stale=5"), [], 15, "cache"],
      [asks("max-stale=5"), [], 16, "server"],
      [asks("max-stale"), [["Cache-Control", "must-revalidate"]], 99, "server"],
      [{ headers: { Range: "bytes=0-1" } }, [], 6, "server"],
      [{ headers: { "If-None-Match": '"x"' } }, [], 6, "server"],
      [{ data: "a body" }, [], 6, "server"]
    ]
    for (const [options, headers, after, expected] of rows) {
      it.effect(
        `gets the ${expected} ${after} seconds later with ${JSON.stringify(options)} and ${JSON.stringify(headers)}`,
        () =>
          Effect.gen(function* () {
            const cache = yield* Middleware.cache()
            const run = counting([["Cache-Control", "max-age=10"], ...headers])
            yield* get(cache, run)
            yield* TestClock.adjust(`${after} seconds`)
            const { status } = yield* get(cache, run, options)
            assert.strictEqual(run.seen.length === 2 ? "server" : status === 504 ? "504" : "cache", expected)
          }).pipe(memory)
      )
    }
  })

  it.effect("does not treat a response as fresh because of immutable (RFC 8246)", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([
        ["Cache-Control", "immutable"],
        ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
        ["Expires", "Thu, 01 Jan 1970 00:01:00 GMT"]
      ])
      yield* get(cache, run)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* get(cache, run)).body, "1")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* get(cache, run)).body, "2")
    }).pipe(memory)
  )

  it.effect("treats an Age that is not a number of seconds as 0 (RFC 9111 section 5.1)", () =>
    Effect.gen(function* () {
      for (const age of ["-3600", "x", "1.5"]) {
        const cache = yield* Middleware.cache()
        const run = counting([
          ["Cache-Control", "max-age=60"],
          ["Age", age]
        ])
        const url = `http://a.test/${age}`
        yield* get(cache, run, undefined, url)
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* get(cache, run, undefined, url)).body, "2", age)
      }
    }).pipe(memory)
  )

  it.effect("counts the age from the time of the request (RFC 9111 section 4.2.3)", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script((asked, index) =>
        Effect.delay(script([reply(String(index + 1), [["Cache-Control", "max-age=60"]])]).next(asked), "50 seconds")
      )
      const slowly = Effect.gen(function* () {
        const fiber = yield* Effect.fork(get(cache, run))
        yield* TestClock.adjust("50 seconds")
        return yield* Fiber.join(fiber)
      })
      yield* slowly
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: "55" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* slowly).body, "2")
    }).pipe(memory)
  )
})
