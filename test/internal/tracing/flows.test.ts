/**
 * The signals of aiohttp's documented flows, on the fast path and with listeners.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Scope, Stream } from "effect"
import { ClientResponse, type Session, type Tracing } from "effect-http-session"
import { expiring } from "../../support/clock.js"
import { proxyServer } from "../../support/proxyServer.js"
import { server as faultServer, head, plays, reset, respond } from "../../support/server.js"
import { flowOf, loopback, type Recorder, type Way, ways, webServer } from "../../support/signals.js"
import { turns, untilValue } from "../../support/wait.js"

interface Site {
  readonly port: number
  readonly ip: string
  readonly name: string
}

const site = Effect.map(
  webServer((request, response) => {
    const path = request.url ?? ""
    if (path === "/302") response.writeHead(302, { location: "/ok" }).end()
    else if (path === "/307") response.writeHead(307, { location: "/ok" }).end()
    else if (path === "/loop") response.writeHead(302, { location: "/loop" }).end()
    else if (path === "/500") response.writeHead(500).end("no")
    else if (path === "/silent") return
    else if (path === "/cut") {
      response.writeHead(200, { "content-length": "100" }).write("half")
      setImmediate(() => response.socket?.destroy())
    } else if (path === "/empty") response.end()
    else if (request.method === "POST") request.resume().on("end", () => response.end("posted"))
    else response.end("hello")
  }),
  ({ port }): Site => ({ port, ip: `http://127.0.0.1:${port}`, name: `http://site.test:${port}` })
)

type Run = (
  session: Session.SessionService,
  record: Recorder,
  site: Site
) => Effect.Effect<ReadonlyArray<Tracing.Signal> | ReadonlyArray<ReadonlyArray<Tracing.Signal>>, unknown, Scope.Scope>

interface Flow {
  readonly name: string
  readonly options?: Session.LayerOptions
  /** Before the session is made. */
  readonly run: Run
  readonly expected: string | ReadonlyArray<string>
}

/** The signals of one GET, or of another effect, with its body read. */
const get =
  (path: (site: Site) => string, warm?: (site: Site) => string): Run =>
  (session, record, here) =>
    Effect.gen(function* () {
      if (warm !== undefined) yield* session.get(warm(here)).pipe(ClientResponse.text)
      const [, signals] = yield* record(session.get(path(here)).pipe(ClientResponse.text))
      return signals
    })

const ip = (here: Site) => `${here.ip}/ok`
const name = (here: Site) => `${here.name}/ok`

