import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Option, Stream, TestClock } from "effect"
import type * as ClientRequest from "../src/ClientRequest.js"
import * as ClientResponse from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as Errors from "../src/Errors.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"
import { sessionOver, url } from "./support/mockedSession.js"

describe("handlers of layerMock", () => {
  it.effect("are plain functions, promises, or effects with requirements and a Scope until the end of the body", () =>
    Effect.gen(function* () {
      class Greeting extends Context.Tag("Greeting")<Greeting, string>() {}
      const log: Array<string> = []
      const handler = (request: Connector.MockRequest) => {
        switch (new URL(request.url).pathname) {
          case "/plain":
            return new Response("plain")
          case "/promised":
            return Promise.resolve(new Response("promised"))
          default:
            return Effect.gen(function* () {
              yield* Effect.addFinalizer(() => Effect.sync(() => log.push("closed")))
              const greeting = yield* Greeting
              const body = Stream.toReadableStream(
                Stream.make(greeting).pipe(
                  Stream.tap(() => Effect.sync(() => log.push("read"))),
                  Stream.encodeText
                )
              )
              return new Response(body)
            })
        }
      }
      const layer = sessionOver(handler).pipe(Layer.provide(Layer.succeed(Greeting, "hello")))
      yield* Effect.gen(function* () {
        for (const [path, text] of [
          ["plain", "plain"],
          ["promised", "promised"],
          ["effect", "hello"]
        ] as const) {
          assert.strictEqual(yield* Session.get(url + path).pipe(ClientResponse.text), text)
        }
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(log, ["read", "closed"])
    })
  )

  it.effect("fail the request by an effect or by a promise", () =>
    Effect.gen(function* () {
      const fault = new Errors.ClientConnectorDNSError({ host: "api.example", code: "ESERVFAIL" })
      for (const handler of [() => Effect.fail(fault), () => Promise.reject(fault)]) {
        const error = yield* Session.get(url).pipe(
          ClientResponse.text,
          Effect.flip,
          Effect.provide(sessionOver(handler))
        )
        assert.strictEqual(error, fault)
      }
    })
  )

  for (const [name, handler] of [
    [
      "throws",
      () => {
        throw new Error("boom")
      }
    ],
    ["rejects", () => Promise.reject(new Error("boom"))],
    ["dies", () => Effect.dieMessage("boom")]
  ] as ReadonlyArray<readonly [string, Connector.MockHandler]>) {
    it.effect(`cause a defect of their own request only: one that ${name}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Session.get(`${url}bad`).pipe(ClientResponse.text))
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          const defect = Option.getOrThrow(Chunk.head(Cause.defects(exit.cause)))
          assert.include(String(defect), "boom")
        }
        assert.strictEqual(yield* Session.get(`${url}good`).pipe(ClientResponse.text), "fine")
      }).pipe(
        Effect.provide(
          sessionOver((request) => (request.url.endsWith("bad") ? handler(request) : new Response("fine")))
        )
      )
    )
  }

  it.effect("cause a descriptive defect if they return one response for two requests", () =>
    Effect.gen(function* () {
      const one = new Response("x")
      const exit = yield* Effect.exit(
        Effect.repeatN(Session.get(url).pipe(ClientResponse.text), 1).pipe(Effect.provide(sessionOver(() => one)))
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("make a new one for each request"))
    })
  )

  it.scoped("run on the Clock of the request, wherever the layer was built", () =>
    Effect.gen(function* () {
      const live = sessionOver(() => Effect.map(Clock.currentTimeMillis, (now) => new Response(String(now))))
      const context = yield* Layer.build(live).pipe(Effect.withClock(Clock.make()))
      yield* TestClock.setTime(12_345)
      const now = yield* Session.get(url).pipe(ClientResponse.text, Effect.provide(context))
      assert.strictEqual(now, "12345")
    })
  )

  it.effect("are interrupted with their request, and their signal is aborted", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<AbortSignal>()
      const interrupted = yield* Deferred.make<void>()
      const layer = sessionOver((request) =>
        Effect.zipRight(Deferred.succeed(began, request.signal), Effect.never).pipe(
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      )
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(Session.get(url).pipe(ClientResponse.text))
        const signal = yield* Deferred.await(began)
        assert.isFalse(signal.aborted)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(interrupted)
        assert.isTrue(signal.aborted)
      }).pipe(Effect.provide(layer))
    })
  )
})

describe("the time of layerMock", () => {
  const rows: ReadonlyArray<readonly [string, Connector.MockHandler, ClientRequest.RequestOptions, string, string]> = [
    ["headers", () => Testing.faults.stall, { timeout: { headers: "5 seconds" } }, "SocketTimeoutError", "headers"],
    ["total", () => Testing.faults.stall, { timeout: { total: "5 seconds" } }, "TotalTimeoutError", "total"],
    [
      "body",
      () => new Response(new ReadableStream()),
      { timeout: { body: "5 seconds" } },
      "SocketTimeoutError",
      "body"
    ],
    ["send", () => Effect.never, { timeout: { send: "5 seconds" }, data: Stream.never }, "SocketTimeoutError", "send"]
  ]
  for (const [name, handler, options, tag, timeout] of rows) {
    it.effect(`lets the limit ${name} expire on the TestClock`, () =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          Effect.flip(
            Session.request(options.data === undefined ? "GET" : "POST", url, options).pipe(ClientResponse.text)
          )
        )
        yield* TestClock.adjust("4999 millis")
        assert.isNull(fiber.unsafePoll())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assert.strictEqual(error._tag, tag)
        assert.strictEqual("timeout" in error ? error.timeout : undefined, timeout)
      }).pipe(Effect.provide(sessionOver(handler)))
    )
  }

  it.effect("waits for a handler that takes less than the time limits", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Session.get(url).pipe(ClientResponse.text))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }).pipe(Effect.provide(sessionOver(() => Effect.delay(Effect.succeed(new Response("late")), "1 minute"))))
  )
})

describe("the calls and the close of layerMock", () => {
  it.effect("keep all calls in order, including failed ones, until they are cleared", () =>
    Effect.gen(function* () {
      yield* Session.get(`${url}1`).pipe(ClientResponse.text)
      yield* Effect.flip(Session.get(`${url}2`).pipe(ClientResponse.text))
      const mock = yield* Connector.MockCalls
      const all = yield* mock.all
      assert.deepStrictEqual(
        all.map(({ request, status }) => [request.url, status]),
        [
          [`${url}1`, 200],
          [`${url}2`, undefined]
        ]
      )
      yield* mock.clear
      assert.deepStrictEqual(yield* mock.all, [])
    }).pipe(
      Effect.provide(sessionOver((request) => (request.url.endsWith("1") ? new Response("x") : Testing.faults.refused)))
    )
  )

  it.effect("count requests in flight in stats", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      const layer = sessionOver(() => Effect.zipRight(Deferred.succeed(began, undefined), Effect.never))
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        const fiber = yield* Effect.fork(session.get(url).pipe(ClientResponse.text))
        yield* Deferred.await(began)
        const stats = yield* session.connector.stats
        assert.strictEqual(stats.acquired, 1)
        assert.deepStrictEqual([...stats.perKey.keys()], ["https://api.example:443"])
        yield* Fiber.interrupt(fiber)
        yield* Effect.yieldNow()
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("let requests in flight finish, and cut them after the shutdown timeout", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const began = yield* Deferred.make<void>()
      const layer = sessionOver((request) =>
        request.url.endsWith("slow")
          ? Effect.as(Deferred.await(gate), new Response("in time"))
          : Effect.zipRight(Deferred.succeed(began, undefined), Effect.never)
      )
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        const slow = yield* Effect.fork(session.get(`${url}slow`).pipe(ClientResponse.text))
        const stuck = yield* Effect.fork(Effect.flip(session.get(url).pipe(ClientResponse.text)))
        yield* Deferred.await(began)
        const close = yield* Effect.fork(session.close)
        yield* Effect.yieldNow()
        const refused = yield* Effect.flip(session.get(url).pipe(ClientResponse.text))
        assert.strictEqual(refused._tag, "SessionClosedError")
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(slow), "in time")
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(stuck))._tag, "SessionClosedError")
        yield* Fiber.join(close)
      }).pipe(Effect.provide(layer))
    })
  )
})
