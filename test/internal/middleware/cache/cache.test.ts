import { gzipSync } from "node:zlib"
import { KeyValueStore, Error as PlatformError } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Option, TestClock } from "effect"
import * as Auth from "effect-http-session/Auth"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import { recordingStore } from "../../../support/recordingStore.js"
import { type Reply, refused, request, type Script, script } from "../support.js"

const broken = Effect.fail(
  new PlatformError.SystemError({
    module: "KeyValueStore",
    method: "any",
    reason: "Unknown",
    description: "it is broken"
  })
)

type Headers = ReadonlyArray<readonly [string, string]>

/** The result of a request: status, body, and Age if it came from the cache. */
interface Got {
  readonly status: number | string
  readonly body: string
  readonly age: string | undefined
}

const memory = <A, E>(effect: Effect.Effect<A, E, KeyValueStore.KeyValueStore>) =>
  Effect.provide(effect, KeyValueStore.layerMemory)

const get = (
  middleware: Middleware.Middleware,
  run: Script,
  options?: ClientRequest.RequestOptions,
  url = "http://a.test/",
  method = "GET"
): Effect.Effect<Got> =>
  Effect.gen(function* () {
    const result = yield* Effect.either(
      Effect.flatMap(middleware(yield* request(method, url, options), run.next), (response) =>
        Effect.map(response.text, (body) => ({
          status: response.status,
          body,
          age: Option.getOrUndefined(response.header("age"))
        }))
      )
    )
    return Either.isRight(result) ? result.right : { status: result.left._tag, body: "", age: undefined }
  })

const reply = (body: string, headers: Headers, status = 200): Reply => ({ status, headers, body })

/** The number of the request that is answered, with these headers. */
const counting = (headers: Headers, status = 200) =>
  script((_, index) => ({ status, headers, body: String(index + 1) }))

const asks = (directive: string): ClientRequest.RequestOptions => ({ headers: { "Cache-Control": directive } })