const flows: ReadonlyArray<Flow> = [
  { name: "new connection, host name", run: get(name), expected: "start ccs miss rs re cce hs end cr" },
  { name: "reused connection", run: get(ip, ip), expected: "start reuse hs end cr" },
  { name: "IP literal", run: get(ip), expected: "start ccs cce hs end cr" },
  {
    name: "new connection, name cached",
    options: { connector: { forceClose: true } },
    run: get(name, name),
    expected: "start ccs hit cce hs end cr"
  },
  {
    name: "no DNS cache",
    options: { connector: { useDnsCache: false } },
    run: get(name),
    expected: "start ccs rs re cce hs end cr"
  },
  {
    name: "expired DNS entry",
    options: { connector: { ttlDnsCache: 0, forceClose: true } },
    run: get(name, name),
    expected: "start ccs miss rs re cce hs end cr"
  },
  {
    name: "pool exhausted",
    options: { connector: { limit: 1 } },
    run: (session, record, here) =>
      Effect.gen(function* () {
        const first = yield* Effect.fork(Effect.scoped(session.get(`${here.ip}/silent`)))
        yield* untilValue(session.connector.stats, ({ acquired }) => acquired === 1)
        const second = yield* Effect.fork(record(session.get(`${here.ip}/ok`).pipe(ClientResponse.text)))
        yield* untilValue(session.connector.stats, ({ waiting }) => waiting === 1)
        yield* Fiber.interrupt(first)
        const [, signals] = yield* Fiber.join(second)
        return signals
      }),
    expected: "start qs qe ccs cce hs end cr"
  },
  {
    name: "redirect on the same host",
    run: get((here) => `${here.ip}/302`, ip),
    expected: "start reuse hs redir reuse hs end cr"
  },
  {
    name: "redirect 302 of a POST",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const post = session.post(`${here.ip}/302`, { data: "abc" }).pipe(ClientResponse.text)
        const [, signals] = yield* record(post)
        const steps = signals.flatMap((signal) =>
          signal._tag === "RequestStart" || signal._tag === "RequestRedirect" || signal._tag === "RequestEnd"
            ? [`${signal._tag} ${signal.method} ${signal.url.slice(here.ip.length)}`]
            : []
        )
        assert.deepStrictEqual(steps, ["RequestStart POST /302", "RequestRedirect POST /302", "RequestEnd GET /ok"])
        return signals
      }),
    expected: "start ccs cce hs cs redir reuse hs end cr"
  },
  {
    name: "redirect 307 with a body",
    run: (session, record, here) =>
      Effect.map(
        record(session.post(`${here.ip}/307`, { data: "abc" }).pipe(ClientResponse.text)),
        ([, signals]) => signals
      ),
    expected: "start ccs cce hs cs redir reuse hs cs end cr"
  },
  {
    name: "too many redirects",
    run: (session, record, here) =>
      Effect.map(record(session.get(`${here.ip}/loop`, { maxRedirects: 1 })), ([, signals]) => signals),
    expected: "start ccs cce hs redir reuse hs redir exc"
  },
  {
    name: "bytes body, reported as a whole",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const data = new Uint8Array(200_000)
        const [, signals] = yield* record(session.post(`${here.ip}/ok`, { data }).pipe(ClientResponse.text))
        const chunk = signals.find((signal) => signal._tag === "RequestChunkSent")
        assert.strictEqual(chunk?._tag === "RequestChunkSent" ? chunk.chunk.length : 0, 200_000)
        return signals
      }),
    expected: "start ccs cce hs cs end cr"
  },
  {
    name: "streamed upload, before compression",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const data = Stream.fromIterable(["one", "two!"].map((text) => new TextEncoder().encode(text)))
        const [, signals] = yield* record(
          session.post(`${here.ip}/ok`, { data, compress: "gzip" }).pipe(ClientResponse.text)
        )
        const chunks = signals.flatMap((signal) =>
          signal._tag === "RequestChunkSent" ? [[Buffer.from(signal.chunk).toString(), signal.transferred]] : []
        )
        assert.deepStrictEqual(chunks, [
          ["one", 3],
          ["two!", 7]
        ])
        return signals
      }),
    expected: "start ccs cce hs cs cs end cr"
  },
  {
    name: "an empty body has no chunk",
    run: get((here) => `${here.ip}/empty`, ip),
    expected: "start reuse hs end"
  },
  {
    name: "the headers sent are those of the wire",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const [, signals] = yield* record(session.get(`${here.ip}/ok`, { headers: { "x-a": "1" } }))
        const start = signals.find((signal) => signal._tag === "RequestStart")
        const sent = signals.find((signal) => signal._tag === "RequestHeadersSent")
        assert.strictEqual(start?._tag === "RequestStart" ? JSON.stringify(start.headers) : "", '{"x-a":"1"}')
        assert.includeMembers(sent?._tag === "RequestHeadersSent" ? Object.keys(sent.headers) : [], [
          "host",
          "accept",
          "accept-encoding",
          "user-agent",
          "x-a"
        ])
        return signals
      }),
    expected: "start ccs cce hs end"
  },
  {
    name: "raiseForStatus",
    options: { raiseForStatus: true },
    run: get((here) => `${here.ip}/500`, ip),
    expected: "start reuse hs exc"
  },
  {
    name: "raiseForStatus by the user is not traced",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const [exit, signals] = yield* record(
          Effect.flatMap(session.get(`${here.ip}/500`), (response) => response.raiseForStatus)
        )
        assert.isTrue(Exit.isFailure(exit))
        return signals
      }),
    expected: "start ccs cce hs end cr"
  },
  {
    name: "DNS failure",
    run: get(() => "http://nowhere.test/"),
    expected: "start ccs miss rs exc"
  },
  {
    name: "connection refused",
    run: get(() => "http://127.0.0.1:1/"),
    expected: "start ccs exc"
  },
  {
    name: "TLS failure",
    run: get((here) => `https://site.test:${here.port}/`),
    expected: "start ccs miss rs re exc"
  },
  {
    name: "total timeout while headers are waited for",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const sent = Effect.zipRight(
          untilValue(session.connector.stats, ({ acquired }) => acquired === 1),
          turns(5)
        )
        const [exit, signals] = yield* record(
          expiring(session.get(`${here.ip}/silent`, { timeout: "1 minute" }), sent, 60_000)
        )
        assert.include(String(exit), "TotalTimeoutError")
        return signals
      }),
    expected: "start ccs cce hs exc"
  },
  {
    name: "connect timeout in the queue",
    options: { connector: { limit: 1 } },
    run: (session, record, here) =>
      Effect.gen(function* () {
        const first = yield* Effect.fork(Effect.scoped(session.get(`${here.ip}/silent`)))
        yield* untilValue(session.connector.stats, ({ acquired }) => acquired === 1)
        const [, signals] = yield* record(session.get(`${here.ip}/ok`, { timeout: { connect: 30 } }))
        yield* Fiber.interrupt(first)
        return signals
      }),
    expected: "start qs exc"
  },
  {
    name: "a body that fails after the end",
    run: (session, record, here) =>
      Effect.map(record(session.get(`${here.ip}/cut`).pipe(ClientResponse.text)), ([exit, signals]) => {
        assert.isTrue(Exit.isFailure(exit))
        const end = signals.find((signal) => signal._tag === "ResponseEnd")
        assert.strictEqual(end?._tag === "ResponseEnd" ? end.cause?._tag : undefined, "Fail")
        return signals
      }),
    expected: "start ccs cce hs end cr"
  },
  {
    name: "what cannot be a request has no signal",
    run: (session, record) =>
      Effect.map(
        Effect.all([record(session.get("ftp://example.com/")), record(session.get("http://"))]),
        ([[, first], [, second]]) => [first, second]
      ),
    expected: ["", ""]
  },
  {
    name: "a URL without a host has no signal (aiohttp: start exc)",
    run: get(() => "http:///x"),
    expected: ""
  },
  {
    name: "a closed session has no signal",
    run: (session, record, here) =>
      Effect.zipRight(
        session.close,
        Effect.map(record(session.get(`${here.ip}/ok`)), ([, signals]) => signals)
      ),
    expected: ""
  },
  {
    name: "interrupted in flight",
    run: (session, record, here) =>
      Effect.gen(function* () {
        const sent = yield* Deferred.make<void>()
        const seen = yield* Effect.forkScoped(
          session.signals.pipe(
            Stream.filter(({ _tag }) => _tag === "RequestHeadersSent"),
            Stream.take(1),
            Stream.runForEach(() => Deferred.succeed(sent, undefined))
          )
        )
        yield* Effect.yieldNow()
        const request = Effect.race(session.get(`${here.ip}/silent`), Deferred.await(sent))
        const [, signals] = yield* record(request)
        yield* Fiber.interrupt(seen)
        const last = signals.find((signal) => signal._tag === "RequestException")
        assert.isTrue(last?._tag === "RequestException" && Exit.isInterrupted(Exit.failCause(last.cause)))
        return signals
      }),
    expected: "start ccs cce hs exc"
  },
  {
    name: "middlewares are inside start and end",
    options: {
      middlewares: [(request, next) => Effect.zipRight(next(request), next(request))]
    },
    run: get(ip),
    expected: "start ccs cce hs reuse hs end cr"
  }
]

