import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Stream, TestClock } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as Middleware from "effect-http-session/Middleware"
import { disconnected, type Reply, refused, request, script } from "./support.js"

/** A response after so many milliseconds. */
const slow = (millis: number, reply: Reply): Reply =>
  Effect.delay(
    Effect.flatMap(request(), (asked) => script([reply]).next(asked)),
    millis
  )

const begin = (
  options: Parameters<typeof Middleware.hedge>[0],
  replies: ReadonlyArray<Reply>,
  asked: Effect.Effect<ClientRequest.ClientRequest> = request()
) =>
  Effect.gen(function* () {
    const run = script(replies)
    const fiber = yield* Effect.fork(Effect.either(Middleware.hedge(options)(yield* asked, run.next)))
    const after = (millis: number) => Effect.map(TestClock.adjust(millis), () => run.seen.length)
    const result = Effect.map(Fiber.join(fiber), (either) =>
      Either.isRight(either) ? either.right.status : either.left._tag
    )
    return { ...run, after, result, fiber }
  })

describe("hedge", () => {
  it.effect("sends no second request if the first is in time", () =>
    Effect.gen(function* () {
      const run = yield* begin({ after: 100 }, [slow(99, { status: 200 })])
      assert.strictEqual(yield* run.after(99), 1)
      assert.strictEqual(yield* run.result, 200)
      assert.strictEqual(yield* run.after(1000), 1)
    })
  )

  it.effect("returns the faster response and interrupts the other request", () =>
    Effect.gen(function* () {
      const second = yield* begin({ after: 100 }, [slow(1000, { status: 200 }), slow(50, { status: 204 })])
      assert.strictEqual(yield* second.after(99), 1)
      assert.strictEqual(yield* second.after(1), 2)
      yield* second.after(50)
      assert.strictEqual(yield* second.result, 204)
      assert.strictEqual(second.interrupted(), 1)
      const first = yield* begin({ after: 100 }, [slow(120, { status: 200 }), slow(50, { status: 204 })])
      yield* first.after(100)
      yield* first.after(20)
      assert.strictEqual(yield* first.result, 200)
      assert.strictEqual(first.interrupted(), 1)
    })
  )

  it.effect("sends max additional requests, each after the same time", () =>
    Effect.gen(function* () {
      const run = yield* begin({ after: 100, max: 2 }, [Effect.never])
      assert.deepStrictEqual([yield* run.after(100), yield* run.after(99), yield* run.after(1)], [2, 2, 3])
      assert.strictEqual(yield* run.after(10_000), 3)
      yield* Fiber.interrupt(run.fiber)
      assert.strictEqual(run.interrupted(), 3)
    })
  )

  it.effect(
    "fails at once if the first request fails before the second is sent, and otherwise waits for the others",
    () =>
      Effect.gen(function* () {
        const early = yield* begin({ after: 100 }, [refused(), { status: 200 }])
        assert.strictEqual(yield* early.result, "ClientConnectorError")
        assert.strictEqual(early.seen.length, 1)
        const late = yield* begin({ after: 100 }, [
          Effect.delay(Effect.fail(refused()), 150),
          slow(100, { status: 200 })
        ])
        yield* late.after(100)
        yield* late.after(100)
        assert.strictEqual(yield* late.result, 200)
        const both = yield* begin({ after: 100 }, [
          Effect.delay(Effect.fail(refused()), 150),
          Effect.delay(Effect.fail(disconnected()), 100)
        ])
        yield* both.after(100)
        yield* both.after(100)
        assert.strictEqual(yield* both.result, "ClientConnectorError")
      })
  )

  const once = ClientRequest.oneShot(Stream.make(new Uint8Array([1])))
  const rows: ReadonlyArray<readonly [string, ClientRequest.RequestOptions, number]> = [
    ["GET", {}, 2],
    ["HEAD", {}, 2],
    ["OPTIONS", {}, 2],
    ["POST", {}, 1],
    ["PUT", {}, 1],
    ["DELETE", {}, 1],
    ["GET", { data: once }, 1],
    ["GET", { data: "text" }, 2]
  ]
  for (const [method, options, expected] of rows) {
    it.effect(`sends ${expected} requests for ${method} with ${Object.keys(options).join() || "no body"}`, () =>
      Effect.gen(function* () {
        const run = yield* begin({ after: 100 }, [Effect.never], request(method, "http://a.test/", options))
        assert.strictEqual(yield* run.after(1000), expected)
        yield* Fiber.interrupt(run.fiber)
      })
    )
  }
})
