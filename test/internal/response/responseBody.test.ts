import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type { Progress } from "../../../src/ClientRequest.js"
import { BadHttpMessage, type BodyError, ClientPayloadError, SessionClosedError } from "../../../src/Errors.js"
import { turns } from "../../support/stages.js"
import { complete, make } from "./support.js"

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E => {
  if (Exit.isSuccess(exit)) throw new Error("It succeeded")
  const failure = Cause.failureOption(exit.cause)
  if (Option.isNone(failure)) throw new Error(Cause.pretty(exit.cause))
  return failure.value
}

const reasonOf = (error: BodyError): string =>
  error._tag === "ClientPayloadError" ? `${error._tag} ${error.reason}` : error._tag

const joined = (chunks: Chunk.Chunk<Uint8Array>): string => Buffer.concat(Chunk.toReadonlyArray(chunks)).toString()

describe("a body as a whole", () => {
  it("is available at once if it has arrived", () => {
    const response = complete("hello")
    const seen: Array<unknown> = []
    response.collect({ onCollected: (error) => seen.push(error) })
    assert.deepStrictEqual(seen, [undefined])
    assert.deepStrictEqual(Effect.runSync(response.bytes), new TextEncoder().encode("hello"))
    assert.strictEqual(Effect.runSync(response.text), "hello")
  })

  it("does not share its memory with other values", () => {
    const bytes = Effect.runSync(complete("hello").bytes)
    assert.strictEqual(bytes.buffer.byteLength, 5)
    assert.isFalse(Buffer.isBuffer(bytes))
  })

  it.effect("is awaited, and kept", () =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      const fiber = yield* Effect.fork(response.text)
      yield* Effect.yieldNow()
      push("a", "b")
      yield* Effect.yieldNow()
      push("c")
      end()
      assert.strictEqual(yield* Fiber.join(fiber), "abc")
      assert.strictEqual(yield* response.text, "abc")
      assert.strictEqual((yield* response.arrayBuffer).byteLength, 3)
      assert.strictEqual(joined(yield* Stream.runCollect(response.stream)), "abc")
    })
  )

  it.effect("is delivered to all readers that wait for it", () =>
    Effect.gen(function* () {
      const { calls, end, push, response } = make()
      const first = yield* Effect.fork(response.text)
      const second = yield* Effect.fork(response.bytes)
      const third = yield* Effect.fork(response.text)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(third)
      assert.strictEqual(calls.abandoned, 0)
      push("ab")
      end()
      assert.strictEqual(yield* Fiber.join(first), "ab")
      assert.strictEqual((yield* Fiber.join(second)).length, 2)
    })
  )

  it.effect("is abandoned when the last waiting reader is interrupted", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make()
      const fiber = yield* Effect.fork(response.text)
      yield* Effect.yieldNow()
      push("ab")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.abandoned, 1)
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.text))), "ClientPayloadError Released")
    })
  )

  it("is complete in pieces of any size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 40 }),
        fc.boolean(),
        (pieces, readsFirst) => {
          const { end, push, response } = make()
          let done = 0
          if (readsFirst) response.collect({ onCollected: () => done++ })
          push(...pieces)
          end()
          if (!readsFirst) response.collect({ onCollected: () => done++ })
          assert.strictEqual(done, 1)
          assert.deepStrictEqual(Buffer.from(Effect.runSync(response.bytes)), Buffer.concat(pieces))
        }
      ),
      { seed: 1 }
    )
  })

  it.effect("in single bytes uses about its size of memory", () =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      const fiber = yield* Effect.fork(response.bytes)
      yield* Effect.yieldNow()
      const before = process.memoryUsage()
      const one = new Uint8Array([1])
      for (let index = 0; index < 1_000_000; index++) push(one)
      const after = process.memoryUsage()
      end()
      assert.strictEqual((yield* Fiber.join(fiber)).length, 1_000_000)
      assert.isBelow(after.arrayBuffers - before.arrayBuffers, 8 * 1024 * 1024)
    })
  )

  it.effect("fails with the same error on each read", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make({ length: 10 })
      const fiber = yield* Effect.fork(Effect.exit(response.bytes))
      yield* Effect.yieldNow()
      push("abc")
      fail(new ClientPayloadError({ reason: "Incomplete", received: 3, expected: 10 }))
      assert.strictEqual(reasonOf(errorOf(yield* Fiber.join(fiber))), "ClientPayloadError Incomplete")
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.text))), "ClientPayloadError Incomplete")
      assert.strictEqual(
        reasonOf(errorOf(yield* Effect.exit(Stream.runDrain(response.stream)))),
        "ClientPayloadError Incomplete"
      )
    })
  )

  it.effect("fails as incomplete, with the cause, if the connection reports another error", () =>
    Effect.gen(function* () {
      const { fail, response } = make({ length: 10 })
      fail(new BadHttpMessage({ reason: "Framing", description: "", excerpt: "" }))
      const error = errorOf(yield* Effect.exit(response.bytes))
      assert.strictEqual(error._tag, "ClientPayloadError")
      if (error._tag !== "ClientPayloadError") return
      assert.strictEqual(error.reason, "Incomplete")
      assert.strictEqual(error.expected, 10)
      assert.instanceOf(error.cause, BadHttpMessage)
    })
  )

  it.effect("keeps errors of the session", () =>
    Effect.gen(function* () {
      const { fail, response } = make()
      fail(new SessionClosedError({ subject: "Session" }))
      assert.strictEqual(errorOf(yield* Effect.exit(response.bytes))._tag, "SessionClosedError")
    })
  )
})

