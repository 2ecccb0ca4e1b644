import { Readable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Stream } from "effect"
import { readableStream } from "../../../../src/internal/request/body/readableStream.js"
import { turn } from "../../../support/wait.js"

const collect = (readable: Readable) => Effect.map(Stream.runCollect(readableStream(readable)), Chunk.toReadonlyArray)

describe("readableStream", () => {
  it.live("passes every chunk of a stream that is slow, fast, empty or of objects", () =>
    Effect.gen(function* () {
      async function* slow() {
        for (const part of ["a", "b", "c"]) {
          await new Promise((resolve) => setImmediate(resolve))
          yield part
        }
      }
      assert.deepStrictEqual(yield* collect(Readable.from(slow())), ["a", "b", "c"])
      assert.deepStrictEqual(yield* collect(Readable.from([{ a: 1 }, { b: 2 }])), [{ a: 1 }, { b: 2 }])
      assert.deepStrictEqual(yield* collect(Readable.from([])), [])
      const bytes = Buffer.alloc(300_000, "x")
      const large = yield* collect(Readable.from([bytes], { objectMode: false }))
      assert.isTrue(Buffer.concat(large.filter((chunk) => chunk instanceof Uint8Array)).equals(bytes))
    })
  )

  it.live("fails with the error of the stream, even if it occurs before or between two pulls", () =>
    Effect.gen(function* () {
      const cause = new Error("broken")
      const before = new Readable({ read() {} }).on("error", () => {})
      before.destroy(cause)
      assert.strictEqual(yield* Effect.flip(collect(before)), cause)
      const later = new Readable({ read() {} })
      later.push("a")
      const reading = readableStream(later).pipe(
        Stream.mapEffect(() =>
          Effect.zipRight(
            Effect.sync(() => later.destroy(cause)),
            turn
          )
        ),
        Stream.runDrain
      )
      assert.strictEqual(yield* Effect.flip(reading), cause)
    })
  )

  it.live("fails if the stream is destroyed before its end", () =>
    Effect.gen(function* () {
      const readable = new Readable({ read() {} })
      readable.push("a")
      const fiber = yield* Effect.fork(Effect.flip(collect(readable)))
      yield* turn
      readable.destroy()
      assert.instanceOf(yield* Fiber.join(fiber), Error)
    })
  )

  it.live("destroys the stream, and leaves one listener, if it is interrupted or ends early", () =>
    Effect.gen(function* () {
      const silent = new Readable({ read() {} })
      const fiber = yield* Effect.fork(collect(silent))
      yield* turn
      yield* Fiber.interrupt(fiber)
      assert.isTrue(silent.destroyed)
      assert.strictEqual(silent.listenerCount("readable") + silent.listenerCount("end"), 0)
      const endless = new Readable({ read: () => void endless.push("a") })
      yield* Stream.runDrain(Stream.take(readableStream(endless), 3))
      assert.isTrue(endless.destroyed)
    })
  )
})