const checkFlow = (way: Way, flow: Flow) =>
  Effect.scoped(
    Effect.gen(function* () {
      const here = yield* site
      const options = { ...flow.options, connector: { resolver: loopback, ...flow.options?.connector } }
      const found = yield* way.run(options, (session, record) => flow.run(session, record, here))
      const flowOfOne = (one: (typeof found)[number]) => ("_tag" in one ? "" : flowOf(one))
      const single = found.flatMap((one) => ("_tag" in one ? [one] : []))
      assert.deepStrictEqual(typeof flow.expected === "string" ? flowOf(single) : found.map(flowOfOne), flow.expected)
    })
  )

for (const way of ways) {
  describe(`signals, ${way.name}`, () => {
    for (const flow of flows) it.live(flow.name, () => checkFlow(way, flow))

    it.scopedLive("report a hit for the second of two requests for the same new name", () =>
      Effect.gen(function* () {
        const here = yield* site
        const asked = yield* Deferred.make<void>()
        const answer = yield* Deferred.make<void>()
        const resolver: typeof loopback = {
          resolve: (host, options) =>
            Effect.zipRight(
              Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(answer)),
              loopback.resolve(host, options)
            )
        }
        yield* way.run({ connector: { resolver } }, (session, record) =>
          Effect.gen(function* () {
            const one = yield* Effect.fork(record(session.get(name(here)).pipe(ClientResponse.text)))
            yield* Deferred.await(asked)
            const two = yield* Effect.fork(record(session.get(name(here)).pipe(ClientResponse.text)))
            yield* untilValue(session.connector.stats, ({ connecting }) => connecting === 2)
            yield* Deferred.succeed(answer, undefined)
            const [, first] = yield* Fiber.join(one)
            const [, second] = yield* Fiber.join(two)
            assert.strictEqual(flowOf(first), "start ccs miss rs re cce hs end cr")
            assert.strictEqual(flowOf(second), "start ccs hit cce hs end cr")
          })
        )
      })
    )

    it.scopedLive("report one start and a RequestRetry if the request is resent after its connection ended", () =>
      Effect.gen(function* () {
        const peer = yield* faultServer([plays(head, respond(200, "one"), head, reset)])
        yield* way.run({}, (session, record) =>
          Effect.gen(function* () {
            yield* session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text)
            const [exit, signals] = yield* record(session.get(`${peer.url}/nonce?2`).pipe(ClientResponse.text))
            assert.deepStrictEqual(exit, Exit.succeed("2"))
            assert.strictEqual(flowOf(signals), "start reuse hs ccs cce hs end cr")
            const retry = signals.find((signal) => signal._tag === "RequestRetry")
            assert.deepInclude(retry, { reason: "StaleConnection", attempt: 1, delay: 0 })
            assert.strictEqual(signals.find(({ _tag }) => _tag === "RequestEnd")?.attempt, 2)
          })
        )
      })
    )

    it.scopedLive("report a RequestRetry if a new connection ends without a byte", () =>
      Effect.gen(function* () {
        const peer = yield* faultServer([plays(head, reset)])
        yield* way.run({}, (session, record) =>
          Effect.gen(function* () {
            const [exit, signals] = yield* record(session.get(`${peer.url}/nonce?2`).pipe(ClientResponse.text))
            assert.deepStrictEqual(exit, Exit.succeed("2"))
            assert.strictEqual(flowOf(signals), "start ccs cce hs ccs cce hs end cr")
            const retry = signals.find((signal) => signal._tag === "RequestRetry")
            assert.deepInclude(retry, { reason: "Disconnected", attempt: 1, delay: 0 })
            assert.strictEqual(signals.find(({ _tag }) => _tag === "RequestEnd")?.attempt, 2)
          })
        )
      })
    )

    it.scopedLive("report a failure if the connection ends during a POST", () =>
      Effect.gen(function* () {
        const peer = yield* faultServer([plays(head, respond(200, "one"), head, reset)])
        yield* way.run({}, (session, record) =>
          Effect.gen(function* () {
            yield* session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text)
            const [, signals] = yield* record(session.post(`${peer.url}/`, { data: "abc" }))
            assert.strictEqual(flowOf(signals), "start reuse hs cs exc")
          })
        )
      })
    )

    it.scopedLive("report http through a proxy, and a refused CONNECT", () =>
      Effect.gen(function* () {
        const here = yield* site
        const proxy = yield* proxyServer()
        const refusing = yield* proxyServer({ refuse: { status: 407 } })
        yield* way.run({ connector: { resolver: loopback } }, (session, record) =>
          Effect.gen(function* () {
            const [, plain] = yield* record(session.get(name(here), { proxy: proxy.url }).pipe(ClientResponse.text))
            assert.strictEqual(flowOf(plain), "start ccs cce hs end cr")
            const [, refused] = yield* record(session.get("https://site.test/", { proxy: refusing.url }))
            assert.strictEqual(flowOf(refused), "start ccs exc")
          })
        )
      })
    )
  })
}
