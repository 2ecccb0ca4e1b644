import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Option, Stream, TestClock } from "effect"
import * as ClientResponse from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as Session from "../src/Session.js"
import { sessionOver, url } from "./support/mockedSession.js"

const calls = Effect.flatMap(Connector.MockCalls, (mock) => mock.all)

describe("a session that gets a response of layerMock", () => {
  it.effect("passes on status, reason, headers and body", () =>
    Effect.gen(function* () {
      const response = yield* Session.get(url)
      assert.strictEqual(response.status, 418)
      assert.strictEqual(response.reason, "I'm a Teapot")
      assert.deepStrictEqual(response.header("X-A"), Option.some("1, 2"))
      assert.deepStrictEqual(response.headerValues("set-cookie"), ["a=1", "b=2"])
      assert.strictEqual(yield* response.text, "short")
      assert.strictEqual(response.url, url)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        sessionOver(() => {
          const headers = new Headers({ "x-a": "1" })
          headers.append("x-a", "2")
          headers.append("set-cookie", "a=1")
          headers.append("set-cookie", "b=2")
          return new Response("short", { status: 418, headers })
        })
      )
    )
  )

  it.effect("stores cookies, follows redirects and changes the method after them", () =>
    Effect.gen(function* () {
      const text = yield* Session.post(url, { text: "x" }).pipe(ClientResponse.text)
      assert.strictEqual(text, "GET seen=1")
      const asked = yield* calls
      assert.deepStrictEqual(
        asked.map(({ request, status }) => [request.method, request.url, status]),
        [
          ["POST", url, 303],
          ["GET", `${url}next`, 200]
        ]
      )
      assert.deepStrictEqual(asked[1]?.request.header("cookie"), Option.some("seen=1"))
      assert.isTrue(Option.isNone(asked[1]?.request.header("content-length") ?? Option.none()))
    }).pipe(
      Effect.provide(
        sessionOver((request) =>
          new URL(request.url).pathname === "/"
            ? new Response("moved", { status: 303, headers: { location: "/next", "set-cookie": "seen=1; Path=/" } })
            : new Response(`${request.method} ${request.headers.get("cookie")}`)
        )
      )
    )
  )

  it.effect("decodes content codings", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Session.get(url).pipe(ClientResponse.text), "plain".repeat(1000))
    }).pipe(
      Effect.provide(
        sessionOver(() => new Response(gzipSync("plain".repeat(1000)), { headers: { "content-encoding": "gzip" } }))
      )
    )
  )

  it.effect("expects no body for HEAD, 204 and 304", () =>
    Effect.gen(function* () {
      const head = yield* Effect.scoped(Effect.flatMap(Session.head(url), (r) => Effect.zip(r.text, Effect.succeed(r))))
      assert.strictEqual(head[0], "")
      assert.deepStrictEqual(head[1].contentLength, Option.some(7))
      for (const status of [204, 304]) {
        const text = yield* Session.get(`${url}${status}`).pipe(ClientResponse.text)
        assert.strictEqual(text, "")
      }
    }).pipe(
      Effect.provide(
        sessionOver((request) => {
          const status = Number(new URL(request.url).pathname.slice(1))
          return status > 0
            ? new Response(null, { status, headers: { "content-length": "7" } })
            : new Response("content", { headers: { "content-length": "7" } })
        })
      )
    )
  )

  for (const [name, length, expected] of [
    ["longer than", 3, "abc"],
    ["as long as", 6, "abcdef"]
  ] as const) {
    it.effect(`ends a body ${name} its Content-Length at that length`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Session.get(url).pipe(ClientResponse.text), expected)
      }).pipe(
        Effect.provide(sessionOver(() => new Response("abcdef", { headers: { "content-length": String(length) } })))
      )
    )
  }

  it.effect("reports a body shorter than its Content-Length as incomplete", () =>
    Effect.gen(function* () {
      const error = yield* Session.get(url).pipe(ClientResponse.text, Effect.flip)
      assert.strictEqual(error._tag, "ClientPayloadError")
      if (error._tag !== "ClientPayloadError") return
      assert.deepStrictEqual([error.reason, error.received, error.expected], ["Incomplete", 3, 10])
    }).pipe(Effect.provide(sessionOver(() => new Response("abc", { headers: { "content-length": "10" } }))))
  )

  it.effect("streams a body with the backpressure of a slow reader", () =>
    Effect.gen(function* () {
      let made = 0
      const handler = () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull: (controller) => {
              if (made === 100) controller.close()
              else controller.enqueue(new Uint8Array(32 * 1024))
              made++
            }
          })
        )
      const [first, total] = yield* Effect.scoped(
        Effect.gen(function* () {
          const response = yield* Session.get(url)
          yield* TestClock.adjust("1 millis")
          const before = made
          const bytes = yield* Stream.runFold(response.stream, 0, (size, chunk) => size + chunk.length)
          return [before, bytes] as const
        })
      ).pipe(Effect.provide(sessionOver(handler)))
      assert.isBelow(first, 20)
      assert.strictEqual(total, 100 * 32 * 1024)
    })
  )

  it.effect("cancels a body that is not read to its end", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const handler = () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull: (controller) => controller.enqueue(new Uint8Array(1000)),
            cancel: () => Deferred.unsafeDone(cancelled, Effect.void)
          })
        )
      yield* Session.get(url).pipe(
        ClientResponse.stream,
        Stream.take(1),
        Stream.runDrain,
        Effect.zipRight(Deferred.await(cancelled)),
        Effect.provide(sessionOver(handler))
      )
    })
  )

  it.effect("fails for chunks that are not bytes", () =>
    Effect.gen(function* () {
      const stream = new ReadableStream({
        start: (controller) => {
          controller.enqueue("text")
          controller.close()
        }
      })
      const error = yield* Session.get(url).pipe(
        ClientResponse.text,
        Effect.flip,
        Effect.provide(sessionOver(() => new Response(stream)))
      )
      assert.strictEqual(error._tag, "ClientPayloadError")
    })
  )
})
