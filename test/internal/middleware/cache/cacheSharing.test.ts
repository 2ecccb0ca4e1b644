/** The cache with HEAD, concurrent requests and its size limit. */
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, TestClock } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import type * as ClientResponse from "effect-http-session/ClientResponse"
import * as Middleware from "effect-http-session/Middleware"
import { type Reply, refused, request, type Script, script } from "../support.js"

type Headers = ReadonlyArray<readonly [string, string]>

const memory = <A, E>(effect: Effect.Effect<A, E, KeyValueStore.KeyValueStore>) =>
  Effect.provide(effect, KeyValueStore.layerMemory)

const ask = (
  cache: Middleware.Middleware,
  run: Script,
  method = "GET",
  options?: ClientRequest.RequestOptions,
  url = "http://a.test/"
) => Effect.flatMap(request(method, url, options), (asked) => cache(asked, run.next))

const text = (...args: Parameters<typeof ask>) =>
  Effect.map(Effect.either(Effect.flatMap(ask(...args), (response) => response.text)), (result) =>
    result._tag === "Right" ? result.right : result.left._tag
  )

const fresh: Headers = [["Cache-Control", "max-age=60"]]

/** Lets all fibers run until they wait. */
const settle = Effect.yieldNow().pipe(Effect.repeatN(20))

describe("a HEAD request", () => {
  const stored: Headers = [
    ["Cache-Control", "max-age=10"],
    ["ETag", '"a"'],
    ["Content-Length", "4"],
    ["X-Own", "1"]
  ]

  it.effect("is answered from the entry of a GET, without its body", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script([{ headers: stored, body: "body" }])
      yield* text(cache, run)
      yield* TestClock.adjust("3 seconds")
      const response = yield* ask(cache, run, "HEAD")
      assert.deepStrictEqual(
        [response.status, response.header("x-own"), response.contentLength, response.header("age")],
        [200, Option.some("1"), Option.some(4), Option.some("3")]
      )
      assert.strictEqual(yield* response.text, "")
      assert.strictEqual(run.seen.length, 1)
      assert.strictEqual(yield* text(cache, run), "body")
    }).pipe(memory)
  )

  it.effect("is sent if no entry is fresh, and is not stored as a GET", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script([
        { headers: stored, body: "" },
        { headers: stored, body: "body" }
      ])
      yield* text(cache, run, "HEAD")
      assert.strictEqual(yield* text(cache, run), "body")
      assert.deepStrictEqual(
        run.seen.map(({ method }) => method),
        ["HEAD", "GET"]
      )
      assert.strictEqual(
        (yield* ask(cache, run, "HEAD", { headers: { "Cache-Control": "only-if-cached" } })).status,
        200
      )
      const other = yield* ask(cache, run, "HEAD", { headers: { "Cache-Control": "only-if-cached" } }, "http://b.test/")
      assert.strictEqual(other.status, 504)
    }).pipe(memory)
  )

  // RFC 9111 section 4.3.5: the source of the next GET, eleven seconds after a response with max-age=10.
  const rows: ReadonlyArray<readonly [string, number, Headers, "stored" | "validated" | "gone"]> = [
    ["the same ETag", 200, [["ETag", '"a"'], ...fresh], "stored"],
    ["the same ETag and length", 200, [["ETag", '"a"'], ["Content-Length", "4"], ...fresh], "stored"],
    ["another ETag", 200, [["ETag", '"b"'], ...fresh], "gone"],
    ["another length", 200, [["ETag", '"a"'], ["Content-Length", "5"], ...fresh], "gone"],
    ["a date that it had not", 200, [["Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"], ...fresh], "gone"],
    ["nothing to tell it by", 200, fresh, "validated"],
    ["an error", 503, [["ETag", '"b"']], "validated"]
  ]
  for (const [name, status, headers, expected] of rows) {
    it.effect(`with ${name}: ${expected}`, () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache()
        const run = script([
          { headers: stored, body: "body" },
          { status, headers, body: "" },
          { headers: fresh, body: "new" }
        ])
        yield* text(cache, run)
        yield* TestClock.adjust("11 seconds")
        yield* text(cache, run, "HEAD")
        yield* text(cache, run)
        const last = run.seen[2]
        const came = last === undefined ? "stored" : Option.isSome(last.header("if-none-match")) ? "validated" : "gone"
        assert.strictEqual(came, expected)
      }).pipe(memory)
    )
  }
})

