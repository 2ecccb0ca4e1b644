/**
 * WebSockets that end while zlib inflates or deflates for them. The program runs in a process of its own, because an
 * exception that nothing catches would end it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { outputOf } from "../support/child.js"

const Result = Schema.parseJson(
  Schema.Struct({
    uncaught: Schema.Array(Schema.String),
    ends: Schema.Array(Schema.Struct({ work: Schema.String, way: Schema.String, outcome: Schema.String })),
    echoed: Schema.Number
  })
)

/** Two rounds of eight: more than the ten jobs that zlib may have at a time. */
const rounds = 2

describe("a WebSocket that ends while zlib works for it", () => {
  it.scopedLive(
    "fails with a typed error on close, timeout, interruption and reset, and throws nothing that ends the process",
    () =>
      Effect.gen(function* () {
        const result = yield* Schema.decode(Result)(yield* outputOf("compressing", [String(rounds)]))
        assert.deepStrictEqual(result.uncaught, [])
        assert.deepStrictEqual(
          result.ends.filter(({ outcome }) => outcome !== "WebSocketError"),
          []
        )
        assert.strictEqual(result.ends.length, rounds * 8)
        assert.strictEqual(result.echoed, 4000, "a WebSocket that is opened afterwards")
      }),
    120_000
  )
})
