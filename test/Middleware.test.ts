import * as Http from "node:http"
import { KeyValueStore } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Redacted,
  Schedule,
  type Scope,
  TestClock
} from "effect"
import {
  Auth,
  ClientRequest,
  ClientResponse,
  Connector,
  CookieJar,
  Errors,
  Middleware,
  Session
} from "effect-http-session"
import { until } from "./support/wait.js"

/** A session without sockets. */
const mocked = (handler: Connector.MockHandler, options: Omit<Session.SessionOptions, "connector"> = {}) =>
  Layer.provide(Session.layerWithoutDependencies(options), [Connector.layerMock(handler), CookieJar.layer()])

interface Server {
  readonly url: string
  readonly seen: Array<Http.IncomingMessage>
  readonly connections: () => number
}

const serve = (listener: Http.RequestListener): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: Http.Server; readonly it: Server }>((resume) => {
      const seen: Array<Http.IncomingMessage> = []
      let connections = 0
      const server = Http.createServer((request, response) => {
        seen.push(request)
        listener(request, response)
      })
      server.on("connection", () => connections++)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(
          Effect.succeed({ server, it: { url: `http://127.0.0.1:${port}`, seen, connections: () => connections } })
        )
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((made) => made.it))

/** Logs its name and the hop before the request, and its name and the status after it. */
const noted =
  (name: string, log: Array<string>): Middleware.Middleware =>
  (request, next) => {
    log.push(`${name}>${request.hop}`)
    return Effect.tap(next(request), (response) => Effect.sync(() => log.push(`<${name} ${response.status}`)))
  }

const text = (url: string, options?: ClientRequest.RequestOptions) =>
  Session.get(url, options).pipe(ClientResponse.text)

describe("the chain", () => {
  it.scopedLive("runs for each hop, with the first middleware outermost", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/a") response.writeHead(302, { location: "/b" }).end()
        else response.end("b")
      })
      const log: Array<string> = []
      const middlewares = [noted("a", log), noted("b", log)]
      assert.strictEqual(yield* text(`${server.url}/a`).pipe(Effect.provide(Session.layer({ middlewares }))), "b")
      assert.deepStrictEqual(log, ["a>0", "b>0", "<b 302", "<a 302", "a>1", "b>1", "<b 200", "<a 200"])
    })
  )

  it.scopedLive("of a request replaces the session's, and [] means no middleware", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end())
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        yield* text(server.url, { middlewares: [noted("own", log)] })
        yield* text(server.url, { middlewares: [] })
        yield* text(server.url)
      }).pipe(Effect.provide(Session.layer({ middlewares: [noted("session", log)] })))
      assert.deepStrictEqual(log, ["own>0", "<own 200", "session>0", "<session 200"])
    })
  )

  it.scopedLive("runs outside the cookie jar, so that an attempt sends the cookies that the previous one set", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.headers.cookie === undefined) response.writeHead(503, { "set-cookie": "id=1" }).end()
        else response.end(request.headers.cookie)
      })
      const middlewares = [Middleware.retry({ schedule: Schedule.spaced(1) })]
      // Only an unsafe jar stores cookies of an IP address.
      const url = server.url.replace("127.0.0.1", "localhost")
      assert.strictEqual(yield* text(url).pipe(Effect.provide(Session.layer({ middlewares }))), "id=1")
    })
  )

  it.scopedLive("releases responses that it does not return, so that one connection is enough", () =>
    Effect.gen(function* () {
      const large = "x".repeat(300_000)
      const server = yield* serve((request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { "www-authenticate": 'Digest realm="r", nonce="n", qop="auth"' }).end(large)
        } else response.end("in")
      })
      const digest = yield* Middleware.digest(Auth.basic("u", "p"))
      const session = Session.layer({ middlewares: [digest], connector: { limit: 1 }, timeout: "15 seconds" })
      assert.strictEqual(yield* text(server.url).pipe(Effect.provide(session)), "in")
    })
  )

  it.scopedLive("releases forgotten responses when it ends", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("x".repeat(300_000)))
      const greedy: Middleware.Middleware = (request, next) =>
        Effect.zipRight(Effect.zipRight(next(request), next(request)), next(request))
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        assert.strictEqual((yield* text(server.url)).length, 300_000)
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
      }).pipe(Effect.provide(Session.layer({ middlewares: [greedy] })))
    })
  )

  it.scopedLive("opens no connection if it fails before next, and leaves none in use if it fails after it", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("x".repeat(300_000)))
      const failing =
        (late: boolean): Middleware.Middleware =>
        (request, next) => {
          const fail = Effect.fail(new Errors.MiddlewareError({ reason: "Failed" }))
          return late ? Effect.zipRight(next(request), fail) : fail
        }
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* Effect.flip(text(server.url, { middlewares: [failing(false)] }))
        assert.strictEqual(server.connections(), 0)
        yield* Effect.flip(text(server.url, { middlewares: [failing(true)] }))
        assert.strictEqual((yield* session.connector.stats).acquired, 0)
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.scopedLive("keeps credentials that a middleware adds at their origin", () =>
    Effect.gen(function* () {
      const other = yield* serve((request, response) => response.end(String(request.headers.authorization)))
      const server = yield* serve((_, response) => response.writeHead(307, { location: other.url }).end())
      const bearer = yield* Middleware.bearerRefresh({ token: Effect.succeed(Redacted.make("t")) })
      const session = Session.layer({ middlewares: [bearer] })
      assert.strictEqual(yield* text(server.url).pipe(Effect.provide(session)), "undefined")
      assert.strictEqual(server.seen[0]!.headers.authorization, "Bearer t")
    })
  )

  it.scopedLive("is interrupted by the total limit of the request", () =>
    Effect.gen(function* () {
      const stuck: Middleware.Middleware = () => Effect.never
      const session = Session.layer({ middlewares: [stuck], timeout: "20 millis" })
      const error = yield* Effect.flip(text("http://127.0.0.1:1/").pipe(Effect.provide(session)))
      assert.strictEqual(error._tag, "TotalTimeoutError")
    })
  )

  it.scoped("sees the error of a total limit that expires while it waits for next", () =>
    Effect.gen(function* () {
      const server = yield* serve(() => {})
      const breaker = yield* Middleware.circuitBreaker({ failures: 1 })
      yield* Effect.gen(function* () {
        const slow = yield* Effect.fork(Effect.flip(text(server.url, { timeout: "10 seconds" })))
        yield* until(() => server.seen.length === 1)
        yield* TestClock.adjust("10 seconds")
        const first = yield* Fiber.join(slow)
        const second = yield* Effect.flip(text(server.url))
        assert.deepStrictEqual([first._tag, second._tag], ["TotalTimeoutError", "MiddlewareError"])
      }).pipe(Effect.provide(Session.layer({ middlewares: [breaker] })))
    })
  )

  it.scopedLive("fails only its own request with a defect", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.end("fine"))
      const broken: Middleware.Middleware = () => {
        throw new Error("broken")
      }
      yield* Effect.gen(function* () {
        const exit = yield* Effect.exit(text(server.url, { middlewares: [broken] }))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.strictEqual(yield* text(server.url), "fine")
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.scopedLive("can change the header, the URL and the body with its length", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        let body = ""
        request.on("data", (chunk) => {
          body += chunk
        })
        request.on("end", () =>
          response.end(`${request.url} ${request.headers["content-length"]} ${request.headers["x-a"]} ${body}`)
        )
      })
      const change: Middleware.Middleware = (request, next) =>
        next(
          request.pipe(ClientRequest.setHeader("x-a", "1"), ClientRequest.setUrl("/b"), ClientRequest.setBody("longer"))
        )
      const answer = Session.post(`${server.url}/a`, { text: "short", middlewares: [change] }).pipe(ClientResponse.text)
      assert.strictEqual(yield* answer.pipe(Effect.provide(Session.layer())), "/b 6 1 longer")
    })
  )
})

