import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option, Ref, Stream, TestClock } from "effect"
import * as Auth from "../src/Auth.js"
import type * as ClientRequest from "../src/ClientRequest.js"
import * as ClientResponse from "../src/ClientResponse.js"
import type * as Connector from "../src/Connector.js"
import * as Session from "../src/Session.js"
import { sessionOver, url } from "./support/mockedSession.js"

describe("the handler of layerMock", () => {
  const seen = (method: string, options?: ClientRequest.RequestOptions, path = "") =>
    Effect.gen(function* () {
      let request: Connector.MockRequest | undefined
      yield* Session.request(method, url + path, options).pipe(
        ClientResponse.discard,
        Effect.provide(
          sessionOver((given) => {
            request = given
            return new Response()
          })
        )
      )
      assert.isDefined(request)
      return request as Connector.MockRequest
    })

  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "TRACE", "QUERY", "PROPFIND"]) {
    it.effect(`receives the method ${method}`, () =>
      Effect.gen(function* () {
        const request = yield* seen(method)
        assert.instanceOf(request, Request)
        assert.strictEqual(request.method, method)
        assert.strictEqual(request.exact.method, method)
      })
    )
  }

  it.effect("receives the URL with its parameters and without its fragment", () =>
    Effect.gen(function* () {
      const request = yield* seen("GET", { params: { a: "ü", b: ["1", "2"] } }, "x/y#z")
      assert.strictEqual(request.url, "https://api.example/x/y?a=%C3%BC&b=1&b=2")
      assert.strictEqual(request.exact.url, request.url)
    })
  )

  it.effect("receives headers joined in the platform request, and in order, case and number in the exact request", () =>
    Effect.gen(function* () {
      const request = yield* seen("GET", {
        headers: [
          ["X-One", "1"],
          ["Accept", "text/plain"],
          ["x-one", "2"]
        ]
      })
      assert.strictEqual(request.headers.get("x-one"), "1, 2")
      assert.deepStrictEqual(
        request.exact.headers.filter(([name]) => /^(x-one|accept)$/i.test(name)),
        [
          ["X-One", "1"],
          ["Accept", "text/plain"],
          ["x-one", "2"]
        ]
      )
    })
  )

  it.effect("receives automatic headers, credentials and cookies", () =>
    Effect.gen(function* () {
      const request = yield* seen("GET", { auth: Auth.bearer("t0k"), cookies: { a: "1" } })
      assert.strictEqual(request.headers.get("host"), "api.example")
      assert.match(request.headers.get("accept-encoding") ?? "", /gzip/)
      assert.strictEqual(request.headers.get("cookie"), "a=1")
      assert.deepStrictEqual(request.exact.header("Cookie"), Option.some("a=1"))
      assert.strictEqual(request.headers.get("authorization"), "Bearer t0k")
      assert.notInclude(JSON.stringify(request.exact), "a=1")
      assert.notInclude(JSON.stringify(request.exact), "t0k")
    })
  )

  it.effect("receives a body of POST in both requests, and a body of GET in the exact request", () =>
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const layer = sessionOver(async (request) => {
        bodies.push(await request.text())
        return new Response()
      })
      yield* Session.post(url, { json: { a: 1 } }).pipe(ClientResponse.discard, Effect.provide(layer))
      yield* Session.request("GET", url, { text: "hm" }).pipe(ClientResponse.discard, Effect.provide(layer))
      assert.deepStrictEqual(bodies, ['{"a":1}', ""])
      const request = yield* seen("GET", { text: "hm" })
      assert.strictEqual(request.exact.body._tag, "Uint8Array")
    })
  )

  it.effect("receives a streamed body with backpressure", () =>
    Effect.gen(function* () {
      const made = yield* Ref.make(0)
      const gate = yield* Deferred.make<void>()
      const chunk = new Uint8Array(16 * 1024)
      const data = Stream.repeatEffect(
        Effect.as(
          Ref.update(made, (n) => n + 1),
          chunk
        )
      ).pipe(Stream.take(64))
      let beforeReading = 0
      const layer = sessionOver((request) =>
        Effect.gen(function* () {
          yield* Deferred.await(gate)
          beforeReading = yield* Ref.get(made)
          const bytes = yield* Effect.promise(() => request.arrayBuffer())
          return new Response(String(bytes.byteLength))
        })
      )
      const fiber = yield* Session.post(url, { data }).pipe(ClientResponse.text, Effect.provide(layer), Effect.fork)
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), String(64 * 16 * 1024))
      assert.isAbove(beforeReading, 0)
      assert.isBelow(beforeReading, 10)
    })
  )

  it.effect("receives and sends the body of an echo at the same time", () =>
    Effect.gen(function* () {
      const data = Stream.make("a", "b", "c").pipe(Stream.encodeText)
      const text = yield* Session.post(url, { data }).pipe(
        ClientResponse.text,
        Effect.provide(sessionOver((request) => new Response(request.body)))
      )
      assert.strictEqual(text, "abc")
    })
  )

  it.effect("does not have to read the body, which is still sent completely", () =>
    Effect.gen(function* () {
      const sent = yield* Ref.make(0)
      const data = Stream.range(1, 100).pipe(
        Stream.mapEffect(() =>
          Effect.as(
            Ref.update(sent, (n) => n + 1),
            new Uint8Array(10_000)
          )
        )
      )
      yield* Session.post(url, { data }).pipe(
        ClientResponse.text,
        Effect.provide(sessionOver(() => new Response("ok")))
      )
      assert.strictEqual(yield* Ref.get(sent), 100)
    })
  )

  it.effect("does not run to its end if the body fails, and the request fails", () =>
    Effect.gen(function* () {
      const data = Stream.concat(Stream.make(new Uint8Array(3)), Stream.fail("broken"))
      const error = yield* Session.post(url, { data }).pipe(
        ClientResponse.text,
        Effect.provide(sessionOver(async (request) => new Response(await request.text()))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "RequestBodyError")
    })
  )
})
