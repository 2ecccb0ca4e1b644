import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { Timeouts } from "effect-http-session"
import * as Limits from "../../src/internal/limits.js"

const fiveMinutes = 300_000

const standard: Limits.Limits = {
  total: fiveMinutes,
  connect: Infinity,
  poolWait: Infinity,
  dns: Infinity,
  socketConnect: 30_000,
  proxy: Infinity,
  tls: Infinity,
  send: Infinity,
  headers: Infinity,
  body: Infinity,
  streamed: fiveMinutes
}

describe("limits", () => {
  const given: ReadonlyArray<readonly [string, Timeouts.Input | undefined, Partial<Limits.Limits>]> = [
    ["nothing", undefined, {}],
    ["an empty record", {}, {}],
    ["undefined limits", { total: undefined, body: undefined, socketConnect: undefined }, {}],
    ["a number is milliseconds and total", 1500, { total: 1500 }],
    ["a string is total", "2 seconds", { total: 2000 }],
    ["a Duration is total", Duration.seconds(3), { total: 3000 }],
    ["seconds and nanoseconds are total", [1, 500_000_000], { total: 1500 }],
    ["nanoseconds as bigint are total", 2_000_000n, { total: 2 }],
    ["zero runs out at once", { total: 0, body: 0 }, { total: 0, body: 0 }],
    [
      "each by its name",
      {
        total: 1,
        connect: 2,
        poolWait: 3,
        dns: 4,
        socketConnect: 5,
        proxy: 6,
        tls: 7,
        send: 8,
        headers: 9,
        body: 10
      },
      { total: 1, connect: 2, poolWait: 3, dns: 4, socketConnect: 5, proxy: 6, tls: 7, send: 8, headers: 9, body: 10 }
    ],
    [
      "total off bounds the waits that it would have covered",
      Infinity,
      { total: Infinity, connect: fiveMinutes, send: fiveMinutes, headers: fiveMinutes, body: fiveMinutes }
    ],
    [
      "total off keeps the given limits, Infinity included",
      { total: Infinity, connect: "1 second", body: Infinity, send: Duration.infinity },
      { total: Infinity, connect: 1000, send: Infinity, headers: fiveMinutes, body: Infinity }
    ],
    ["the default total leaves a streamed body to its own limit", { body: 10 }, { body: 10, streamed: 10 }],
    ["a streamed body can be unbounded", { body: Infinity }, { streamed: Infinity }],
    ["one TCP connect can be unbounded", { socketConnect: Infinity }, { socketConnect: Infinity }]
  ]
  for (const [name, input, expected] of given) {
    it(`resolve ${name}`, () => {
      assert.deepStrictEqual(Limits.resolve(Limits.toTimeouts(input)), {
        ...standard,
        ...(expected.total === undefined ? undefined : { streamed: undefined }),
        ...expected
      })
    })
  }

  it("of a request replace those of the session one by one", () => {
    const session = Limits.toTimeouts({ total: "10 seconds", body: "1 second", dns: "2 seconds" })
    const request = Limits.toTimeouts({ body: "5 seconds", total: undefined })
    assert.deepStrictEqual(Limits.resolve(Limits.merge(session, request)), {
      ...standard,
      total: 10_000,
      body: 5000,
      dns: 2000,
      streamed: undefined
    })
  })

  it("of a request with one duration keep the other limits of the session", () => {
    const merged = Limits.merge({ body: "1 second", total: "10 seconds" }, Limits.toTimeouts("3 seconds"))
    assert.deepStrictEqual(Limits.resolve(merged), { ...standard, total: 3000, body: 1000, streamed: undefined })
  })

  it("of a request can disable the total of the session, and phases remain limited", () => {
    const merged = Limits.merge({ total: "10 seconds", headers: "1 second" }, { total: Infinity })
    assert.deepStrictEqual(Limits.resolve(merged), {
      ...standard,
      total: Infinity,
      connect: fiveMinutes,
      send: fiveMinutes,
      headers: 1000,
      body: fiveMinutes,
      streamed: undefined
    })
  })
})