describe("cache", () => {
  it.effect("answers with a fresh entry, by the Clock", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([["Cache-Control", "max-age=10"]])
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: undefined })
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: "9" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* get(cache, run)).body, "2")
      assert.strictEqual(run.seen.length, 2)
    }).pipe(memory)
  )

  describe("an entry one second later", () => {
    const rows: ReadonlyArray<readonly [Headers, boolean, number?]> = [
      [[["Cache-Control", "max-age=60"]], true],
      [[["cache-control", "MAX-AGE=60"]], true],
      [[["Cache-Control", 'max-age="60"']], true],
      [[["Cache-Control", "private, max-age=60"]], true],
      [[["Cache-Control", "max-age=60, must-revalidate"]], true],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "Accept"]
        ],
        true
      ],
      [[["Cache-Control", "max-age=60"]], true, 404],
      [[["Cache-Control", "max-age=60"]], true, 301],
      [
        [
          ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
          ["Expires", "Thu, 01 Jan 1970 00:01:00 GMT"]
        ],
        true
      ],
      // A tenth of the time since it was modified.
      [
        [
          ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
          ["Last-Modified", "Wed, 31 Dec 1969 00:00:00 GMT"]
        ],
        true
      ],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Age", "60"]
        ],
        false
      ],
      [[["Cache-Control", "max-age=1"]], false],
      [[["Cache-Control", "max-age=0"]], false],
      [[["Cache-Control", "s-maxage=60"]], false],
      [[["Cache-Control", "no-store, max-age=60"]], false],
      [[["Cache-Control", "no-cache, max-age=60"]], false],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "*"]
        ],
        false
      ],
      [
        [
          ["Cache-Control", "max-age=60"],
          ["Vary", "Accept, Cookie"]
        ],
        true
      ],
      [[["Cache-Control", "max-age=60"]], false, 206],
      [[["Cache-Control", "max-age=60"]], false, 500],
      [[["Expires", "0"]], false],
      [[], false]
    ]
    for (const [headers, expected, status] of rows) {
      it.effect(`of ${status ?? 200} ${JSON.stringify(headers)}: ${expected}`, () =>
        Effect.gen(function* () {
          const cache = yield* Middleware.cache()
          const run = counting(headers, status)
          yield* get(cache, run)
          yield* TestClock.adjust("1 second")
          yield* get(cache, run)
          assert.strictEqual(run.seen.length, expected ? 1 : 2)
        }).pipe(memory)
      )
    }
  })

  describe("request directives, six seconds into max-age=10,", () => {
    const rows: ReadonlyArray<readonly [ClientRequest.RequestOptions, Headers, number, "cache" | "server" | "504"]> = [
      [asks("no-cache"), [], 6, "server"],
      [{ headers: { Pragma: "no-cache" } }, [], 6, "server"],
      [asks("no-store"), [], 6, "server"],
      [asks("max-age=5"), [], 6, "server"],
      [asks("max-age=6"), [], 6, "cache"],
      [asks("max-age=0"), [], 6, "server"],
      [asks("min-fresh=4"), [], 6, "cache"],
      [asks("min-fresh=5"), [], 6, "server"],
      [asks("only-if-cached"), [], 6, "cache"],
      [asks("only-if-cached"), [], 11, "504"],
      [asks("max-stale"), [], 99, "cache"],
      [asks("max-stale=5"), [], 15, "cache"],
      [asks("max-stale=5"), [], 16, "server"],
      [asks("max-stale"), [["Cache-Control", "must-revalidate"]], 99, "server"],
      [{ headers: { Range: "bytes=0-1" } }, [], 6, "server"],
      [{ headers: { "If-None-Match": '"x"' } }, [], 6, "server"],
      [{ data: "a body" }, [], 6, "server"]
    ]
    for (const [options, headers, after, expected] of rows) {
      it.effect(`${JSON.stringify(options)} ${JSON.stringify(headers)} after ${after}: ${expected}`, () =>
        Effect.gen(function* () {
          const cache = yield* Middleware.cache()
          const run = counting([["Cache-Control", "max-age=10"], ...headers])
          yield* get(cache, run)
          yield* TestClock.adjust(`${after} seconds`)
          const { status } = yield* get(cache, run, options)
          assert.strictEqual(run.seen.length === 2 ? "server" : status === 504 ? "504" : "cache", expected)
        }).pipe(memory)
      )
    }
  })

  describe("validation of an entry", () => {
    const stale: Headers = [
      ["Cache-Control", "max-age=1"],
      ["ETag", '"a"'],
      ["X-Kept", "old"],
      ["X-New", "old"]
    ]
    const later = TestClock.adjust("10 seconds")

    it.effect("sends ETag and Last-Modified, and a 304 refreshes the entry", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache()
        const date = "Wed, 31 Dec 1969 00:00:00 GMT"
        const run = script([
          reply("body", [...stale, ["Last-Modified", date]]),
          {
            status: 304,
            headers: [
              ["Cache-Control", "max-age=60"],
              ["ETag", '"a"'],
              ["X-New", "new"],
              ["Content-Length", "0"]
            ],
            body: ""
          }
        ])
        yield* get(cache, run)
        yield* later
        const response = yield* cache(yield* request("GET", "http://a.test/"), run.next)
        assert.deepStrictEqual(
          [
            response.status,
            yield* response.text,
            response.header("x-kept"),
            response.header("x-new"),
            response.header("age")
          ],
          [200, "body", Option.some("old"), Option.some("new"), Option.some("0")]
        )
        assert.deepStrictEqual(
          run.seen.map((sent) => [sent.header("if-none-match"), sent.header("if-modified-since")]),
          [
            [Option.none(), Option.none()],
            [Option.some('"a"'), Option.some(date)]
          ]
        )
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual((yield* get(cache, run)).age, "59")
        assert.strictEqual(run.seen.length, 2)
      }).pipe(memory)
    )

    it.effect("replaces the entry with a new response", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache()
        const run = script([reply("old", stale), reply("new", [["Cache-Control", "max-age=60"]])])
        yield* get(cache, run)
        yield* later
        assert.strictEqual((yield* get(cache, run)).body, "new")
        assert.strictEqual((yield* get(cache, run)).body, "new")
        assert.strictEqual(run.seen.length, 2)
      }).pipe(memory)
    )

    it.effect("ignores a 304 with another validator", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache()
        const run = script([
          reply("old", stale),
          { status: 304, headers: [["ETag", '"b"']], body: "" },
          reply("new", [])
        ])
        yield* get(cache, run)
        yield* later
        assert.strictEqual((yield* get(cache, run)).body, "new")
        assert.strictEqual(run.seen[2]!.header("if-none-match")._tag, "None")
      }).pipe(memory)
    )

    describe("stale entries and separate entries", () => {
      const rows: ReadonlyArray<readonly [string, Reply, boolean]> = [
        ["stale-if-error=9", { status: 503, body: "" }, true],
        ["stale-if-error=9", { status: 500, body: "" }, true],
        ["stale-if-error=9", refused(), true],
        ["stale-if-error=8", { status: 503, body: "" }, false],
        ["stale-if-error=9", { status: 404, body: "" }, false],
        ["stale-if-error=9", new Errors.MiddlewareError({ reason: "Failed" }), false],
        ["stale-if-error=9, must-revalidate", { status: 503, body: "" }, false],
        ["public", { status: 503, body: "" }, false],
        ["public", refused(), false]
      ]
      for (const [directive, second, expected] of rows) {
        it.effect(
          `with ${directive}, ${"_tag" in second ? second._tag : "status" in second ? second.status : ""}: ${expected}`,
          () =>
            Effect.gen(function* () {
              const cache = yield* Middleware.cache()
              const run = script([
                reply("stored", [
                  ["Cache-Control", `max-age=1, ${directive}`],
                  ["ETag", '"a"']
                ]),
                second
              ])
              yield* get(cache, run)
              yield* later
              assert.strictEqual((yield* get(cache, run)).body === "stored", expected)
            }).pipe(memory)
        )
      }
    })
  })

  it.effect("are selected by Vary with the headers that will be sent", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([
        ["Cache-Control", "max-age=60"],
        ["Vary", "Accept-Language, X-A, Accept"]
      ])
      const language = (value: string) => ({ headers: { "Accept-Language": value } })
      const bodies = yield* Effect.all([
        get(cache, run, language("de")),
        get(cache, run, language("en")),
        get(cache, run, language("de")),
        get(cache, run),
        get(cache, run, { headers: { accept: "*/*", "X-B": "ignored" } }),
        get(cache, run, { headers: { accept: "text/html" } }),
        get(cache, run, language("en"))
      ])
      assert.strictEqual(bodies.map((got) => got.body).join(), "1,2,1,3,3,4,2")
    }).pipe(memory)
  )

  it.effect("are kept apart for different credentials, and the store holds no secret", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([
        ["Cache-Control", "max-age=60"],
        ["Vary", "Authorization, X-Key"],
        ["Set-Cookie", "id=cookie-s3cret"]
      ])
      const url = "http://a.test/?token=url-s3cret"
      const bodies = yield* Effect.all([
        get(cache, run, { auth: Auth.basic("a", "pass-s3cret") }, url),
        get(cache, run, { auth: Auth.basic("b", "x") }, url),
        get(cache, run, { headers: { authorization: "Bearer header-s3cret", "x-key": "key-s3cret" } }, url),
        get(cache, run, undefined, url),
        get(cache, run, { cookies: { id: "own-s3cret" } }, url),
        get(cache, run, { auth: Auth.basic("a", "pass-s3cret") }, url)
      ])
      assert.strictEqual(bodies.map((got) => got.body).join(), "1,2,3,4,5,1")
    }).pipe((effect) => {
      const { layer, written } = recordingStore()
      return Effect.provide(effect, layer).pipe(
        Effect.tap(() => {
          assert.isAbove(written.length, 0)
          assert.notInclude(written.join(), "s3cret")
          assert.notInclude(written.join(), Buffer.from("a:pass-s3cret").toString("base64"))
        })
      )
    })
  )

  describe("unsafe methods", () => {
    const rows: ReadonlyArray<readonly [string, number, Headers, string, boolean]> = [
      ["POST", 200, [], "http://a.test/", true],
      ["PUT", 204, [], "http://a.test/", true],
      ["DELETE", 303, [], "http://a.test/", true],
      ["PURGE", 200, [], "http://a.test/", true],
      ["POST", 500, [], "http://a.test/", false],
      ["POST", 404, [], "http://a.test/", false],
      ["HEAD", 200, [], "http://a.test/", false],
      ["OPTIONS", 200, [], "http://a.test/", false],
      ["POST", 200, [], "http://a.test/other", false],
      ["POST", 201, [["Location", "/"]], "http://a.test/other", true],
      ["POST", 200, [["Content-Location", "http://a.test/#x"]], "http://a.test/other", true],
      ["POST", 201, [["Location", "http://a.test/"]], "http://b.test/other", false]
    ]
    for (const [method, status, headers, url, gone] of rows) {
      it.effect(
        `of ${method} ${status} ${JSON.stringify(headers)} ${url} leave the entry ${gone ? "removed" : "stored"}`,
        () =>
          Effect.gen(function* () {
            const cache = yield* Middleware.cache()
            const run = counting([["Cache-Control", "max-age=60"]])
            yield* get(cache, run)
            yield* get(cache, script([{ status, headers, body: "" }]), undefined, url, method)
            yield* get(cache, run)
            assert.strictEqual(run.seen.length, gone ? 2 : 1)
          }).pipe(memory)
      )
    }
  })

  describe("stored bodies", () => {
    const fresh: Headers = [["Cache-Control", "max-age=60"]]

    it.effect("are byte for byte equal, in their codings", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache()
        const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index & 0xff)
        const packed = gzipSync(bytes)
        const run = script([{ status: 200, headers: [...fresh, ["Content-Encoding", "gzip"]] }])
        const first = yield* cache(yield* request(), run.next)
        run.made[0]!.push(packed.subarray(0, 10), packed.subarray(10))
        run.made[0]!.end()
        assert.deepStrictEqual(yield* first.bytes, bytes)
        const second = yield* cache(yield* request(), run.next)
        assert.deepStrictEqual(yield* second.bytes, bytes)
        const raw = yield* cache(yield* request("GET", undefined, { autoDecompress: false }), run.next)
        assert.deepStrictEqual(Buffer.from(yield* raw.bytes), packed)
        assert.strictEqual(run.seen.length, 1)
      }).pipe(memory)
    )

    it.effect("are complete, and not cut, abandoned or too large", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache({ maxBodySize: 4 })
        const run = script([{ status: 200, headers: fresh }])
        let asks = 0
        // Not alike, so that none waits for another.
        const ask = Effect.suspend(() =>
          Effect.flatMap(request("GET", undefined, { headers: { "X-N": String(asks++) } }), (asked) =>
            cache(asked, run.next)
          )
        )
        yield* ask
        run.made[0]!.push("abc")
        yield* (yield* ask).release
        run.made[0]!.fail(refused())
        run.made[1]!.end()
        yield* ask
        run.made[2]!.push("abcde")
        run.made[2]!.end()
        const empty = yield* ask
        assert.strictEqual(run.seen.length, 4)
        run.made[3]!.push("ab", "cd")
        run.made[3]!.end()
        assert.strictEqual(yield* empty.text, "abcd")
        assert.strictEqual(yield* (yield* ask).text, "abcd")
        assert.strictEqual(run.seen.length, 4)
      }).pipe(memory)
    )

    it.effect("larger than the limit pass with backpressure", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache({ maxBodySize: 4 })
        const run = script([{ status: 200, headers: fresh }])
        const response = yield* cache(yield* request(), run.next)
        const [first, second] = run.made[0]!.push(Buffer.alloc(64 * 1024), "x")
        assert.deepStrictEqual([first, second], [false, false])
        run.made[0]!.end()
        assert.strictEqual((yield* response.bytes).length, 64 * 1024 + 1)
      }).pipe(memory)
    )
  })

  it.effect("of a store that fails or holds other values are ignored", () =>
    Effect.gen(function* () {
      for (const text of [undefined, "{", '{"version":2}', '{"version":1,"responses":[{}]}']) {
        const failing = KeyValueStore.makeStringOnly({
          get: () => (text === undefined ? broken : Effect.succeed(Option.some(text))),
          set: () => broken,
          remove: () => broken,
          clear: broken,
          size: Effect.succeed(0)
        })
        const cache = yield* Effect.provideService(Middleware.cache(), KeyValueStore.KeyValueStore, failing)
        const run = counting([["Cache-Control", "max-age=60"]])
        assert.strictEqual((yield* get(cache, run)).body, "1")
        assert.strictEqual((yield* get(cache, run)).body, "2")
        assert.strictEqual((yield* get(cache, run, undefined, undefined, "POST")).status, 200)
      }
    })
  )

  it.effect("of a store that dies are ignored like those of one that fails", () =>
    Effect.gen(function* () {
      const dies = () => {
        throw new Error("no store")
      }
      const stores = [
        { get: dies, set: dies, remove: dies },
        { get: () => Effect.die("get"), set: () => Effect.die("set"), remove: () => Effect.die("remove") },
        { get: () => Effect.interrupt, set: () => Effect.interrupt, remove: () => Effect.interrupt }
      ]
      for (const store of stores) {
        const dying = KeyValueStore.makeStringOnly({ ...store, clear: broken, size: Effect.succeed(0) })
        const cache = yield* Effect.provideService(Middleware.cache(), KeyValueStore.KeyValueStore, dying)
        const run = counting([["Cache-Control", "max-age=60"]])
        assert.strictEqual((yield* get(cache, run)).body, "1")
        assert.strictEqual((yield* get(cache, run)).body, "2")
        assert.strictEqual((yield* get(cache, run, undefined, undefined, "POST")).status, 200)
      }
    })
  )

  it.effect("with a Vary in a 304 answer no other request then", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const language = (name: string) => ({ headers: { "accept-language": name } })
      const run = script([
        reply("english", [
          ["Cache-Control", "max-age=0"],
          ["ETag", '"en"']
        ]),
        reply(
          "",
          [
            ["Cache-Control", "max-age=60"],
            ["ETag", '"en"'],
            ["Vary", "Accept-Language"]
          ],
          304
        ),
        reply("deutsch", [["Vary", "Accept-Language"]])
      ])
      yield* get(cache, run, language("en"))
      assert.strictEqual((yield* get(cache, run, language("en"))).body, "english")
      assert.strictEqual((yield* get(cache, run, language("de"))).body, "deutsch")
    }).pipe(memory)
  )

  const superseding: ReadonlyArray<readonly [string, number, Headers, string, string]> = [
    ["that may not be stored", 200, [["Cache-Control", "no-store"]], "new", "new"],
    ["that says it is gone", 410, [["Cache-Control", "no-store"]], "gone", "gone"],
    ["that is too large", 200, [["Cache-Control", "max-age=60"]], "x".repeat(101), "x".repeat(101)],
    ["that is an error", 500, [], "broken", "old"]
  ]
  for (const [name, status, headers, body, next] of superseding) {
    it.effect(`after an answer to a validation ${name}: ${next.slice(0, 9)} comes next (RFC 9111 section 4.3.3)`, () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache({ maxBodySize: 100 })
        const run = script((_, index) =>
          index === 0
            ? reply("old", [
                ["Cache-Control", "max-age=3600"],
                ["ETag", '"1"']
              ])
            : reply(body, headers, status)
        )
        yield* get(cache, run)
        assert.strictEqual((yield* get(cache, run, asks("no-cache"))).body, body)
        assert.strictEqual((yield* get(cache, run)).body, next)
      }).pipe(memory)
    )
  }

  it.effect("are not made fresh by immutable (RFC 8246)", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = counting([
        ["Cache-Control", "immutable"],
        ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
        ["Expires", "Thu, 01 Jan 1970 00:01:00 GMT"]
      ])
      yield* get(cache, run)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* get(cache, run)).body, "1")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* get(cache, run)).body, "2")
    }).pipe(memory)
  )

  it.effect("with an Age that is not a number of seconds have age 0 (RFC 9111 section 5.1)", () =>
    Effect.gen(function* () {
      for (const age of ["-3600", "x", "1.5"]) {
        const cache = yield* Middleware.cache()
        const run = counting([
          ["Cache-Control", "max-age=60"],
          ["Age", age]
        ])
        const url = `http://a.test/${age}`
        yield* get(cache, run, undefined, url)
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* get(cache, run, undefined, url)).body, "2", age)
      }
    }).pipe(memory)
  )

  it.effect("age from the time of the request (RFC 9111 section 4.2.3)", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      const run = script((asked, index) =>
        Effect.delay(script([reply(String(index + 1), [["Cache-Control", "max-age=60"]])]).next(asked), "50 seconds")
      )
      const slowly = Effect.gen(function* () {
        const fiber = yield* Effect.fork(get(cache, run))
        yield* TestClock.adjust("50 seconds")
        return yield* Fiber.join(fiber)
      })
      yield* slowly
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* get(cache, run), { status: 200, body: "1", age: "55" })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* slowly).body, "2")
    }).pipe(memory)
  )

  it.effect("are invalidated by a Location that is compared as requests are written", () =>
    Effect.gen(function* () {
      const rows = [
        ["/a[1]", "/a[1]"],
        ["/?q=a|b", "/?q=a|b"],
        ["/~u", "/%7Eu"]
      ] as const
      for (const [path, location] of rows) {
        const cache = yield* Middleware.cache()
        const run = counting([["Cache-Control", "max-age=60"]])
        yield* get(cache, run, undefined, `http://a.test${path}`)
        const post = script([reply("", [["Location", location]], 201)])
        yield* get(cache, post, undefined, "http://a.test/other", "POST")
        assert.strictEqual((yield* get(cache, run, undefined, `http://a.test${path}`)).body, "2", path)
      }
    }).pipe(memory)
  )
})
