/** Options of a wrong type, as programs in JavaScript can pass them. */
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Effect, Exit, Layer } from "effect"
import type { RequestOptions } from "effect-http-session/ClientRequest"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Session from "effect-http-session/Session"
import * as Tracing from "effect-http-session/Tracing"

/** An option, values of wrong types, and the text of the error. */
type Row = readonly [option: string, expected: string, ...values: ReadonlyArray<readonly [value: unknown, got: string]>]

const common: ReadonlyArray<Row> = [
  [
    "middlewares",
    "an array of functions",
    [5, "a number"],
    ["x", "a string"],
    [{}, "an object"],
    [null, "null"],
    [(_: unknown) => _, "a function"],
    [new Set(), "an object"],
    [[5], "a number at index 0"],
    [[(_: unknown) => _, undefined], "undefined at index 1"]
  ],
  ["headers", "", [5, ""], ["x", ""], [null, ""], [[5], ""]],
  ["cookies", "", [5, ""], ["x", ""], [null, ""], [[5], ""]],
  [
    "skipAutoHeaders",
    "an iterable of header names",
    ["user-agent", "a string"],
    [5, "a number"],
    [{}, "an object"],
    [null, "null"]
  ],
  ["raiseForStatus", "a boolean or a function", [1, "a number"], ["true", "a string"], [[], "an array"]],
  ["onRedirect", "a function", [5, "a number"], [true, "a boolean"]],
  ["auth", "credentials of Auth, or false", ["user:s3cr3t-1", "a string"], [true, "a boolean"], [{}, "an object"]],
  ["proxyAuth", "credentials of Auth", ["user:s3cr3t-1", "a string"], [{}, "an object"]],
  ["proxyHeaders", "a record or pairs", ["x", "a string"]],
  ["autoDecompress", "a boolean", ["false", "a string"]],
  ["timeout", "", ["soon", ""], [true, ""], [null, ""], [[1], ""], [{ total: "soon" }, ""]],
  ["maxBodySize", "", ["1", ""], [Number.NaN, ""]]
]

const ofSession: ReadonlyArray<Row> = [
  ...common,
  [
    "traceConfigs",
    "an array of configs of Tracing.traceConfig or Tracing.metrics",
    [5, "a number"],
    [null, "null"],
    [Tracing.traceConfig({}), "an object"],
    [["x"], "a string at index 0"]
  ],
  ["fallbackCharset", "a string or a function", [5, "a number"]],
  ["jsonSerialize", "a function", ["x", "a string"]],
  ["spans", "an object, or false", [true, "a boolean"]],
  ["trustEnv", "a boolean", ["true", "a string"]],
  ["requoteRedirectUrl", "a boolean", [0, "a number"]],
  ["baseUrl", "", [5, ""], ["/x", ""], ["ws://a.test/", ""], ["http://a.test/?a", ""], ["http://a.test/x", ""]],
  ["version", "", [1.1, ""], ["3", ""]]
]

const ofRequest: ReadonlyArray<Row> = [
  ...common,
  ["onProgress", "a function", [5, "a number"]],
  ["urlTemplate", "a string", [5, "a number"]],
  ["allowRedirects", "a boolean", [1, "a number"]],
  ["chunked", "a boolean", ["x", "a string"]],
  ["encoded", "a boolean", ["x", "a string"]],
  ["expect100", "a boolean", ["x", "a string"]],
  ["maxRedirects", "", ["x", ""]],
  ["params", "", [5, ""]]
]

/** As JavaScript passes it. */
const unchecked = <O>(option: string, value: unknown): O => ({ [option]: value }) as O

const startOf = ([option, expected]: Row, got: string): string =>
  expected === "" ? `Invalid option "${option}": ` : `Invalid option "${option}": expected ${expected}, got ${got}`

const services = Layer.merge(
  Connector.layerMock(() => new Response("ok")),
  CookieJar.layer()
)

const messageOf = (exit: Exit.Exit<unknown, unknown>, kind: "defect" | "failure"): string => {
  if (Exit.isSuccess(exit)) return "Success"
  const errors = kind === "defect" ? Cause.defects(exit.cause) : Cause.failures(exit.cause)
  const [error] = errors
  return error instanceof Error ? error.message : `no ${kind}: ${Cause.pretty(exit.cause)}`
}

const shownValue = (value: unknown): string => (typeof value === "function" ? "a function" : inspect(value))

describe("a session with an option of a wrong type", () => {
  for (const row of ofSession) {
    const [option, , ...values] = row
    for (const [value, got] of values) {
      it.effect(`is a defect when it is constructed: ${option}: ${shownValue(value)}`, () =>
        Effect.gen(function* () {
          const options = unchecked<Session.SessionOptions>(option, value)
          const made = yield* Effect.exit(Effect.scoped(Session.make(options)))
          const message = messageOf(made, "defect")
          assert.isTrue(message.startsWith(startOf(row, got)), message)
          assert.notInclude(message, "s3cr3t")
          const session = yield* Session.make({ headers: { "x-a": "1" }, timeout: "1 second" })
          const derived = messageOf(yield* Effect.exit(Effect.sync(() => session.with(options))), "defect")
          assert.strictEqual(derived, message)
        }).pipe(Effect.scoped, Effect.provide(services))
      )
    }
  }

  it.effect("is a ConfigError of layerConfig", () =>
    Effect.gen(function* () {
      const options = unchecked<Session.LayerOptions>("middlewares", 5)
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Session.layerConfig(Config.succeed(options)))))
      assert.include(
        messageOf(exit, "failure"),
        'Invalid option "middlewares": expected an array of functions, got a number'
      )
    })
  )
})

describe("a request with an option of a wrong type", () => {
  for (const row of ofRequest) {
    const [option, , ...values] = row
    for (const [value, got] of values) {
      it.effect(`fails with InvalidRequest, and its session closes at once: ${option}: ${shownValue(value)}`, () =>
        Effect.gen(function* () {
          const session = yield* Session.make()
          const options = unchecked<RequestOptions>(option, value)
          const get = ClientResponse.text(session.get("http://a.test/", options))
          const made = Effect.flatMap(ClientRequest.make("GET", "http://a.test/", options), (request) =>
            ClientResponse.text(session.execute(request))
          )
          const current = { headers: { "x-a": "1" } }
          for (const run of [
            get,
            made,
            Session.withRequestOptions(get, current),
            Session.withRequestOptions(ClientResponse.text(session.get("http://a.test/")), options)
          ]) {
            const exit = yield* Effect.exit(run)
            const [error] = Exit.isFailure(exit) ? Cause.failures(exit.cause) : []
            assert.deepInclude(error, { _tag: "InvalidRequest" }, String(exit))
            const message = messageOf(exit, "failure")
            assert.isTrue(message.startsWith(startOf(row, got)), message)
            assert.notInclude(message, "s3cr3t")
          }
          const closing = yield* Effect.fork(session.close)
          yield* Effect.yieldNow().pipe(Effect.repeatN(50))
          assert.isNotNull(closing.unsafePoll())
        }).pipe(Effect.scoped, Effect.provide(services))
      )
    }
  }
})
