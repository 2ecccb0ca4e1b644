import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import { type Reply, refused, request, script } from "../support.js"
import { asks, get, type Headers, memory, reply } from "./requests.js"

describe("cache", () => {
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

    describe("with stale-if-error", () => {
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
          `${expected ? "serves" : "does not serve"} the stale entry for ${directive} after ${"_tag" in second ? second._tag : "status" in second ? second.status : ""}`,
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

  it.effect("does not serve other requests after a 304 that adds Vary", () =>
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
    ["must not be stored", 200, [["Cache-Control", "no-store"]], "new", "new"],
    ["is 410", 410, [["Cache-Control", "no-store"]], "gone", "gone"],
    ["is too large", 200, [["Cache-Control", "max-age=60"]], "x".repeat(101), "x".repeat(101)],
    ["is an error", 500, [], "broken", "old"]
  ]
  for (const [name, status, headers, body, next] of superseding) {
    it.effect(`serves "${next.slice(0, 9)}" after a validation whose response ${name} (RFC 9111 section 4.3.3)`, () =>
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
})
