import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as Timeouts from "effect-http-session/Timeouts"

describe("Timeouts.defaults", () => {
  it("are those of aiohttp: 5 minutes in total, 30 seconds for one TCP connect, all others off", () => {
    const millis = Object.fromEntries(
      Object.entries(Timeouts.defaults).map(([name, limit]) => [name, Duration.toMillis(limit)])
    )
    assert.deepStrictEqual(millis, {
      total: 300_000,
      connect: Infinity,
      poolWait: Infinity,
      dns: Infinity,
      socketConnect: 30_000,
      proxy: Infinity,
      tls: Infinity,
      send: Infinity,
      headers: Infinity,
      body: Infinity
    })
  })

  it("accept every form of a duration, by name or alone", () => {
    const inputs: ReadonlyArray<Timeouts.Input> = [
      1500,
      "2 seconds",
      Infinity,
      Duration.millis(3),
      [1, 2],
      5n,
      { total: "1 second", body: undefined, headers: 10 }
    ]
    assert.strictEqual(inputs.length, 7)
    // @ts-expect-error a limit that does not exist
    const wrong: Timeouts.Input = { everything: 1 }
    assert.isDefined(wrong)
  })
})
