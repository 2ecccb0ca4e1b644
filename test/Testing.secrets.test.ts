/** Mocks, cassettes and signals show no secret; a mock closes once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KeyValueStore, Error as PlatformError } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Logger, LogLevel, Option, Redacted } from "effect"
import { ClientResponse, Connector, CookieJar, Middleware, Session, Testing, Tracing } from "effect-http-session"
import { sessionOn } from "./support/stages.js"
import { promptly } from "./support/steps.js"
import { watchedTracer } from "./support/tracers.js"

const over = (handler: Connector.MockHandler, options?: Session.SessionOptions) =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provideMerge(Layer.merge(Connector.layerMock(handler), CookieJar.layer()))
  )

const url = "https://a.example/?access_token=hush"
const link = "<https://u:hush@a.example/?page=2&access_token=hush>; rel=next"
const refresh = "5; url=https://u:hush@a.example/?access_token=hush"

describe("secrets", () => {
  const answers: ReadonlyArray<readonly [string, Record<string, string>]> = [
    ["a cookie without a name", { "set-cookie": "hush; Path=/" }],
    ["a link", { link }],
    ["a refresh", { refresh }],
    ["nothing", {}]
  ]
  for (const [what, headers] of answers) {
    it.effect(`are not in a cassette, beside a redacted header: ${what}`, () =>
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "cassette-"))
        const path = join(folder, "tape.json")
        const recorder = Testing.layerRecord(path).pipe(
          Layer.provide(Connector.layerMock(() => new Response("x", { headers }))),
          Layer.provide(NodeFileSystem.layer)
        )
        yield* Session.get(url, { headers: { "x-tenant": Redacted.make("hush") } }).pipe(
          ClientResponse.text,
          Effect.provide(
            Session.layerWithoutDependencies().pipe(Layer.provide([recorder, CookieJar.layer()]), Layer.orDie)
          )
        )
        const tape = readFileSync(path, "utf8")
        rmSync(folder, { recursive: true })
        assert.include(tape, "a.example")
        assert.notInclude(tape, "hush")
      })
    )
  }

  it.effect("are not in the headers that signals show", () =>
    Effect.gen(function* () {
      const [, signals] = yield* Tracing.collect(Session.get(url).pipe(ClientResponse.text)).pipe(
        Effect.provide(over(() => new Response("x", { headers: { link, refresh } })))
      )
      const shown = JSON.stringify(signals)
      assert.include(shown, "page=2")
      assert.notInclude(shown, "hush")
    })
  )

  it.effect("in redacted values are not in spans", () =>
    Effect.gen(function* () {
      const span = yield* Effect.makeSpan("test")
      const attributes: Array<unknown> = []
      const tracer = yield* Effect.tracer
      yield* Session.get(url, { headers: { "X-Tenant": Redacted.make("hush"), "X-Open": "open" } }).pipe(
        ClientResponse.text,
        Effect.provide(over(() => new Response("x"), { spans: { requestHeaders: ["X-Tenant", "x-open"] } })),
        Effect.withTracer(watchedTracer(tracer, ({ attributes: made }) => attributes.push(made))),
        Effect.withParentSpan(span)
      )
      const shown = JSON.stringify(attributes.map((each) => (each instanceof Map ? [...each] : each)))
      assert.include(shown, "open")
      assert.notInclude(shown, "hush")
    })
  )

  it.effect("are not in the report of unmet expectations", () =>
    Effect.gen(function* () {
      const { handler, verify } = yield* Testing.expectations([
        { url, respond: new Response("x") },
        { url: /\?access_token=hush/, respond: new Response("x") }
      ])
      yield* Session.get("https://b.example/?sig=hush").pipe(ClientResponse.text, Effect.provide(over(handler)))
      const error = yield* Effect.flip(verify)
      assert.include(error.message, "a.example")
      assert.notInclude(error.message, "hush")
    })
  )

  it.effect("are not in the cache's log messages about a store that fails", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const refuse = Effect.fail(
        new PlatformError.SystemError({
          reason: "Unknown",
          module: "KeyValueStore",
          method: "set",
          description: "hush"
        })
      )
      const store = KeyValueStore.makeStringOnly({
        get: () => Effect.succeed(Option.none()),
        set: () => refuse,
        remove: () => refuse,
        clear: refuse,
        size: Effect.succeed(0)
      })
      const cache = yield* Effect.provideService(Middleware.cache(), KeyValueStore.KeyValueStore, store)
      const answer = () => new Response("hush", { headers: { "cache-control": "max-age=60" } })
      yield* Session.get(url).pipe(
        ClientResponse.text,
        Effect.provide(over(answer, { middlewares: [cache] })),
        Logger.withMinimumLogLevel(LogLevel.All),
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.map(Logger.jsonLogger, (line) => void lines.push(line))
          )
        )
      )
      const text = lines.join("\n")
      assert.include(text, "cannot write its store")
      assert.include(text, "SystemError")
      assert.notInclude(text, "hush")
    })
  )
})

describe("a mock", () => {
  it.effect("does not accept the error response of fetch", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Session.get(url).pipe(ClientResponse.text, Effect.provide(over(() => Response.error())))
      )
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "Response.error()")
    })
  )

  it.scopedLive("is closed once for concurrent closes", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const context = yield* Layer.build(
        over(() =>
          Deferred.succeed(begun, undefined).pipe(Effect.zipRight(Deferred.await(gate)), Effect.as(new Response("x")))
        )
      )
      const connector = Context.get(context, Connector.Connector)
      const asked = yield* Effect.fork(Effect.provide(Session.get(url).pipe(ClientResponse.text), context))
      yield* Deferred.await(begun)
      const one = yield* Effect.fork(connector.close)
      yield* Effect.yieldNow()
      const two = yield* Effect.fork(connector.close)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(asked), "x")
      yield* promptly(Effect.zipRight(Fiber.join(two), Fiber.join(one)), "the closes", 3000)
    })
  )
})

describe("clearDnsCache", () => {
  it.scopedLive("accepts every spelling of a host", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* Testing.server([
        [
          { _tag: "Expect", what: "head" },
          { _tag: "Send", data: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" }
        ]
      ])
      const { connector, session } = yield* sessionOn({
        resolver: {
          resolve: () =>
            Effect.sync(() => {
              asked++
              return [{ address: "127.0.0.1", family: 4 }] as const
            })
        }
      })
      for (const host of ["Example.TEST", "Bücher.test"]) {
        asked = 0
        const get = session.get(`http://${host}:${server.port}/`).pipe(ClientResponse.text)
        yield* get
        yield* get
        assert.strictEqual(asked, 1)
        yield* connector.clearDnsCache(`${host}/`)
        yield* get
        assert.strictEqual(asked, 1, "what names no host clears no host")
        yield* connector.clearDnsCache(host)
        yield* get
        assert.strictEqual(asked, 2)
      }
    })
  )
})