describe("a response that is released", () => {
  it.effect("abandons the body once, and cannot be read", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make()
      push("ab")
      yield* response.release
      yield* response.release
      assert.strictEqual(calls.abandoned, 1)
      for (const read of [response.bytes, Stream.runDrain(response.stream), response.trailers]) {
        assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(read))), "ClientPayloadError Released")
      }
    })
  )

  it.effect("keeps a body that has arrived completely", () =>
    Effect.gen(function* () {
      const { calls, end, push, response } = make()
      push("ab")
      end()
      yield* response.bytes
      yield* response.release
      assert.strictEqual(yield* response.text, "ab")
      assert.strictEqual(calls.abandoned, 0)
    })
  )

  it.effect("fails concurrent readers", () =>
    Effect.gen(function* () {
      const collecting = make()
      const first = yield* Effect.fork(Effect.exit(collecting.response.bytes))
      const streaming = make()
      const second = yield* Effect.fork(Effect.exit(Stream.runDrain(streaming.response.stream)))
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      collecting.response.releaseNow()
      streaming.response.releaseNow()
      assert.strictEqual(reasonOf(errorOf(yield* Fiber.join(first))), "ClientPayloadError Released")
      assert.strictEqual(reasonOf(errorOf(yield* Fiber.join(second))), "ClientPayloadError Released")
      assert.strictEqual(collecting.calls.abandoned, 1)
      assert.strictEqual(streaming.calls.abandoned, 1)
    })
  )
})

describe("a streamed body", () => {
  it.effect("arrives in order, in pieces of any size", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.uint8Array({ minLength: 1, maxLength: 9000 }), { maxLength: 30 }),
          async (pieces) => {
            const { end, push, response } = make()
            const fiber = Effect.runFork(Stream.runCollect(response.stream))
            for (const [index, piece] of pieces.entries()) {
              push(piece)
              if (index % 3 === 0) await Promise.resolve()
            }
            end()
            const chunks = await Effect.runPromise(Fiber.join(fiber))
            assert.deepStrictEqual(Buffer.concat(Chunk.toReadonlyArray(chunks)), Buffer.concat(pieces))
          }
        ),
        { seed: 2, numRuns: 50 }
      )
    )
  )

  it.effect("pauses the connection only when its buffer is full and no reader pulls", () =>
    Effect.gen(function* () {
      const { body, end, push, response } = make()
      const pull = yield* Effect.scoped(
        Effect.gen(function* () {
          const pull = yield* Stream.toPull(response.stream)
          const piece = new Uint8Array(32 * 1024)
          push(piece)
          yield* pull
          // The queue holds 512 KiB: the connection pauses until the reader pulls.
          const taken: Array<boolean> = []
          for (let index = 0; index < 20; index++) taken.push(...push(piece))
          assert.isTrue(taken.slice(0, 15).every((going) => going))
          assert.isFalse(taken.at(-1))
          const before = body.received
          let size = Chunk.reduce(yield* pull, 0, (sum, chunk) => sum + chunk.length)
          assert.isAtMost(size, 512 * 1024)
          end()
          while (size < before - 32 * 1024) size += Chunk.reduce(yield* pull, 0, (sum, chunk) => sum + chunk.length)
          assert.strictEqual(size, before - 32 * 1024)
          return Option.isNone(errorOf(yield* Effect.exit(pull)))
        })
      )
      assert.isTrue(pull)
    })
  )

  it.effect("that is left early abandons the rest", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make()
      push(new Uint8Array(5000))
      yield* Stream.runDrain(Stream.take(response.stream, 1))
      assert.strictEqual(calls.abandoned, 1)
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.bytes))), "ClientPayloadError Consumed")
    })
  )

  it.effect("that ends does not abandon the rest, and cannot be read again", () =>
    Effect.gen(function* () {
      const { calls, end, push, response } = make()
      push("ab")
      end()
      assert.strictEqual(joined(yield* Stream.runCollect(response.stream)), "ab")
      assert.strictEqual(calls.abandoned, 0)
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.bytes))), "ClientPayloadError Consumed")
      assert.strictEqual(
        reasonOf(errorOf(yield* Effect.exit(Stream.runDrain(response.lines)))),
        "ClientPayloadError Consumed"
      )
    })
  )

  it.effect("can have one reader only", () =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      const first = yield* Effect.fork(Stream.runCollect(response.stream))
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      const second = yield* Effect.exit(Stream.runCollect(response.stream))
      assert.strictEqual(reasonOf(errorOf(second)), "ClientPayloadError Consumed")
      push("ab")
      end()
      assert.strictEqual(joined(yield* Fiber.join(first)), "ab")
    })
  )

  it.effect("delivers the bytes before it broke", () =>
    Effect.gen(function* () {
      const { fail, push, response } = make({ length: 10 })
      push(new Uint8Array(5))
      fail(new ClientPayloadError({ reason: "Incomplete", received: 5, expected: 10 }))
      let seen = 0
      const exit = yield* Effect.exit(
        Stream.runForEach(response.stream, (chunk) => Effect.sync(() => (seen += chunk.length)))
      )
      assert.strictEqual(reasonOf(errorOf(exit)), "ClientPayloadError Incomplete")
      assert.strictEqual(seen, 5)
    })
  )

  it.effect("that is interrupted abandons the rest", () =>
    Effect.gen(function* () {
      const { calls, response } = make()
      const fiber = yield* Effect.fork(Stream.runDrain(response.stream))
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.abandoned, 1)
    })
  )
})

