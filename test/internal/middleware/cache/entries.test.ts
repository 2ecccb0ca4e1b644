import { gzipSync } from "node:zlib"
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as Middleware from "effect-http-session/Middleware"
import { recordingStore } from "../../../support/recordingStore.js"
import { refused, request, script } from "../support.js"
import { broken, counting, get, type Headers, memory, reply } from "./requests.js"

describe("cache", () => {
  it.effect("selects entries by Vary and the headers that will be sent", () =>
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

  it.effect("separates entries of different credentials, and stores no secret", () =>
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
        `${gone ? "remove" : "keep"} the entry: ${method} ${url} with ${status} ${JSON.stringify(headers)}`,
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

  it.effect("invalidates the URL of a Location, compared in the form in which it would be requested", () =>
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

  describe("stored bodies", () => {
    const fresh: Headers = [["Cache-Control", "max-age=60"]]

    it.effect("keep their bytes and their content codings", () =>
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

    it.effect("are only those that arrived completely within the limit", () =>
      Effect.gen(function* () {
        const cache = yield* Middleware.cache({ maxBodySize: 4 })
        const run = script([{ status: 200, headers: fresh }])
        let asks = 0
        // The requests differ, so that none waits for another.
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

    it.effect("that exceed the limit are passed on with backpressure", () =>
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

  it.effect("ignores a store that fails or holds other values", () =>
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

  it.effect("treats defects of a store like failures", () =>
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
})
