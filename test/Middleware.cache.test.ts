/** The cache in a session: revalidation in the background, and concurrent requests. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { ClientRequest, ClientResponse, Connector, CookieJar, Middleware, Session, Testing } from "effect-http-session"

const url = "http://a.test/"

/** Body and Age of a GET. */
const get = (session: Session.SessionService, options?: ClientRequest.RequestOptions) =>
  session
    .get(url, options)
    .pipe(
      ClientResponse.use((response) =>
        Effect.map(response.text, (body) => [body, Option.getOrUndefined(response.header("age"))] as const)
      )
    )

const settle = Effect.yieldNow().pipe(Effect.repeatN(50))

/** A session over a mock, with the cache between other middlewares. */
const sessionOf = (handler: Connector.MockHandler, options: Session.SessionOptions = {}) =>
  Effect.gen(function* () {
    const cache = yield* Middleware.cache()
    const mock = yield* Layer.build(Connector.layerMock(handler))
    const outer: Array<string> = []
    const session = yield* Session.make({
      middlewares: [
        (request, next) => {
          outer.push(request.url)
          return next(ClientRequest.setHeader(request, "x-outer", "1"))
        },
        cache,
        (request, next) => next(ClientRequest.setHeader(request, "x-inner", "1"))
      ],
      ...options
    }).pipe(Effect.provide(mock), Effect.provide(CookieJar.layer()))
    return { session, outer }
  })

const stale = "max-age=10, stale-while-revalidate=20"