describe("maxBodySize", () => {
  it.effect("refuses a length before a byte is read", () =>
    Effect.gen(function* () {
      const { calls, response } = make({ length: 11, settings: { maxBodySize: 10 } })
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.bytes))), "ClientPayloadError TooLarge")
      assert.strictEqual(calls.abandoned, 1)
    })
  )

  it.effect("refuses a body without a length when it is too large", () =>
    Effect.gen(function* () {
      const { calls, push, response } = make({ settings: { maxBodySize: 10 } })
      push("0123456789", "0")
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.bytes))), "ClientPayloadError TooLarge")
      assert.strictEqual(calls.abandoned, 1)
    })
  )

  it.effect("accepts a body of exactly the limit", () =>
    Effect.gen(function* () {
      const response = complete("0123456789", { length: 10, settings: { maxBodySize: 10 } })
      assert.strictEqual(yield* response.text, "0123456789")
    })
  )

  it.effect("applies to streams", () =>
    Effect.gen(function* () {
      const { push, response } = make({ settings: { maxBodySize: 10 } })
      push("0123456789", "0")
      const exit = yield* Effect.exit(Stream.runDrain(response.stream))
      assert.strictEqual(reasonOf(errorOf(exit)), "ClientPayloadError TooLarge")
    })
  )
})

describe("progress and watchers", () => {
  it.effect("report each step of a body, read as a whole or streamed", () =>
    Effect.gen(function* () {
      for (const read of ["bytes", "stream"] as const) {
        const seen: Array<Progress> = []
        const { end, push, response } = make({
          length: 6,
          settings: { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) }
        })
        const fiber = yield* Effect.fork(read === "bytes" ? response.bytes : Stream.runDrain(response.stream))
        yield* Effect.yieldNow()
        yield* Effect.yieldNow()
        push("abc")
        // All bytes of one turn of the event loop are one step.
        yield* turns(2)
        push("def")
        end()
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          seen.map(({ direction, total, transferred }) => [direction, transferred, Option.getOrNull(total)]),
          [
            ["download", 3, 6],
            ["download", 6, 6]
          ],
          read
        )
      }
    })
  )

  it.effect("abandon the body if a read with progress is interrupted", () =>
    Effect.gen(function* () {
      const { calls, response } = make({ settings: { onProgress: () => Effect.void } })
      const fiber = yield* Effect.fork(response.bytes)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.abandoned, 1)
    })
  )

  it.effect("pass copies of all pieces and one end to watchers", () =>
    Effect.gen(function* () {
      const pieces: Array<string> = []
      const ends: Array<unknown> = []
      const { end, push, response } = make({
        watch: {
          chunk: (bytes) => pieces.push(Buffer.from(bytes).toString()),
          end: (received, decoded, error) => ends.push([received, decoded, error])
        }
      })
      const fiber = yield* Effect.fork(response.bytes)
      yield* Effect.yieldNow()
      push("ab", "cd")
      end()
      yield* Fiber.join(fiber)
      response.releaseNow()
      assert.deepStrictEqual(pieces, ["ab", "cd"])
      assert.deepStrictEqual(ends, [[4, 4, undefined]])
    })
  )
})

describe("the trailers of a body", () => {
  it.effect("wait for the body and keep its bytes", () =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      push("ab")
      end([
        ["X-Sum", "1"],
        ["x-sum", "2"]
      ])
      const trailers = yield* response.trailers
      assert.strictEqual(trailers["x-sum"], "1, 2")
      assert.strictEqual(yield* response.text, "ab")
    })
  )

  it.effect("are available after a stream, and not before its end", () =>
    Effect.gen(function* () {
      const { end, push, response } = make()
      push("ab")
      const pull = yield* Effect.forkScoped(Stream.runDrain(response.stream))
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      assert.strictEqual(reasonOf(errorOf(yield* Effect.exit(response.trailers))), "ClientPayloadError Consumed")
      end([["x", "1"]])
      yield* Fiber.join(pull)
      assert.strictEqual((yield* response.trailers).x, "1")
    }).pipe(Effect.scoped)
  )
})