describe("invalid options", () => {
  const wrong: ReadonlyArray<readonly [text: string, make: () => unknown, value?: string]> = [
    ["retry.times", () => Middleware.retry({ times: -1 }), " of -1"],
    ["retry.times", () => Middleware.retry({ times: Number.NaN }), " of NaN"],
    ["hedge.max", () => Middleware.hedge({ after: 1, max: 0.5 })],
    ["retry.maxRetryAfter", () => Middleware.retry({ maxRetryAfter: -1 })],
    ["hedge.after", () => Middleware.hedge({ after: Number.NaN })],
    ["circuitBreaker.failures", () => Effect.runSync(Middleware.circuitBreaker({ failures: 0 }))],
    ["circuitBreaker.resetAfter", () => Effect.runSync(Middleware.circuitBreaker({ resetAfter: -1 }))],
    ["rateLimit.interval", () => Effect.runSync(Effect.scoped(Middleware.rateLimit({ limit: 1, interval: -1 })))],
    ["retryBudget.ratio", () => Effect.runSync(Middleware.retryBudget({ ratio: Number.NaN }))],
    ["retryBudget.min", () => Effect.runSync(Middleware.retryBudget({ min: -1 }))],
    [
      "bearerRefresh.origins",
      () => Effect.runSync(Middleware.bearerRefresh({ token: Effect.never, origins: ["api.example"] }))
    ]
  ]
  for (const [text, make, value = ""] of wrong)
    it(`${text}${value} is a defect when it is constructed`, () => assert.throws(make, `Invalid option "${text}": `))

  it("do not include an infinite number of retries", () => {
    assert.isFunction(Middleware.retry({ times: Infinity }))
  })
})