describe("concurrent requests", () => {
  /** A server that sends its heads when the test allows it. */
  const gated = (answer: (index: number) => Reply) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const run: Script = script((asked, index) =>
        Effect.zipRight(
          Deferred.await(gate),
          Effect.suspend(() => script(() => answer(index)).next(asked))
        )
      )
      return { run, open: Deferred.succeed(gate, undefined) }
    })

  const many = (cache: Middleware.Middleware, run: Script, count: number) =>
    Effect.forkAll(Array.from({ length: count }, () => text(cache, run)))

  it.effect("without an entry are sent once, and all get the body", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const { open, run } = yield* gated((index) => ({ headers: fresh, body: `body ${index}` }))
      const fibers = yield* many(cache, run, 50)
      yield* settle
      assert.strictEqual(run.seen.length, 1)
      yield* open
      assert.deepStrictEqual(new Set(yield* Fiber.join(fibers)), new Set(["body 0"]))
      assert.strictEqual(run.seen.length, 1)
    }).pipe(memory)
  )

  it.effect("that validate are sent once", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      yield* text(
        cache,
        script([
          {
            headers: [
              ["Cache-Control", "max-age=1"],
              ["ETag", '"a"']
            ],
            body: "body"
          }
        ])
      )
      yield* TestClock.adjust("5 seconds")
      const { open, run } = yield* gated(() => ({ status: 304, headers: fresh, body: "" }))
      const fibers = yield* many(cache, run, 10)
      yield* settle
      yield* open
      assert.deepStrictEqual(new Set(yield* Fiber.join(fibers)), new Set(["body"]))
      assert.strictEqual(run.seen.length, 1)
    }).pipe(memory)
  )

  it.effect("that fail share the stale entry", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const stale: Headers = [["Cache-Control", "max-age=1, stale-if-error=60"]]
      yield* text(cache, script([{ headers: stale, body: "body" }]))
      yield* TestClock.adjust("5 seconds")
      const { open, run } = yield* gated(() => ({ status: 503, body: "" }))
      const fibers = yield* many(cache, run, 10)
      yield* settle
      yield* open
      assert.deepStrictEqual(new Set(yield* Fiber.join(fibers)), new Set(["body"]))
      assert.strictEqual(run.seen.length, 1)
    }).pipe(memory)
  )

  it.effect("get a body that the first requester does not read", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script([{ headers: fresh }])
      const first = yield* ask(cache, run)
      // A larger body than the client reads in advance.
      const [full] = run.made[0]!.push(Buffer.alloc(100_000, "x"))
      assert.isFalse(full)
      const second = yield* Effect.fork(text(cache, run))
      yield* settle
      assert.isAbove(run.made[0]!.calls.resumed, 0)
      assert.deepStrictEqual(run.made[0]!.push(Buffer.alloc(100_000, "x"), "end"), [true, true])
      run.made[0]!.end()
      assert.strictEqual((yield* Fiber.join(second)).length, 200_003)
      assert.strictEqual((yield* first.text).length, 200_003)
      assert.strictEqual(run.seen.length, 1)
    }).pipe(memory)
  )

  it.effect("do not wait if nothing will be stored, also the next time", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const { open, run } = yield* gated((index) => ({ headers: [["Cache-Control", "no-store"]], body: `${index}` }))
      const fibers = yield* many(cache, run, 3)
      yield* settle
      assert.strictEqual(run.seen.length, 1)
      yield* open
      assert.deepStrictEqual([...(yield* Fiber.join(fibers))].sort(), ["0", "1", "2"])
      const stalled = yield* gated(() => ({ headers: fresh, body: "now" }))
      const later = yield* many(cache, stalled.run, 3)
      yield* settle
      assert.strictEqual(stalled.run.seen.length, 3)
      yield* stalled.open
      yield* Fiber.join(later)
    }).pipe(memory)
  )

  it.effect("are each sent after the shared request failed", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const { open, run } = yield* gated((index) => (index === 0 ? refused() : { headers: fresh, body: `${index}` }))
      const fibers = yield* many(cache, run, 3)
      yield* settle
      yield* open
      const bodies = [...(yield* Fiber.join(fibers))].sort()
      assert.deepStrictEqual(bodies, ["1", "2", "ClientConnectorError"])
    }).pipe(memory)
  )

  it.effect("elect another requester if the first is interrupted", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const { open, run } = yield* gated((index) => ({ headers: fresh, body: `${index}` }))
      const first = yield* Effect.fork(text(cache, run))
      yield* settle
      const others = yield* many(cache, run, 3)
      yield* settle
      yield* Fiber.interrupt(first)
      yield* settle
      assert.strictEqual(run.seen.length, 2)
      yield* open
      assert.deepStrictEqual([...(yield* Fiber.join(others))], ["1", "1", "1"])
    }).pipe(memory)
  )

  it.effect("elect another requester if the body is abandoned, cut or too large", () =>
    Effect.gen(function* () {
      for (const how of ["release", "fail", "large"] as const) {
        const cache = yield* Middleware.cache({ maxBodySize: 10 })
        const run = script([{ headers: fresh }, { headers: fresh, body: "second" }])
        const url = `http://a.test/${how}`
        const first = yield* ask(cache, run, "GET", undefined, url)
        const second = yield* Effect.fork(text(cache, run, "GET", undefined, url))
        yield* settle
        assert.strictEqual(run.seen.length, 1)
        if (how === "release") yield* first.release
        else if (how === "fail") run.made[0]!.fail(refused())
        else run.made[0]!.push("more than is stored")
        assert.strictEqual(yield* Fiber.join(second), "second", how)
      }
    }).pipe(memory)
  )

  it.effect("do not wait if they differ or restrict the age", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const { open, run } = yield* gated((index) => ({ headers: fresh, body: `${index}` }))
      const options: ReadonlyArray<ClientRequest.RequestOptions> = [
        {},
        { headers: { accept: "text/html" } },
        { headers: { authorization: "Bearer a" } },
        { cookies: { a: "1" } },
        { headers: { "cache-control": "no-cache" } },
        { headers: { "cache-control": "max-age=5" } }
      ]
      const fibers = yield* Effect.forkAll(options.map((given) => text(cache, run, "GET", given)))
      yield* settle
      assert.strictEqual(run.seen.length, options.length)
      yield* open
      yield* Fiber.join(fibers)
    }).pipe(memory)
  )

  it.effect("store no response after an unsafe method changed the resource", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script([{ headers: fresh }, { status: 204, body: "" }, { headers: fresh, body: "new" }])
      const response: ClientResponse.ClientResponse = yield* ask(cache, run)
      yield* ask(cache, run, "POST")
      run.made[0]!.push("old")
      run.made[0]!.end()
      assert.strictEqual(yield* response.text, "old")
      assert.strictEqual(yield* text(cache, run), "new")
    }).pipe(memory)
  )
})