describe("stale-while-revalidate", () => {
  const rows: ReadonlyArray<readonly [string, string, number, string, "stale" | "validated" | "cache"]> = [
    ["while the entry is fresh", stale, 9, "", "cache"],
    ["when the entry is stale", stale, 11, "", "stale"],
    ["in the last second of stale-while-revalidate", stale, 30, "", "stale"],
    ["after the time of stale-while-revalidate", stale, 31, "", "validated"],
    ["without the directive", "max-age=10", 11, "", "validated"],
    ["with must-revalidate", `${stale}, must-revalidate`, 11, "", "validated"],
    ["for a request with no-cache", stale, 11, "no-cache", "validated"],
    ["for a request with max-age", stale, 11, "max-age=11", "validated"],
    ["for a request with min-fresh", stale, 11, "min-fresh=1", "validated"],
    ["with an invalid number", "max-age=10, stale-while-revalidate=x", 11, "", "validated"]
  ]
  for (const [name, directives, after, asked, expected] of rows) {
    it.scoped(`gives a response of kind "${expected}" ${name}`, () =>
      Effect.gen(function* () {
        let calls = 0
        const { session } = yield* sessionOf(
          () => new Response(String(++calls), { headers: { "cache-control": directives } })
        )
        yield* get(session)
        yield* TestClock.adjust(`${after} seconds`)
        const [body] = yield* get(session, asked === "" ? {} : { headers: { "cache-control": asked } })
        yield* settle
        const came = calls === 1 ? "cache" : body === "1" ? "stale" : "validated"
        assert.strictEqual(came, expected)
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  }

  it.scoped("answers at once, validates once, and serves the new response from then on", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seen: Array<Headers> = []
      const { outer, session } = yield* sessionOf((request) => {
        seen.push(request.headers)
        if (seen.length === 1) return new Response("old", { headers: { "cache-control": stale, etag: '"a"' } })
        return Effect.as(Deferred.await(gate), new Response("new", { headers: { "cache-control": "max-age=60" } }))
      })
      yield* get(session)
      yield* TestClock.adjust("15 seconds")
      for (let n = 0; n < 3; n++) assert.deepStrictEqual(yield* get(session), ["old", "15"])
      yield* settle
      assert.strictEqual(seen.length, 2)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(yield* get(session), ["new", "0"])
      assert.strictEqual(seen.length, 2)
      // The refresh sends the request as it reached the cache, through the middlewares inside the cache only.
      const sent = seen[1] ?? new Headers()
      assert.deepStrictEqual(
        ["if-none-match", "x-outer", "x-inner"].map((name) => sent.get(name)),
        ['"a"', "1", "1"]
      )
      assert.strictEqual(outer.length, 5)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("refreshes the entry after a 304, and keeps it after a failure, which fails no request", () =>
    Effect.gen(function* () {
      let calls = 0
      const { session } = yield* sessionOf(
        () => {
          calls++
          if (calls === 1) return new Response("body", { headers: { "cache-control": stale, etag: '"a"' } })
          if (calls === 2) return Testing.faults.refused
          return new Response(null, { status: 304, headers: { "cache-control": "max-age=60" } })
        },
        { raiseForStatus: true }
      )
      yield* get(session)
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* get(session), ["body", "15"])
      yield* settle
      assert.deepStrictEqual(yield* get(session), ["body", "15"])
      yield* settle
      assert.deepStrictEqual(yield* get(session), ["body", "0"])
      assert.strictEqual(calls, 3)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("sends no netrc credentials to http behind a redirect from https, like the original request", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "netrc-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const netrc = join(directory, "netrc")
      writeFileSync(netrc, "machine a.test login u password s3cr3t-p\n", { mode: 0o600 })
      const seen: Array<readonly [scheme: string, credentials: boolean]> = []
      const { session } = yield* sessionOf(
        ({ exact }) => {
          const { protocol } = new URL(exact.url)
          seen.push([protocol, Option.isSome(exact.header("authorization"))])
          return protocol === "https:"
            ? new Response(null, { status: 302, headers: { location: url } })
            : new Response("body", { headers: { "cache-control": stale } })
        },
        { trustEnv: true }
      ).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["NETRC", netrc]]))))
      const text = session.get("https://a.test/").pipe(ClientResponse.text)
      assert.strictEqual(yield* text, "body")
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* text, "body")
      yield* settle
      // The validation follows the second request for the redirect, in the background.
      assert.deepStrictEqual(seen, [
        ["https:", true],
        ["http:", false],
        ["https:", true],
        ["http:", false]
      ])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("validates under its own limits, after which the next request validates", () =>
    Effect.gen(function* () {
      let calls = 0
      const { session } = yield* sessionOf(
        () =>
          ++calls === 1
            ? new Response("body", { headers: { "cache-control": "max-age=10, stale-while-revalidate=99" } })
            : Effect.never,
        { timeout: { total: "5 seconds" } }
      )
      yield* get(session)
      yield* TestClock.adjust("15 seconds")
      yield* get(session)
      yield* settle
      yield* get(session)
      yield* settle
      assert.strictEqual(calls, 2)
      yield* TestClock.adjust("5 seconds")
      yield* get(session)
      yield* settle
      assert.strictEqual(calls, 3)
      yield* TestClock.adjust("5 seconds")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("ends with the session, within the time of requests in flight", () =>
    Effect.gen(function* () {
      let calls = 0
      let interrupted = false
      const scope = yield* Scope.make()
      const { session } = yield* sessionOf(() =>
        ++calls === 1
          ? new Response("body", { headers: { "cache-control": stale } })
          : Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      ).pipe(Scope.extend(scope))
      yield* get(session)
      yield* TestClock.adjust("15 seconds")
      yield* get(session)
      yield* settle
      assert.strictEqual(calls, 2)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      assert.isFalse(interrupted)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      assert.isTrue(interrupted)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("concurrent requests", () => {
  it.scoped("are sent once, with a body of many chunks", () =>
    Effect.gen(function* () {
      let calls = 0
      const { session } = yield* sessionOf(() => {
        calls++
        const chunk = new Uint8Array(10_000).fill(120)
        let left = 30
        return new Response(
          new ReadableStream({
            pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close())
          }),
          { headers: { "cache-control": "max-age=60" } }
        )
      })
      const sizes = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.map(get(session), ([body]) => body.length),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(sizes), new Set([300_000]))
      assert.strictEqual(calls, 1)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("give one fiber two responses, of which it may read the second first", () =>
    Effect.gen(function* () {
      let calls = 0
      const { session } = yield* sessionOf(
        () => new Response(`body ${++calls}`, { headers: { "cache-control": "max-age=60" } })
      )
      const bodies = yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* session.get(url)
          const second = yield* session.get(url)
          return [yield* second.text, yield* first.text]
        })
      )
      assert.deepStrictEqual(bodies, ["body 1", "body 1"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("keep their own limits while they wait", () =>
    Effect.gen(function* () {
      const { session } = yield* sessionOf(() => Effect.never)
      const first = yield* Effect.fork(get(session))
      yield* settle
      const second = yield* Effect.fork(Effect.flip(get(session, { timeout: { total: "2 seconds" } })))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(second))._tag, "TotalTimeoutError")
      yield* Fiber.interrupt(first)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scoped("validate a stale response once for all of them", () =>
    Effect.gen(function* () {
      let calls = 0
      const { session } = yield* sessionOf(() => {
        calls++
        return Effect.delay(
          Effect.succeed(new Response(`${calls}`, { headers: { "cache-control": stale } })),
          "1 second"
        )
      })
      const first = yield* Effect.fork(get(session))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      yield* TestClock.adjust("15 seconds")
      const all = yield* Effect.all([get(session), get(session), get(session)], { concurrency: "unbounded" })
      yield* settle
      assert.deepStrictEqual(
        all.map(([body]) => body),
        ["1", "1", "1"]
      )
      assert.strictEqual(calls, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* get(session))[0], "2")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("the Date of a response", () => {
  const start = Date.UTC(2026, 0, 1)
  const rows: ReadonlyArray<readonly [name: string, headers: Record<string, string>, after: number, calls: number]> = [
    [
      "of one hour ago makes a response with max-age=60 stale",
      { date: new Date(start - 3_600_000).toUTCString() },
      0,
      2
    ],
    ["of 61 seconds ago makes it stale", { date: new Date(start - 61_000).toUTCString() }, 0, 2],
    ["of 50 seconds ago keeps it fresh for 9 seconds", { date: new Date(start - 50_000).toUTCString() }, 9, 1],
    ["of 50 seconds ago makes it stale after 11 seconds", { date: new Date(start - 50_000).toUTCString() }, 11, 2],
    ["of now keeps it fresh for 59 seconds", { date: new Date(start).toUTCString() }, 59, 1],
    ["in the future is ignored", { date: new Date(start + 3_600_000).toUTCString() }, 59, 1],
    ["that is not a date is ignored", { date: "yesterday" }, 59, 1],
    ["wins over a smaller Age", { date: new Date(start - 3_600_000).toUTCString(), age: "1" }, 0, 2],
    ["is ignored beside a larger Age", { date: new Date(start - 10_000).toUTCString(), age: "59" }, 2, 2]
  ]
  for (const [name, headers, after, expected] of rows) {
    it.scoped(name, () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(start)
        let calls = 0
        const { session } = yield* sessionOf(
          () => new Response(String(++calls), { headers: { "cache-control": "max-age=60", ...headers } })
        )
        yield* get(session)
        yield* TestClock.adjust(`${after} seconds`)
        yield* get(session)
        assert.strictEqual(calls, expected)
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
    )
  }

  it.scoped("is included in the Age that the cache reports", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start)
      const date = new Date(start - 20_000).toUTCString()
      const { session } = yield* sessionOf(
        () => new Response("a", { headers: { "cache-control": "max-age=60", date } })
      )
      yield* get(session)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* get(session), ["a", "30"])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})
