import { gzipSync } from "node:zlib"
import { HttpApp, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Clock,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Ref,
  type Scope,
  Stream,
  TestClock
} from "effect"
import * as Auth from "../src/Auth.js"
import type * as ClientRequest from "../src/ClientRequest.js"
import * as ClientResponse from "../src/ClientResponse.js"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import * as Errors from "../src/Errors.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"
import { Pong, pingHandler } from "./support/pingApi.js"
import { layerRoutes, route } from "./support/routes.js"

const url = "https://api.example/"

/** A session over a handler, and the requests that the handler received. */
const over = <R = never>(
  handler: Connector.MockHandler<R>,
  options?: Session.SessionOptions
): Layer.Layer<Session.Session | Connector.MockCalls, never, Exclude<R, Scope.Scope>> =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provide(CookieJar.layer()),
    Layer.provideMerge(Connector.layerMock(handler))
  )

const calls = Effect.flatMap(Connector.MockCalls, (mock) => mock.all)

describe("the handler of layerMock", () => {
  const seen = (method: string, options?: ClientRequest.RequestOptions, path = "") =>
    Effect.gen(function* () {
      let request: Connector.MockRequest | undefined
      yield* Session.request(method, url + path, options).pipe(
        ClientResponse.discard,
        Effect.provide(
          over((given) => {
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
      const layer = over(async (request) => {
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
      const layer = over((request) =>
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
        Effect.provide(over((request) => new Response(request.body)))
      )
      assert.strictEqual(text, "abc")
    })
  )

  it.effect("need not read the body, which is sent nevertheless", () =>
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
      yield* Session.post(url, { data }).pipe(ClientResponse.text, Effect.provide(over(() => new Response("ok"))))
      assert.strictEqual(yield* Ref.get(sent), 100)
    })
  )

  it.effect("does not run to its end if the body fails, which fails the request", () =>
    Effect.gen(function* () {
      const data = Stream.concat(Stream.make(new Uint8Array(3)), Stream.fail("broken"))
      const error = yield* Session.post(url, { data }).pipe(
        ClientResponse.text,
        Effect.provide(over(async (request) => new Response(await request.text()))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "RequestBodyError")
    })
  )
})

describe("the session, for a response of layerMock,", () => {
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
        over(() => {
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
        over((request) =>
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
        over(() => new Response(gzipSync("plain".repeat(1000)), { headers: { "content-encoding": "gzip" } }))
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
        over((request) => {
          const status = Number(new URL(request.url).pathname.slice(1))
          return status > 0
            ? new Response(null, { status, headers: { "content-length": "7" } })
            : new Response("content", { headers: { "content-length": "7" } })
        })
      )
    )
  )

  for (const [name, length, expected] of [
    ["longer", 3, "abc"],
    ["as long", 6, "abcdef"]
  ] as const) {
    it.effect(`ends a body ${name} than announced in the right place`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* Session.get(url).pipe(ClientResponse.text), expected)
      }).pipe(Effect.provide(over(() => new Response("abcdef", { headers: { "content-length": String(length) } }))))
    )
  }

  it.effect("fails a body shorter than announced as incomplete", () =>
    Effect.gen(function* () {
      const error = yield* Session.get(url).pipe(ClientResponse.text, Effect.flip)
      assert.strictEqual(error._tag, "ClientPayloadError")
      if (error._tag !== "ClientPayloadError") return
      assert.deepStrictEqual([error.reason, error.received, error.expected], ["Incomplete", 3, 10])
    }).pipe(Effect.provide(over(() => new Response("abc", { headers: { "content-length": "10" } }))))
  )

  it.effect("streams a body, which a slow reader slows down", () =>
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
      ).pipe(Effect.provide(over(handler)))
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
        Effect.provide(over(handler))
      )
    })
  )

  it.effect("fails on chunks that are not bytes", () =>
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
        Effect.provide(over(() => new Response(stream)))
      )
      assert.strictEqual(error._tag, "ClientPayloadError")
    })
  )
})

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
      const layer = over(handler).pipe(Layer.provide(Layer.succeed(Greeting, "hello")))
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
        const error = yield* Session.get(url).pipe(ClientResponse.text, Effect.flip, Effect.provide(over(handler)))
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
        Effect.provide(over((request) => (request.url.endsWith("bad") ? handler(request) : new Response("fine"))))
      )
    )
  }

  it.effect("cause a descriptive defect if they return one response for two requests", () =>
    Effect.gen(function* () {
      const one = new Response("x")
      const exit = yield* Effect.exit(
        Effect.repeatN(Session.get(url).pipe(ClientResponse.text), 1).pipe(Effect.provide(over(() => one)))
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("make a new one for each request"))
    })
  )

  it.scoped("run on the Clock of the request, wherever the layer was built", () =>
    Effect.gen(function* () {
      const live = over(() => Effect.map(Clock.currentTimeMillis, (now) => new Response(String(now))))
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
      const layer = over((request) =>
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
      }).pipe(Effect.provide(over(handler)))
    )
  }

  it.effect("lets a handler take its time", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Session.get(url).pipe(ClientResponse.text))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "late")
    }).pipe(Effect.provide(over(() => Effect.delay(Effect.succeed(new Response("late")), "1 minute"))))
  )
})

describe("the calls and the close of layerMock", () => {
  it.effect("keep calls in order, also those without a response, until they are cleared", () =>
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
    }).pipe(Effect.provide(over((request) => (request.url.endsWith("1") ? new Response("x") : Testing.faults.refused))))
  )

  it.effect("count requests in flight in stats", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      const layer = over(() => Effect.zipRight(Deferred.succeed(began, undefined), Effect.never))
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

  it.effect("let requests finish, then cut them", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const began = yield* Deferred.make<void>()
      const layer = over((request) =>
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
