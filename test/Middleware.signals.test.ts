/** The signals of the attempts that middlewares make. */
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber, Layer, Redacted, Schedule, TestClock } from "effect"
import {
  Auth,
  ClientResponse,
  Connector,
  CookieJar,
  Errors,
  Har,
  Middleware,
  Session,
  Testing,
  Tracing
} from "effect-http-session"

type Retry = Omit<Tracing.RequestRetry, "error"> & { readonly error?: { readonly _tag: string } | undefined }

/** The RequestRetry signals of one GET, by `collect`, by a TraceConfig and on the stream alike. */
const retriesOf = (
  middleware: Middleware.Middleware,
  handler: Connector.MockHandler,
  passes: Duration.DurationInput = 0
) =>
  Effect.gen(function* () {
    const received: Array<Retry> = []
    const config = Tracing.traceConfig({
      onRequestRetry: (_session, _ctx, signal) => Effect.sync(() => received.push(signal))
    })
    const asked = Session.get("http://a.test/", { params: { token: "s3cret" } }).pipe(
      ClientResponse.use((response) => Effect.succeed(response.status)),
      Tracing.collect
    )
    const session = Layer.provide(
      Session.layerWithoutDependencies({ traceConfigs: [config], middlewares: [middleware] }),
      [Connector.layerMock(handler), CookieJar.layer()]
    )
    const fiber = yield* Effect.fork(Effect.provide(asked, session))
    yield* TestClock.adjust(passes)
    const [status, signals] = yield* Fiber.join(fiber)
    const retries = signals.filter((signal) => signal._tag === "RequestRetry")
    assert.deepStrictEqual(received, retries)
    const tags = signals.map((signal) => signal._tag)
    assert.strictEqual(tags.filter((tag) => tag === "RequestStart").length, 1)
    assert.strictEqual(tags.filter((tag) => tag === "RequestEnd").length, 1)
    for (const signal of retries) assert.notInclude(JSON.stringify(signal), "s3cret")
    return { status, tags, retries }
  })

const facts = (retries: ReadonlyArray<Retry>) =>
  retries.map(({ delay, error, method, reason, response, url }) => ({
    method,
    address: url.split("?")[0],
    reason,
    delay,
    error: error?._tag,
    status: response?.status
  }))

const retry = (more: {
  readonly reason: string
  readonly delay?: number
  readonly error?: string
  readonly status?: number
}) => ({
  method: "GET",
  address: "http://a.test/",
  delay: 0,
  error: undefined,
  status: undefined,
  ...more
})

describe("RequestRetry", () => {
  it.effect("of retry is emitted before each attempt after the first, with the wait and the failure", () =>
    Effect.gen(function* () {
      let calls = 0
      const { retries, status, tags } = yield* retriesOf(
        Middleware.retry({ schedule: Schedule.exponential("1 second") }),
        () => {
          calls++
          if (calls === 1) return Testing.faults.refused
          return new Response(null, calls === 2 ? { status: 503, headers: { "retry-after": "30" } } : {})
        },
        "31 seconds"
      )
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(facts(retries), [
        retry({ reason: "Retry", delay: 1000, error: "ClientConnectorError" }),
        retry({ reason: "Retry", delay: 30_000, status: 503 })
      ])
      assert.strictEqual(retries[1]?.response?.headers["retry-after"], "30")
      assert.isBelow(tags.lastIndexOf("RequestRetry"), tags.indexOf("RequestEnd"))
      assert.isTrue(retries[0] !== undefined && Errors.isClientError(retries[0].error))
    })
  )

  it.effect("is not emitted if nothing is sent again", () =>
    Effect.gen(function* () {
      const { retries, status } = yield* retriesOf(Middleware.retry(), () => new Response(null, { status: 404 }))
      assert.strictEqual(status, 404)
      assert.deepStrictEqual(facts(retries), [])
    })
  )

  it.effect("of digest is emitted for the answer to a challenge, and not for credentials sent in advance", () =>
    Effect.gen(function* () {
      const digest = yield* Middleware.digest(Auth.basic("user", "p"))
      const handler: Connector.MockHandler = (request) =>
        request.headers.has("authorization")
          ? new Response("ok")
          : new Response(null, { status: 401, headers: { "www-authenticate": 'Digest realm="r", nonce="n"' } })
      const first = yield* retriesOf(digest, handler)
      assert.deepStrictEqual([first.status, facts(first.retries)], [200, [retry({ reason: "Digest", status: 401 })]])
      const second = yield* retriesOf(digest, handler)
      assert.deepStrictEqual([second.status, facts(second.retries)], [200, []])
    })
  )

  it.effect("of bearerRefresh is emitted for a refused token, and not for the first one", () =>
    Effect.gen(function* () {
      let tokens = 0
      const bearer = yield* Middleware.bearerRefresh({
        token: Effect.sync(() => Redacted.make(`t${++tokens}`))
      })
      const handler: Connector.MockHandler = (request) =>
        new Response(null, { status: request.headers.get("authorization") === "Bearer t2" ? 200 : 401 })
      const first = yield* retriesOf(bearer, handler)
      assert.deepStrictEqual(
        [first.status, facts(first.retries)],
        [200, [retry({ reason: "TokenRefresh", status: 401 })]]
      )
      const second = yield* retriesOf(bearer, handler)
      assert.deepStrictEqual([second.status, facts(second.retries)], [200, []])
    })
  )

  it.effect("of hedge is emitted for each additional request, with the time before it", () =>
    Effect.gen(function* () {
      let calls = 0
      const { retries, status } = yield* retriesOf(
        Middleware.hedge({ after: "100 millis", max: 2 }),
        () => (++calls < 3 ? Effect.never : Effect.succeed(new Response())),
        "200 millis"
      )
      assert.strictEqual(status, 200)
      const beside = retry({ reason: "Hedge", delay: 100 })
      assert.deepStrictEqual(facts(retries), [beside, beside])
    })
  )

  it.effect("sets the status of the attempt in an archive and in the waterfall without its secrets", () =>
    Effect.gen(function* () {
      let calls = 0
      const session = Layer.provide(
        Session.layerWithoutDependencies({ middlewares: [Middleware.retry({ schedule: Schedule.recurs(3) })] }),
        [
          Connector.layerMock(() => {
            calls++
            if (calls === 1) return Testing.faults.refused
            const headers = { "retry-after": "0", "x-why": "busy", "set-cookie": "sid=s3cret" }
            return calls === 2 ? new Response("no", { status: 503, headers }) : new Response("ok")
          }),
          CookieJar.layer()
        ]
      )
      const [, signals] = yield* Session.get("http://a.test/").pipe(
        ClientResponse.text,
        Tracing.collect,
        Effect.provide(session)
      )
      const entries = Har.fromSignals(signals).log.entries
      const statuses = entries.map(({ response }) => Reflect.get(Object(response), "status"))
      assert.deepStrictEqual(statuses, [0, 503, 200])
      assert.include(JSON.stringify(entries[1]), '"x-why","value":"busy"')
      assert.notInclude(JSON.stringify(entries), "s3cret")
      const lines = Tracing.waterfall(signals, { width: 120 }).split("\n")
      assert.deepStrictEqual(
        lines.slice(0, 3).map((line) => /(\S+) +\|/.exec(line)?.[1]),
        ["ClientConnectorError", "503", "200"]
      )
    })
  )
})
