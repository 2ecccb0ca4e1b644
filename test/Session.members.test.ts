/** Members of a session that are also module functions, and Testing.layer. */
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Option, Stream } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Sse, Testing } from "effect-http-session"

const url = "http://a.test/items"

const collect = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

const pages: Connector.MockHandler = (request) =>
  request.url === url
    ? new Response("1", { headers: { link: '<?page=2>; rel="next"' } })
    : new Response(request.headers.get("x-own") ?? "2")

const events: Connector.MockHandler = () =>
  new Response("data: a\n\ndata: b\n\n", { headers: { "content-type": "text/event-stream" } })

describe("Testing.layer", () => {
  it.effect("makes a session on a handler, with its calls and a jar", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Session.get("http://127.0.0.1/set").pipe(ClientResponse.text), "none")
      assert.strictEqual(yield* Session.get("http://127.0.0.1/").pipe(ClientResponse.text), "a=1")
      const calls = yield* Effect.flatMap(Connector.MockCalls, (mock) => mock.all)
      assert.deepStrictEqual(
        calls.map(({ request }) => request.url),
        ["http://127.0.0.1/set", "http://127.0.0.1/"]
      )
      assert.strictEqual(yield* Effect.flatMap(CookieJar.CookieJar, (jar) => jar.size), 1)
    }).pipe(
      Effect.provide(
        Testing.layer(
          (request) => new Response(request.headers.get("cookie") ?? "none", { headers: { "set-cookie": "a=1" } })
        )
      )
    )
  )

  it.effect("accepts options of a session, and simulates faults", () =>
    Effect.gen(function* () {
      const session = Testing.layer(() => Testing.faults.refused, { baseUrl: "http://a.test/" })
      const error = yield* Session.get("/x").pipe(ClientResponse.text, Effect.flip, Effect.provide(session))
      assert.deepInclude(error, { _tag: "ClientConnectorError", url: "http://a.test/x" })
    })
  )
})

describe("a session", () => {
  it.effect("has paginate, which works like the function of the module", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      const options = { headers: { "x-own": "own" } }
      const own = yield* collect(session.paginate(url, (response) => response.text, options))
      assert.deepStrictEqual(own, ["1", "own"])
      assert.deepStrictEqual(own, yield* collect(Session.paginate(url, (response) => response.text, options)))
      const first = session.paginate(url, (response) => response.text, { next: () => Option.none() })
      assert.deepStrictEqual(yield* collect(first), ["1"])
    }).pipe(Effect.provide(Testing.layer(pages)))
  )

  it.effect("has sse, which works like Sse.connect", () =>
    Effect.gen(function* () {
      const session = yield* Session.Session
      const own = yield* collect(session.sse("http://a.test/", { reconnect: false }))
      assert.deepStrictEqual(
        own.map(({ data }) => data),
        ["a", "b"]
      )
      assert.deepStrictEqual(own, yield* collect(Sse.connect("http://a.test/", { reconnect: false })))
    }).pipe(Effect.provide(Testing.layer(events)))
  )

  it.effect("that is derived uses its own options for both", () =>
    Effect.gen(function* () {
      const session = (yield* Session.Session).with({ headers: { "x-own": "derived" } })
      assert.deepStrictEqual(yield* collect(session.paginate(url, (response) => response.text)), ["1", "derived"])
    }).pipe(Effect.provide(Testing.layer(pages)))
  )

  it.effect("of layerMock sends both through its request", () =>
    Effect.gen(function* () {
      const real = yield* Effect.provide(Session.Session, Testing.layer(pages)).pipe(Effect.scoped, Effect.exit)
      assert.strictEqual(real._tag, "Success")
      const session = yield* Session.Session
      assert.deepStrictEqual(yield* collect(session.paginate(url, (response) => response.text)), ["1", "2"])
      assert.strictEqual((yield* collect(Stream.take(session.sse("http://e.test/"), 1)))[0]?.data, "a")
    }).pipe(
      Effect.provide(
        Layer.unwrapEffect(Effect.map(Session.Session, (session) => Session.layerMock({ request: session.request })))
      ),
      Effect.provide(Testing.layer((request) => (request.url.includes("e.test") ? events : pages)(request)))
    )
  )
})

describe("stream with chunkSize", () => {
  const body = "0123456789"
  it.effect("splits larger chunks", () =>
    Effect.gen(function* () {
      for (const [chunkSize, sizes] of [
        [undefined, [10]],
        [1, Array.from(body, () => 1)],
        [4, [4, 4, 2]],
        [10, [10]],
        [11, [10]]
      ] as const) {
        const pieces = yield* collect(ClientResponse.stream(Session.get(url), { chunkSize }))
        assert.deepStrictEqual(
          pieces.map(({ length }) => length),
          [...sizes]
        )
        assert.strictEqual(Buffer.concat(pieces).toString(), body)
      }
      const piped = Session.get(url).pipe(ClientResponse.stream, Stream.runCount)
      assert.strictEqual(yield* piped, 1)
      const opened = yield* Session.get(url)
      const inScope = ClientResponse.stream(Effect.succeed(opened), { chunkSize: 5 })
      assert.strictEqual(yield* Stream.runCount(inScope), 2)
    }).pipe(Effect.scoped, Effect.provide(Testing.layer(() => new Response(body))))
  )

  for (const chunkSize of [0, -1, 1.5, Number.NaN, Infinity]) {
    it.effect(`dies for ${chunkSize}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Stream.runDrain(ClientResponse.stream(Session.get(url), { chunkSize })))
        assert.isTrue(exit._tag === "Failure" && exit.cause._tag === "Die")
      }).pipe(Effect.provide(Testing.layer(() => new Response(body))))
    )
  }
})
