import { HttpApp, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Ref, Stream, TestClock } from "effect"
import * as ClientResponse from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import * as Session from "../src/Session.js"
import { url } from "./support/mockedSession.js"
import { Pong, pingHandler } from "./support/pingApi.js"
import { layerRoutes, route } from "./support/routes.js"

describe("layerHttpApp", () => {
  class Log extends Context.Tag("Log")<Log, Ref.Ref<ReadonlyArray<string>>>() {}
  const routes = layerRoutes(
    route(
      "POST",
      "/echo",
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const body = yield* request.text
        return yield* HttpServerResponse.json({ url: request.url, host: request.headers.host, body })
      })
    ),
    route(
      "GET",
      "/stream",
      Effect.gen(function* () {
        const log = yield* Log
        yield* Effect.addFinalizer(() => Ref.update(log, (lines) => [...lines, "closed"]))
        return HttpServerResponse.stream(
          Stream.make("a", "b").pipe(
            Stream.tap((text) => Ref.update(log, (lines) => [...lines, text])),
            Stream.encodeText
          )
        )
      })
    ),
    route("GET", "/stall", Effect.never),
    route("GET", "/fails", Effect.fail(new Error("no"))),
    route("GET", "/dies", Effect.dieMessage("no")),
    route("GET", "/cookie", HttpServerResponse.setCookie(HttpServerResponse.text("set"), "a", "1").pipe(Effect.orDie)),
    route(
      "GET",
      "/cors",
      Effect.zipRight(
        HttpApp.appendPreResponseHandler((_, response) =>
          Effect.succeed(HttpServerResponse.setHeader(response, "x-pre", "1"))
        ),
        HttpServerResponse.text("pre")
      )
    )
  )

  const Live = Session.layerWithoutDependencies().pipe(
    Layer.provideMerge(CookieJar.layer()),
    Layer.provide(routes),
    Layer.provideMerge(Layer.effect(Log, Ref.make<ReadonlyArray<string>>([])))
  )

  it.effect("routes requests with bodies and headers", () =>
    Effect.gen(function* () {
      const value = yield* Session.post(`${url}echo?a=1`, { text: "hi" }).pipe(ClientResponse.json)
      assert.deepStrictEqual(value, { url: "/echo?a=1", host: "api.example", body: "hi" })
    }).pipe(Effect.provide(Live))
  )

  it.effect("keeps the Scope of a response stream open until it ends", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Session.get(`${url}stream`).pipe(ClientResponse.text), "ab")
      yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* Effect.flatMap(Log, Ref.get), ["a", "b", "closed"])
    }).pipe(Effect.provide(Live))
  )

  for (const [path, status] of [
    ["missing", 404],
    ["fails", 500],
    ["dies", 500]
  ] as const) {
    it.effect(`answers /${path} with ${status}, as a server does`, () =>
      Effect.gen(function* () {
        const head = yield* Session.get(url + path).pipe(ClientResponse.discard)
        assert.strictEqual(head.status, status)
      }).pipe(Effect.provide(Live))
    )
  }

  it.effect("supports cookies and pre-response handlers", () =>
    Effect.gen(function* () {
      yield* Session.get(`${url}cookie`).pipe(ClientResponse.text)
      const jar = yield* CookieJar.CookieJar
      assert.deepStrictEqual(yield* jar.cookieHeader(url), Option.some("a=1"))
      const head = yield* Session.get(`${url}cors`).pipe(ClientResponse.discard)
      assert.deepStrictEqual(head.header("x-pre"), Option.some("1"))
    }).pipe(Effect.provide(Live))
  )

  it.effect("interrupts a stalled handler with its request", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(
        Effect.flip(Session.get(`${url}stall`, { timeout: "1 second" }).pipe(ClientResponse.text))
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TotalTimeoutError")
      const session = yield* Session.Session
      yield* Effect.yieldNow()
      assert.strictEqual((yield* session.connector.stats).acquired, 0)
    }).pipe(Effect.provide(Live))
  )
})

describe("an HttpApi in process", () => {
  const Served = Layer.unwrapScoped(Effect.map(pingHandler, (handler) => Connector.layerMock(handler)))

  it.effect("answers through the session", () =>
    Effect.gen(function* () {
      const pong = yield* Session.get(`${url}ping`).pipe(ClientResponse.schemaJson(Pong))
      assert.deepStrictEqual(pong, new Pong({ pong: true }))
      assert.strictEqual((yield* Session.get(`${url}nothing`).pipe(ClientResponse.discard)).status, 404)
    }).pipe(Effect.provide(Session.layerWithoutDependencies().pipe(Layer.provide([Served, CookieJar.layer()]))))
  )
})
