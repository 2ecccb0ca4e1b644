/** User tracers and listeners that throw or hang: they miss signals, and requests continue. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, TestClock, type Tracer } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Tracing from "effect-http-session/Tracing"
import { response } from "../support/server.js"
import { sessionWith, site } from "../support/sites.js"
import { promptly } from "../support/steps.js"
import { keepingTracer } from "../support/tracers.js"
import { until } from "../support/wait.js"

/** A tracer that throws at the call with that number, counted over all its spans. */
const throwing = (at: number): { readonly tracer: Tracer.Tracer; readonly calls: () => number } => {
  let calls = 0
  const { tracer } = keepingTracer(() => {
    calls++
    if (calls === at) throw new Error("exporter")
  })
  return { tracer, calls: () => calls }
}

const spans: ReadonlyArray<readonly [name: string, options: Tracing.SpanOptions]> = [
  ["events", { requestHeaders: ["accept"], responseHeaders: ["content-length"] }],
  ["phases", { phases: true }]
]

describe("a tracer that throws", () => {
  for (const [name, options] of spans) {
    it.scopedLive(`at any call does not affect its request: ${name}`, () =>
      Effect.gen(function* () {
        const at = yield* site(({ target }) => response(target === "/500" ? 500 : 200, "body"))
        const whole = throwing(0)
        const warnings: Array<unknown> = []
        const logger = Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void warnings.push(message))
        )
        const run = (tracer: Tracer.Tracer, path: string) =>
          Effect.gen(function* () {
            const { connector, session } = yield* sessionWith({ spans: options })
            const text = session.get(at.to("a.test", path)).pipe(ClientResponse.text)
            for (let again = 0; again < 2; again++) assert.strictEqual(yield* promptly(text, name), "body")
            assert.deepInclude(yield* connector.stats, { acquired: 0, connecting: 0, waiting: 0 })
          }).pipe(Effect.scoped, Effect.withTracer(tracer), Effect.provide(logger))
        for (const path of ["/", "/500"]) {
          const before = whole.calls()
          yield* run(whole.tracer, path)
          const calls = whole.calls() - before
          assert.isAbove(calls, 10)
          for (let call = 1; call <= calls; call++) yield* run(throwing(call).tracer, path)
        }
        assert.isAbove(warnings.length, 20)
        assert.deepStrictEqual([...new Set(warnings.map(String))], ["The tracer threw an exception"])
      })
    )
  }
})

describe("a listener that hangs", () => {
  it.scoped("at the end of a failed request is interrupted at the total limit, or a second later", () =>
    Effect.gen(function* () {
      const received: Array<string> = []
      const config = Tracing.traceConfig({
        onRequestException: (_, __, signal) =>
          Effect.zipRight(
            Effect.sync(() => void received.push(signal._tag)),
            Effect.never
          )
      })
      const { session } = yield* sessionWith({ traceConfigs: [config], timeout: "1 minute" })
      const request = yield* Effect.fork(Effect.flip(session.get("http://127.0.0.1:1/").pipe(ClientResponse.text)))
      yield* until(() => received.length === 1)
      yield* TestClock.adjust("61 seconds")
      const error = yield* promptly(Fiber.join(request), "the request")
      assert.strictEqual(error._tag, "ClientConnectorError")
      assert.deepStrictEqual(received, ["RequestException"])
    })
  )
})