describe("make", () => {
  class Signer extends Context.Tag("Signer")<Signer, { readonly sign: (text: string) => string }>() {}
  class SigningError extends Data.TaggedError("SigningError")<{ readonly keyId: string }> {}

  it.effect("provides its requirements when it is constructed", () =>
    Effect.gen(function* () {
      const signed = Middleware.make((request, next) =>
        Effect.flatMap(Signer, (signer) =>
          next(ClientRequest.setHeader(request, "signature", signer.sign(request.url)))
        )
      )
      const sign = yield* Effect.provideService(signed, Signer, { sign: (url) => `signed ${url}` })
      const session = mocked((request) => new Response(request.headers.get("signature")), { middlewares: [sign] })
      assert.strictEqual(yield* text("http://a.test/x").pipe(Effect.provide(session)), "signed http://a.test/x")
    })
  )

  it.effect("wraps a foreign error in a MiddlewareError and keeps a ClientError", () =>
    Effect.gen(function* () {
      const foreign = yield* Middleware.make(() => Effect.fail(new SigningError({ keyId: "k" })))
      const refused = yield* Middleware.make((request) =>
        Effect.fail(new Errors.InvalidRequest({ method: request.method, option: "x", description: "no" }))
      )
      const failure = (middleware: Middleware.Middleware) =>
        Effect.flip(text("http://a.test/x", { middlewares: [middleware] }))
      const [first, second] = yield* Effect.all([failure(foreign), failure(refused)]).pipe(
        Effect.provide(mocked(() => new Response()))
      )
      if (first._tag !== "MiddlewareError") return assert.fail(first._tag)
      assert.deepStrictEqual([first.reason, first.method, first.url], ["Failed", "GET", "http://a.test/x"])
      assert.instanceOf(first.cause, SigningError)
      assert.strictEqual(second._tag, "InvalidRequest")
    })
  )

  it.effect("closes a Scope that it needs when it returns, and the response stays open", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scoped = yield* Middleware.make((request, next) =>
        Effect.zipRight(
          Effect.addFinalizer(() => Effect.sync(() => log.push("closed"))),
          Effect.tap(next(request), () => Effect.sync(() => log.push("answered")))
        )
      )
      const session = mocked(() => new Response("body"), { middlewares: [scoped] })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const response = yield* Session.get("http://a.test/")
          assert.deepStrictEqual(log, ["answered", "closed"])
          assert.strictEqual(yield* response.text, "body")
        })
      ).pipe(Effect.provide(session))
    })
  )
})

