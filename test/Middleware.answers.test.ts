/** Middlewares that respond themselves, or with a response of another session. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, type Scope, Stream } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"
import * as Server from "./support/server.js"

const url = "http://a.test/x"

/** A session on a mock that responds with the path. */
const sessionOf = (options: Session.SessionOptions = {}) =>
  Effect.flatMap(
    Layer.build(
      Layer.merge(
        Connector.layerMock((request) => new Response(new URL(request.url).pathname)),
        CookieJar.layer()
      )
    ),
    (context) => Effect.provide(Session.make(options), context)
  )

const tcp = (options?: Session.SessionOptions): Effect.Effect<Session.SessionService, never, Scope.Scope> =>
  Effect.gen(function* () {
    return yield* Effect.provideService(
      Effect.provideService(Session.make(options), Connector.Connector, yield* Connector.tcp()),
      CookieJar.CookieJar,
      yield* CookieJar.make()
    )
  })

const answering = (init: ClientResponse.ResponseInit): Session.SessionOptions => ({
  middlewares: [(request) => Effect.sync(() => ClientResponse.make(request, init))]
})

describe("ClientResponse.make", () => {
  it.scoped("responds with a status, headers and a body", () =>
    Effect.gen(function* () {
      const session = yield* sessionOf(
        answering({ status: 201, headers: { "x-a": ["1", "2"], etag: '"e"' }, body: "text" })
      )
      const response = yield* session.post(url, { text: "sent" })
      assert.deepInclude(response, { status: 201, reason: "Created", url, ok: true, attempts: 0, history: [] })
      assert.deepStrictEqual(response.headerValues("x-a"), ["1", "2"])
      assert.strictEqual(response.headers["content-type"], "text/plain; charset=utf-8")
      assert.strictEqual(yield* response.text, "text")
      assert.strictEqual(yield* response.text, "text")
      assert.strictEqual(response.requestInfo.method, "POST")
    })
  )

  it.scoped("responds with JSON, with bytes and without a body", () =>
    Effect.gen(function* () {
      const User = Schema.Struct({ id: Schema.Number })
      const json = yield* sessionOf(answering({ status: 200, json: { id: 1 } }))
      assert.deepStrictEqual(yield* json.get(url).pipe(ClientResponse.schemaJson(User)), { id: 1 })
      const own = yield* sessionOf(
        answering({ status: 200, headers: { "Content-Type": "application/problem+json" }, json: null })
      )
      const response = yield* own.get(url)
      assert.strictEqual(response.headers["content-type"], "application/problem+json")
      const bytes = yield* sessionOf(answering({ status: 200, body: Uint8Array.of(1, 2) }))
      assert.deepStrictEqual([...(yield* ClientResponse.bytes(bytes.get(url)))], [1, 2])
      const streamed = ClientResponse.stream(bytes.get(url)).pipe(Stream.runFold(0, (sum, each) => sum + each.length))
      assert.strictEqual(yield* streamed, 2)
      const nothing = yield* sessionOf(answering({ status: 204 }))
      assert.strictEqual(yield* ClientResponse.text(nothing.get(url)), "")
      assert.strictEqual(
        yield* ClientResponse.text((yield* sessionOf(answering({ status: 200, body: "x" }))).head(url)),
        ""
      )
    })
  )

  it.scoped("is subject to raiseForStatus and redirects", () =>
    Effect.gen(function* () {
      const refused = yield* sessionOf({ ...answering({ status: 404, body: "none" }), raiseForStatus: true })
      const error = yield* Effect.flip(ClientResponse.text(refused.get(url)))
      assert.deepInclude(error, { _tag: "ClientResponseError", status: 404, method: "GET", url })
      const moved = yield* sessionOf({
        middlewares: [
          (request, next) =>
            request.url.endsWith("/x")
              ? Effect.sync(() => ClientResponse.make(request, { status: 302, headers: { location: "/y" } }))
              : next(request)
        ]
      })
      const response = yield* moved.get(url)
      assert.strictEqual(yield* response.text, "/y")
      assert.deepStrictEqual(
        response.history.map(({ status }) => status),
        [302]
      )
      assert.strictEqual(response.attempts, 1)
    })
  )

  it.scoped("has the redirects of its call as history", () =>
    Effect.gen(function* () {
      const session = yield* sessionOf({
        middlewares: [
          (request) =>
            Effect.sync(() =>
              request.url.endsWith("/x")
                ? ClientResponse.make(request, { status: 302, headers: { location: "/y" } })
                : ClientResponse.make(request, { status: 200 })
            )
        ]
      })
      assert.deepStrictEqual(
        (yield* session.get(url)).history.map((head) => head.status),
        [302]
      )
    })
  )

  it.scoped("throws for an invalid status, header or body", () =>
    Effect.gen(function* () {
      const request = yield* ClientRequest.make("GET", url)
      for (const init of [
        { status: 99 },
        { status: 101 },
        { status: 600 },
        { status: 200.5 },
        { status: 200, headers: { "a b": "1" } },
        { status: 200, headers: { a: "1\r\n" } },
        { status: 200, body: "a", json: 1 },
        { status: 200, json: () => 1 }
      ]) {
        assert.throws(() => ClientResponse.make(request, init), /ClientResponse\.make/)
      }
    })
  )
})

