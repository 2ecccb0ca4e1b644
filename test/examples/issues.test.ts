/** Tests of the recipe "A typed client as a layer", like those of a program that uses it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Connector, Testing } from "effect-http-session"
import { closeIfDone, Issues } from "../../examples/recipes/issues.js"

describe("closeIfDone", () => {
  it.effect("closes an issue whose title says that it is done", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* closeIfDone(7))
      const calls = yield* Effect.flatMap(Connector.MockCalls, (mock) => mock.all)
      assert.deepStrictEqual(
        calls.map(({ request }) => `${request.method} ${request.url}`),
        ["GET https://api.example/v1/issues/7", "PATCH https://api.example/v1/issues/7"]
      )
    }).pipe(Effect.provide(Issues.mock(() => Response.json({ number: 7, title: "Done: rest" }))))
  )

  it.effect("does not close any other issue", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* closeIfDone(8))
      assert.lengthOf(yield* Effect.flatMap(Connector.MockCalls, (mock) => mock.all), 1)
    }).pipe(Effect.provide(Issues.mock(() => Response.json({ number: 8, title: "Work" }))))
  )

  it.effect("fails with the status of the server", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(closeIfDone(9))
      assert.deepInclude(error, { _tag: "ClientResponseError", status: 404 })
    }).pipe(Effect.provide(Issues.mock(() => new Response("", { status: 404 }))))
  )

  it.effect("fails with a ParseError for an issue of another shape", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(closeIfDone(7)))._tag, "ParseError")
    }).pipe(Effect.provide(Issues.mock(() => Response.json({ number: "seven" }))))
  )

  it.effect("fails if the server does not respond in time", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(closeIfDone(7)))
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TotalTimeoutError")
    }).pipe(Effect.provide(Issues.mock(() => Testing.faults.stall)))
  )
})