describe("middlewares of a session", () => {
  it.effect("include retry, which waits by the request's Clock", () =>
    Effect.gen(function* () {
      let calls = 0
      const session = mocked(
        () =>
          ++calls === 1 ? new Response(null, { status: 503, headers: { "retry-after": "30" } }) : new Response("ok"),
        { middlewares: [Middleware.retry()] }
      )
      const fiber = yield* Effect.fork(text("http://a.test/").pipe(Effect.provide(session)))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(calls, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
      assert.strictEqual(calls, 2)
    })
  )

  it.effect("include hedge, which returns the faster of two responses", () =>
    Effect.gen(function* () {
      let calls = 0
      const session = mocked(() => (++calls === 1 ? Effect.never : Effect.succeed(new Response("second"))), {
        middlewares: [Middleware.hedge({ after: "100 millis" })]
      })
      const fiber = yield* Effect.fork(text("http://a.test/").pipe(Effect.provide(session)))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "second")
    })
  )

  it.scopedLive("include cache, which answers like the server, redirects and decoders included", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/a") {
          response.writeHead(301, { location: "/b", "cache-control": "max-age=60" }).end()
        } else
          response.writeHead(200, { "cache-control": "max-age=60", "content-type": "application/json" }).end('{"n":1}')
      })
      const cache = yield* Middleware.cache()
      yield* Effect.gen(function* () {
        for (let index = 0; index < 3; index++) {
          const [json, history] = yield* Session.get(`${server.url}/a`).pipe(
            ClientResponse.use((response) =>
              Effect.map(response.json, (value) => [value, response.history.map((hop) => hop.status)] as const)
            )
          )
          assert.deepStrictEqual(json, { n: 1 })
          assert.deepStrictEqual(history, [301])
        }
      }).pipe(Effect.provide(Session.layer({ middlewares: [cache] })))
      assert.strictEqual(server.seen.length, 2)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.scopedLive("answer a proxy's Digest challenge to the proxy only", () =>
    Effect.gen(function* () {
      const challenge = { "proxy-authenticate": 'Digest realm="p", nonce="n", qop="auth"' }
      const proxy = yield* serve((request, response) => {
        if (request.headers["proxy-authorization"] === undefined) response.writeHead(407, challenge).end()
        else response.end(`${request.url} ${request.headers["proxy-authorization"].slice(0, 22)}`)
      })
      const origin = yield* serve((_, response) => response.writeHead(407, challenge).end("own"))
      const digest = yield* Middleware.digest(Auth.basic("user", "p"), { proxy: true })
      yield* Effect.gen(function* () {
        assert.strictEqual(
          yield* text("http://a.test/x", { proxy: proxy.url }),
          'http://a.test/x Digest username="user"'
        )
        // Without a proxy, a challenge for proxy credentials gets no answer.
        assert.strictEqual(yield* text(origin.url), "own")
        assert.strictEqual(origin.seen.length, 1)
      }).pipe(Effect.provide(Session.layer({ middlewares: [digest] })))
    })
  )

  it.scopedLive("limit attempts if rateLimit is inside retry, and requests if it is outside", () =>
    Effect.gen(function* () {
      const server = yield* serve((_, response) => response.writeHead(503).end())
      const limit = yield* Middleware.rateLimit({ limit: 1, interval: Duration.hours(1), wait: false })
      const again = Middleware.retry({ schedule: Schedule.spaced(1) })
      yield* Effect.gen(function* () {
        const inside = yield* Effect.either(text(server.url, { middlewares: [again, limit] }))
        assert.isTrue(inside._tag === "Left" && inside.left._tag === "MiddlewareError")
        assert.strictEqual(server.seen.length, 1)
      }).pipe(Effect.provide(Session.layer()))
    })
  )
})
