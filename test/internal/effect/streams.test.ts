import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Pull, pullOf, pullStream } from "../../../src/internal/effect/pullStream.js"
import { collect, mapPieces, repeated, unfold } from "../../../src/internal/effect/streams.js"

const all = <A, E>(stream: Stream.Stream<A, E>) => Effect.map(Stream.runCollect(stream), (values) => Array.from(values))

describe("Streams", () => {
  it.effect("are the values of a pull until it fails with None", () => {
    const pieces: Array<ReadonlyArray<number>> = [[1, 2], [3]]
    const pull: Pull<number, never> = Effect.suspend(() => {
      const piece = pieces.shift()
      return piece === undefined ? Effect.fail(Option.none()) : Effect.succeed(piece)
    })
    return Effect.map(all(pullStream(pull)), (values) => assert.deepStrictEqual(values, [1, 2, 3]))
  })

  it.scoped("are pulled to their end", () =>
    Effect.gen(function* () {
      const pull = yield* pullOf(Stream.fromIterable([1, 2]))
      assert.deepStrictEqual(yield* pull, [1, 2])
      assert.deepStrictEqual(yield* Effect.flip(pull), Option.none())
    })
  )

  it.effect("end when an unfolded state has no value, and when a repeated effect ends them", () =>
    Effect.gen(function* () {
      const counted = unfold(0, (count) => (count === 3 ? undefined : [count, count + 1]))
      assert.deepStrictEqual(yield* all(counted), [0, 1, 2])
      let count = 0
      const one = Effect.sync(() => [++count, count === 2] as const)
      assert.deepStrictEqual(yield* all(repeated(one)), [1, 2])
    })
  )

  it.effect("drop values without a result, and keep all values of a larger piece", () =>
    Effect.gen(function* () {
      const source = Stream.fromIterable([1, 2, 3])
      assert.deepStrictEqual(yield* all(collect(source, (n) => (n === 2 ? undefined : n * 10))), [10, 30])
      assert.deepStrictEqual(
        yield* all(mapPieces(source, (values) => values.flatMap((n) => [n, n]))),
        [1, 1, 2, 2, 3, 3]
      )
    })
  )
})
