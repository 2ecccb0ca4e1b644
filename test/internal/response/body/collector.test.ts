/**
 * A body that is read as a whole: sizes that no array can have, and several readers at once.
 */
import { constants } from "node:buffer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { BodyError } from "../../../../src/Errors.js"
import { ByteBuilder } from "../../../../src/internal/byteBuilder.js"
import { PlainCollector } from "../../../../src/internal/response/body/collector.js"
import type { BodySettings } from "../../../../src/internal/response/response.js"
import { make } from "../support.js"

const reasonOf = (error: BodyError | { readonly _tag: string }): string =>
  error._tag === "ClientPayloadError" && "reason" in error ? error.reason : error._tag

const turns = Effect.repeatN(Effect.yieldNow(), 10)

class Full extends ByteBuilder {
  override bytes(): never {
    throw new RangeError("Array buffer allocation failed")
  }
}

describe("a body that no array can hold", () => {
  const ways: ReadonlyArray<readonly [string, Partial<BodySettings>]> = [
    ["without a limit", {}],
    ["with a limit above it", { maxBodySize: 2 ** 50 }]
  ]
  for (const [name, settings] of ways) {
    it.effect(`is refused because of its Content-Length, ${name}`, () =>
      Effect.gen(function* () {
        const { calls, push, response } = make({ length: constants.MAX_LENGTH + 1, settings })
        push("first")
        assert.strictEqual(reasonOf(yield* Effect.flip(response.bytes)), "TooLarge")
        assert.strictEqual(calls.abandoned, 1)
        assert.strictEqual(reasonOf(yield* Effect.flip(response.text)), "TooLarge")
      })
    )
  }

  it("is refused when it has arrived, and its watcher is notified once", () => {
    const said: Array<unknown> = []
    const error = make().response.abandonTooLarge()
    const collector = new PlainCollector(
      {
        collected: () => said.push("collected"),
        collectedIn: () => said.push("gathered"),
        abandonTooLarge: () => error,
        failed: (failure) => said.push(["failed", failure]),
        bodyError: () => error
      },
      undefined,
      { end: (received, _decoded, failure) => said.push([received, failure]) },
      10
    )
    collector.onChunk(Buffer.alloc(6), 0, 6)
    assert.deepStrictEqual(said, [])
    collector.onChunk(Buffer.alloc(6), 0, 6)
    assert.deepStrictEqual(said, [
      [12, error],
      ["failed", error]
    ])
  })

  it.effect("fails if it does not fit into memory", () =>
    Effect.gen(function* () {
      const { response } = make()
      response.collectedIn(new Full())
      assert.strictEqual(reasonOf(yield* Effect.flip(response.bytes)), "TooLarge")
    })
  )
})

describe("several readers of one body", () => {
  for (const onProgress of [undefined, () => Effect.void]) {
    const name = onProgress === undefined ? "without onProgress" : "with onProgress"
    it.effect(`all get the body, ${name}`, () =>
      Effect.gen(function* () {
        const { end, push, response } = make({ settings: { onProgress } })
        push("hel")
        const readers = yield* Effect.fork(
          Effect.all([response.bytes, response.text, response.text], { concurrency: "unbounded" })
        )
        yield* turns
        push("lo")
        end()
        const [bytes, ...texts] = yield* Fiber.join(readers)
        assert.strictEqual(Buffer.from(bytes).toString(), "hello")
        assert.deepStrictEqual(texts, ["hello", "hello"])
        assert.strictEqual(yield* response.text, "hello")
      })
    )

    it.effect(`are notified of a release, ${name}`, () =>
      Effect.gen(function* () {
        const { calls, push, response } = make({ settings: { onProgress } })
        push("hel")
        const bytes = yield* Effect.fork(Effect.flip(response.bytes))
        const text = yield* Effect.fork(Effect.flip(response.text))
        yield* turns
        yield* response.release
        assert.strictEqual(reasonOf(yield* Fiber.join(bytes)), "Released")
        assert.strictEqual(reasonOf(yield* Fiber.join(text)), "Released")
        assert.strictEqual(calls.abandoned, 1)
      })
    )

    it.effect(`continue when one of them is interrupted, ${name}`, () =>
      Effect.gen(function* () {
        const { end, push, response } = make({ settings: { onProgress } })
        push("hel")
        const first = yield* Effect.fork(response.text)
        yield* turns
        const second = yield* Effect.fork(response.bytes)
        yield* turns
        yield* Fiber.interrupt(second)
        push("lo")
        end()
        assert.strictEqual(yield* Fiber.join(first), "hello")
      })
    )
  }
})