describe("attempts of a response", () => {
  it.scopedLive("counts redirects and retries", () =>
    Effect.gen(function* () {
      let seen = 0
      const server = yield* Server.always(
        Server.answers((request) => {
          if (request.target === "/moved") return Server.response(302, "", ["Location: /busy"])
          return Server.response(request.target === "/busy" && ++seen < 3 ? 503 : 200, "ok", ["Retry-After: 0"])
        })
      )
      const session = yield* tcp({ middlewares: [Middleware.retry()] })
      assert.strictEqual((yield* session.get(`${server.url}/`)).attempts, 1)
      assert.strictEqual((yield* session.get(`${server.url}/moved`)).attempts, 4)
    })
  )
})

/** A server that sends the second piece of a body on request. */
const slow = Server.always((peer) =>
  Effect.gen(function* () {
    yield* peer.request
    yield* peer.send("HTTP/1.1 200 OK\r\nContent-Length: 200004\r\n\r\nab")
    yield* peer.send(`${"x".repeat(200_000)}cd`)
  })
)

describe("a response of another session that a middleware of Middleware.make returns", () => {
  it.scopedLive("can be streamed or read whole, and is released with its new owner", () =>
    Effect.gen(function* () {
      const server = yield* slow
      const other = yield* tcp()
      const through = yield* Middleware.make((request) => other.execute(request))
      const session = yield* tcp({ middlewares: [through] })
      assert.strictEqual((yield* ClientResponse.text(session.get(server.url))).length, 200_004)
      const streamed = yield* ClientResponse.stream(session.get(server.url)).pipe(
        Stream.runFold(0, (sum, bytes) => sum + bytes.length)
      )
      assert.strictEqual(streamed, 200_004)
      const read = yield* Effect.scoped(Effect.flatMap(session.get(server.url), (response) => response.bytes))
      assert.strictEqual(read.length, 200_004)
      const late = yield* Effect.scoped(session.get(server.url))
      assert.strictEqual((yield* Effect.flip(late.text))._tag, "ClientPayloadError")
    })
  )

  it.scopedLive("is released if an outer middleware drops it", () =>
    Effect.gen(function* () {
      const server = yield* slow
      const other = yield* tcp()
      const dropped: Array<ClientResponse.ClientResponse> = []
      const through = yield* Middleware.make((request) => Effect.tap(other.execute(request), (it) => dropped.push(it)))
      const twice: Middleware.Middleware = (request, next) => Effect.zipRight(next(request), next(request))
      const session = yield* tcp({ middlewares: [twice, through] })
      assert.strictEqual((yield* ClientResponse.text(session.get(server.url))).length, 200_004)
      const [first] = dropped
      assert.isDefined(first)
      if (first !== undefined) assert.strictEqual((yield* Effect.flip(first.text))._tag, "ClientPayloadError")
      const failing: Middleware.Middleware = (request, next) => Effect.zipRight(next(request), Effect.interrupt)
      const gone = yield* tcp({ middlewares: [failing, through] })
      yield* Effect.exit(ClientResponse.text(gone.get(server.url)))
      const last = dropped[2]
      if (last !== undefined) assert.strictEqual((yield* Effect.flip(last.text))._tag, "ClientPayloadError")
    })
  )
})