describe("the size limit of a store", () => {
  const body = "x".repeat(3000)
  const urls = ["a", "b", "c"].map((name) => `http://a.test/${name}`)

  /** The URLs that the cache answers without a request. */
  const kept = (cache: Middleware.Middleware) =>
    Effect.forEach(urls, (url) =>
      Effect.map(
        ask(cache, script([]), "GET", { headers: { "Cache-Control": "only-if-cached" } }, url),
        (response) => response.status === 200
      )
    )

  it.effect("evicts the least recently used entry", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache({ maxSize: 10_000 })
      const run = script(() => ({ headers: fresh, body }))
      for (const url of urls.slice(0, 2)) yield* text(cache, run, "GET", undefined, url)
      assert.deepStrictEqual(yield* kept(cache), [true, true, false])
      yield* text(cache, run, "GET", undefined, urls[0])
      yield* text(cache, run, "GET", undefined, urls[2])
      assert.deepStrictEqual(yield* kept(cache), [true, false, true])
      const store = yield* KeyValueStore.KeyValueStore
      // The store holds two entries and the index.
      assert.strictEqual(yield* store.size, 3)
    }).pipe(memory)
  )

  it.effect("counts entries of an earlier run", () =>
    Effect.gen(function* () {
      const run = script(() => ({ headers: fresh, body }))
      for (const url of urls) yield* text(yield* Middleware.cache({ maxSize: 10_000 }), run, "GET", undefined, url)
      assert.deepStrictEqual(yield* kept(yield* Middleware.cache()), [false, true, true])
    }).pipe(memory)
  )

  it.effect("refuses a single entry that is too large", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache({ maxSize: 3000 })
      const run = script(() => ({ headers: fresh, body }))
      for (const url of urls) yield* text(cache, run, "GET", undefined, url)
      assert.deepStrictEqual(yield* kept(cache), [false, false, false])
    }).pipe(memory)
  )
})
