import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Context, Deferred, Effect, Exit, Fiber, Option, Stream, type Tracer } from "effect"
import { ClientResponse, Session, Ssl, Tracing } from "effect-http-session"
import { turn } from "../src/internal/testing/faultServer.js"
import { SignalDelivery } from "../src/internal/tracing/signalDelivery.js"
import { makeHub } from "../src/internal/transport/signalHub.js"
import { standard } from "./support/certificates.js"
import { recordedMetrics } from "./support/metrics.js"
import { proxyServer } from "./support/proxyServer.js"
import { server as faultServer, fin, head, plays, respond } from "./support/server.js"
import { flowOf, listenToAll, loopback, tagsOf, webServer } from "./support/signals.js"
import { keepingTracer } from "./support/tracers.js"

const site = Effect.map(
  webServer((request, response) => {
    const path = request.url ?? ""
    if (path === "/302") response.writeHead(302, { location: "/echo" }).end()
    else if (path.startsWith("/404")) response.writeHead(404).end("no")
    else if (path === "/silent") return
    else if (path === "/cookie") response.writeHead(200, { "set-cookie": "s3cr3t-cookie=1" }).end()
    else
      response
        .writeHead(200, { "x-served": "yes", "content-type": "application/json" })
        .end(JSON.stringify(request.headers))
  }),
  ({ port }) => `http://127.0.0.1:${port}`
)

describe("traceConfig", () => {
  it.scopedLive(
    "passes the session, one context for each request and config, and the signal, in order of the configs",
    () =>
      Effect.gen(function* () {
        const url = yield* site
        const lines: Array<string> = []
        const say = (line: string) => Effect.sync(() => void lines.push(line))
        const config = (name: string) =>
          Tracing.traceConfig({
            ctx: (given) => ({ name, given, seen: 0 }),
            onRequestStart: (session, ctx, signal) =>
              say(`${name} start ${Session.TypeId in session} ${String(ctx.given)} ${++ctx.seen} ${signal.requestId}`),
            onRequestRedirect: (_session, ctx, signal) => say(`${name} redirect ${++ctx.seen} ${signal.location}`),
            onRequestEnd: (_session, ctx, signal) => say(`${name} end ${++ctx.seen} ${signal.response.status}`)
          })
        yield* Session.get(`${url}/302`, { traceRequestCtx: "ctx" }).pipe(
          ClientResponse.text,
          Effect.provide(Session.layer({ traceConfigs: [config("a"), config("b")] }))
        )
        assert.deepStrictEqual(lines, [
          "a start true ctx 1 1",
          "b start true ctx 1 1",
          "a redirect 2 /echo",
          "b redirect 2 /echo",
          "a end 3 200",
          "b end 3 200"
        ])
      })
  )

  it.scopedLive("uses traceRequestCtx as the context if ctx is not set", () =>
    Effect.gen(function* () {
      const url = yield* site
      let seen: unknown
      const config = Tracing.traceConfig({
        onRequestStart: (_session, ctx) =>
          Effect.sync(() => {
            seen = ctx.traceRequestCtx
          })
      })
      yield* Session.get(`${url}/echo`, { traceRequestCtx: { foo: "bar" } }).pipe(
        ClientResponse.discard,
        Effect.provide(Session.layer({ traceConfigs: [config] }))
      )
      assert.deepStrictEqual(seen, { foo: "bar" })
    })
  )

  it.scopedLive("awaits each listener before the request continues, so that headers are not written before", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([])
      const reached = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const config = Tracing.traceConfig({
        onRequestHeadersSent: () => Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(go))
      })
      const fiber = yield* Session.get(`${peer.url}/nonce?1`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.fork
      )
      yield* Deferred.await(reached)
      for (let i = 0; i < 20; i++) yield* turn
      assert.lengthOf(yield* peer.requests, 0)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "1")
    })
  )

  it.scopedLive("can change the headers of every hop in onRequestStart", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({
        onRequestStart: (_session, _ctx, _signal, headers) =>
          Effect.zipRight(headers.set("x-added", "1"), headers.remove("x-gone"))
      })
      const body = yield* Session.get(`${url}/302`, { headers: { "x-gone": "1", "x-kept": "1" } }).pipe(
        ClientResponse.json,
        Effect.provide(Session.layer({ traceConfigs: [config] }))
      )
      assert.deepInclude(body, { "x-added": "1", "x-kept": "1" })
      assert.notProperty(body, "x-gone")
    })
  )

  it.scopedLive("fails the request if onRequestStart sets an invalid header", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({
        onRequestStart: (_session, _ctx, _signal, headers) => headers.set("x-bad", "a\r\nb")
      })
      const exit = yield* Session.get(`${url}/echo`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.exit
      )
      assert.include(String(exit), "InvalidRequest")
    })
  )

  const points = [
    "onRequestStart",
    "onConnectionCreateStart",
    "onConnectionCreateEnd",
    "onRequestHeadersSent",
    "onRequestChunkSent",
    "onRequestEnd",
    "onResponseChunkReceived",
    "onResponseEnd"
  ] as const
  for (const point of points) {
    it.scopedLive(`fails only its own request if ${point} dies, and releases everything`, () =>
      Effect.gen(function* () {
        const url = yield* site
        const outcomes: Array<string> = []
        const config = Tracing.traceConfig({
          ctx: (given) => given,
          [point]: (_session: unknown, ctx: unknown) => (ctx === "die" ? Effect.die("boom") : Effect.void),
          onRequestException: (_session, _ctx, signal) =>
            Effect.sync(() => void outcomes.push(Cause.isDie(signal.cause) ? "defect" : "other"))
        })
        yield* Effect.gen(function* () {
          const session = yield* Session.Session
          const post = (traceRequestCtx: string) =>
            session.post(`${url}/echo`, { data: "abc", traceRequestCtx }).pipe(ClientResponse.text, Effect.exit)
          const [bad, good] = yield* Effect.all([post("die"), post("live")], { concurrency: 2 })
          assert.isTrue(Exit.isFailure(bad) && Cause.isDie(bad.cause), String(bad))
          assert.isTrue(Exit.isSuccess(good), String(good))
          const ended = point === "onRequestEnd" || point.startsWith("onResponse")
          assert.deepStrictEqual(outcomes, ended ? [] : ["defect"])
          const { acquired, connecting, waiting } = yield* session.connector.stats
          assert.deepStrictEqual({ acquired, connecting, waiting }, { acquired: 0, connecting: 0, waiting: 0 })
        }).pipe(Effect.provide(Session.layer({ traceConfigs: [config] })))
      })
    )
  }

  it.scopedLive("cannot exceed the total timeout with a listener that hangs", () =>
    Effect.gen(function* () {
      const url = yield* site
      const config = Tracing.traceConfig({ onRequestHeadersSent: () => Effect.never })
      const exit = yield* Session.get(`${url}/echo`, { timeout: 40 }).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [config] })),
        Effect.exit
      )
      assert.include(String(exit), "TotalTimeoutError")
    })
  )

  it.scopedLive("emits signals of an unread body and of released connections", () =>
    Effect.gen(function* () {
      const url = yield* site
      const heard: Array<Tracing.Signal> = []
      const config = listenToAll((signal) => Effect.sync(() => void heard.push(signal)))
      yield* Effect.scoped(Session.get(`${url}/echo`)).pipe(Effect.provide(Session.layer({ traceConfigs: [config] })))
      const tags = tagsOf(heard)
      assert.deepStrictEqual(tags.slice(0, 4), [
        "RequestStart",
        "ConnectionCreateStart",
        "ConnectionCreateEnd",
        "RequestHeadersSent"
      ])
      assert.includeMembers([...tags], ["RequestEnd", "ResponseEnd"])
      assert.isTrue(tags.includes("ConnectionReleased") || tags.includes("ConnectionClosed"))
    })
  )

  it("refuses an invalid config", () => {
    const exit = Effect.runSyncExit(
      Effect.scoped(
        Effect.provide(Session.Session, Session.layer({ traceConfigs: [{} as unknown as Tracing.TraceConfig] }))
      )
    )
    assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
  })
})

describe("phases that aiohttp does not report", () => {
  it.scopedLive(
    "include the tunnel and the handshake of https over a proxy, and CONNECT has no headers of its own",
    () =>
      Effect.gen(function* () {
        const { ca, good } = yield* standard()
        const peer = yield* faultServer([plays(head, respond(200, "safe"), fin)], { tls: good })
        const proxy = yield* proxyServer()
        const ssl = yield* Ssl.context({ ca })
        const [, signals] = yield* Tracing.collect(
          Session.get(`https://localhost:${new URL(peer.url).port}/`, { proxy: proxy.url }).pipe(ClientResponse.text)
        ).pipe(Effect.provide(Session.layer({ connector: { ssl, resolver: loopback } })))
        assert.strictEqual(flowOf(signals), "start ccs cce hs end cr")
        assert.deepStrictEqual(tagsOf(signals).slice(1, 7), [
          "ConnectionCreateStart",
          "ProxyConnectStart",
          "ProxyConnectEnd",
          "TlsHandshakeStart",
          "TlsHandshakeEnd",
          "ConnectionCreateEnd"
        ])
        assert.include(Tracing.waterfall(signals), "t tls")
      })
  )

  it.scopedLive("include informational responses", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([
        plays(head, (to) => to.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), respond(200, "ok"))
      ])
      const [, signals] = yield* Tracing.collect(Session.get(`${peer.url}/`).pipe(ClientResponse.text)).pipe(
        Effect.provide(Session.layer())
      )
      const early = signals.find((signal) => signal._tag === "ResponseInformational")
      assert.strictEqual(early?._tag === "ResponseInformational" ? early.status : 0, 103)
    })
  )

  it.scopedLive("show no secret", () =>
    Effect.gen(function* () {
      const url = yield* site
      const heard: Array<Tracing.Signal> = []
      const config = listenToAll((signal) => Effect.sync(() => void heard.push(signal)))
      yield* Session.get(`${url.replace("http://", "http://user:s3cr3t-word@")}/cookie?access_token=s3cr3t-token`, {
        headers: { cookie: "a=s3cr3t-a", "x-api-key": "s3cr3t-key" }
      }).pipe(ClientResponse.discard, Effect.provide(Session.layer({ traceConfigs: [config] })))
      const end = heard.find((signal) => signal._tag === "RequestEnd")
      const raw =
        end?._tag === "RequestEnd"
          ? Buffer.concat(end.response.rawHeaders.flat().map((part) => Buffer.from(part))).toString()
          : ""
      const info = end?._tag === "RequestEnd" ? JSON.stringify(end.response.requestInfo) : ""
      const all = JSON.stringify(heard, (_, value) => (typeof value === "bigint" ? String(value) : value))
      assert.include(all, "REDACTED")
      assert.notInclude(all + raw + info + Tracing.waterfall(heard), "s3cr3t")
    })
  )
})

describe("signals as a stream", () => {
  it.scopedLive("reach the readers of their session and connector, and no other session's", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        const read = (stream: Stream.Stream<Tracing.Signal>) =>
          Effect.fork(Stream.runCollect(Stream.takeUntil(stream, ({ _tag }) => _tag === "ResponseEnd")))
        const own = yield* read(session.signals)
        const connectors = yield* read(session.connector.signals)
        yield* turn
        yield* session.get(`${url}/echo`).pipe(ClientResponse.text)
        const seen = yield* Fiber.join(own)
        assert.strictEqual(flowOf(seen), "start ccs cce hs end cr")
        assert.deepStrictEqual(tagsOf(yield* Fiber.join(connectors)), tagsOf(seen))
        const ids = new Set(Chunk.map(seen, ({ requestId, sessionId }) => `${sessionId} ${requestId}`))
        assert.strictEqual(ids.size, 1)
        const times = Chunk.toReadonlyArray(Chunk.map(seen, ({ time }) => time))
        assert.isTrue(times.every((time) => time >= (times[0] ?? Infinity)))
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.scopedLive("include idle connections that close", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        yield* session.get(`${url}/echo`).pipe(ClientResponse.text)
        const closed = yield* Effect.fork(Stream.runHead(session.signals))
        yield* turn
        yield* session.connector.closeIdle
        const signal = Option.getOrThrow(yield* Fiber.join(closed))
        assert.deepInclude(signal, { _tag: "ConnectionClosed", requestId: undefined, reason: "Shutdown", requests: 1 })
      }).pipe(Effect.provide(Session.layer()))
    })
  )

  it.effect("lose the oldest for a slow reader, which gets their number, and count chunks by bytes", () =>
    Effect.gen(function* () {
      const hub = makeHub()
      const first = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const fiber = yield* Stream.runFoldEffect(
        Stream.take(hub.stream, 4098),
        [] as Array<Tracing.Signal>,
        (all, signal) => {
          all.push(signal)
          return all.length === 1
            ? Effect.as(Effect.zipRight(Deferred.succeed(first, undefined), Deferred.await(go)), all)
            : Effect.succeed(all)
        }
      ).pipe(Effect.fork)
      while (!hub.reading()) yield* Effect.yieldNow()
      const offer = (host: string) => hub.offer({ _tag: "DnsCacheMiss", host })
      offer("first")
      yield* Deferred.await(first)
      for (let i = 0; i < 5000; i++) offer(`host-${i}`)
      yield* Deferred.succeed(go, undefined)
      const all = yield* Fiber.join(fiber)
      assert.deepInclude(all[1], { _tag: "SignalsLost", count: 5000 - 4096 })
      assert.deepInclude(all[2], { _tag: "DnsCacheMiss", host: `host-${5000 - 4096}` })
      assert.deepInclude(all.at(-1), { _tag: "DnsCacheMiss", host: "host-4999" })
      assert.isFalse(hub.reading())
    })
  )

  it.scopedLive("are not built if there are no readers", () =>
    Effect.gen(function* () {
      const url = yield* site
      yield* Effect.gen(function* () {
        const session = yield* Session.Session
        let built = 0
        const { build } = SignalDelivery.prototype
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            SignalDelivery.prototype.build = function (...args) {
              built++
              return build.apply(this, args)
            }
          }),
          () =>
            Effect.sync(() => {
              SignalDelivery.prototype.build = build
            })
        )
        yield* session.get(`${url}/302`).pipe(ClientResponse.text)
        assert.strictEqual(built, 0)
        yield* Tracing.collect(session.get(`${url}/302`).pipe(ClientResponse.text))
        assert.isAbove(built, 0)
      }).pipe(Effect.provide(Session.layer()))
    })
  )
})

describe("collect", () => {
  it.scopedLive("returns the requests made inside, of any session, nested ones included, and no others", () =>
    Effect.gen(function* () {
      const url = yield* site
      const get = (path: string) => Session.get(`${url}${path}`).pipe(ClientResponse.text)
      const starts = (signals: ReadonlyArray<Tracing.Signal>) =>
        signals.flatMap((signal) => (signal._tag === "RequestStart" ? [signal.url.slice(url.length)] : []))
      yield* Effect.gen(function* () {
        const outside = yield* Effect.fork(get("/outside"))
        const [[, inner], outer] = yield* Tracing.collect(
          Effect.zipLeft(
            Tracing.collect(Effect.all([get("/1"), Effect.provide(get("/2"), Session.layer())], { concurrency: 2 })),
            get("/3")
          )
        )
        yield* Fiber.join(outside)
        assert.sameMembers(starts(inner), ["/1", "/2"])
        assert.sameMembers(starts(outer), ["/1", "/2", "/3"])
      }).pipe(Effect.provide(Session.layer()))
    })
  )
})

interface Captured {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: string | undefined
  readonly attributes: { readonly [key: string]: unknown }
  readonly events: ReadonlyArray<string>
  readonly exit: Exit.Exit<unknown, unknown> | undefined
  readonly span: Tracer.Span
}

/** A tracer that records its calls. */
const capturing = () => {
  const { kept, tracer } = keepingTracer()
  const spans = (): ReadonlyArray<Captured> =>
    kept.map(({ attributes, events, exit, span }) => ({
      name: span.name,
      kind: span.kind,
      parent: Option.getOrUndefined(span.parent)?.spanId,
      attributes: Object.fromEntries(attributes),
      events,
      exit,
      span
    }))
  return { tracer, spans }
}

describe("spans", () => {
  const client = (spans: ReadonlyArray<Captured>) => spans.filter(({ kind }) => kind === "client")

  it.scopedLive("have the required and recommended attributes, and continue in the request's headers", () =>
    Effect.gen(function* () {
      const url = yield* site
      const port = Number(new URL(url).port)
      const { spans, tracer } = capturing()
      const echoed = yield* Session.get(`${url}/echo?sig=s3cr3t&q=1`, { urlTemplate: "/echo" }).pipe(
        ClientResponse.json,
        Effect.withSpan("parent"),
        Effect.provide(Session.layer({ spans: { responseHeaders: ["X-Served"], requestHeaders: ["accept"] } })),
        Effect.withTracer(tracer)
      )
      const [span] = client(spans())
      assert.strictEqual(span?.name, "GET /echo")
      assert.deepStrictEqual(span?.attributes, {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": `${url}/echo?sig=REDACTED&q=1`,
        "url.scheme": "http",
        "url.template": "/echo",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": port,
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "http.request.header.accept": ["*/*"],
        "http.response.header.x-served": ["yes"]
      })
      assert.strictEqual(span?.parent, spans().find(({ name }) => name === "parent")?.span.spanId)
      assert.isTrue(span?.exit !== undefined && Exit.isSuccess(span.exit))
      assert.deepStrictEqual(span?.events, ["connect", "send", "headers"])
      assert.deepInclude(echoed, {
        traceparent: `00-0af7651916cd43dd8448eb211c80319c-${span?.span.spanId}-01`,
        b3: `0af7651916cd43dd8448eb211c80319c-${span?.span.spanId}-1-${span?.parent}`
      })
    })
  )

  it.scopedLive("are siblings, one for each attempt, with the resends counted", () =>
    Effect.gen(function* () {
      const url = yield* site
      const { spans, tracer } = capturing()
      yield* Session.get(`${url}/302`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer()),
        Effect.withTracer(tracer)
      )
      assert.deepStrictEqual(
        client(spans()).map(({ attributes, name }) => [
          name,
          attributes["http.response.status_code"],
          attributes["http.request.resend_count"]
        ]),
        [
          ["GET", 302, undefined],
          ["GET", 200, 1]
        ]
      )
      assert.isTrue(client(spans()).every(({ exit, parent }) => exit !== undefined && parent === undefined))
    })
  )

  const failures: ReadonlyArray<
    readonly [name: string, path: string, type: string | undefined, status: number | undefined]
  > = [
    ["a status of 400 and more", "/404", "404", 404],
    ["a timeout", "/silent", "TotalTimeoutError", undefined]
  ]
  for (const [name, path, type, status] of failures) {
    it.scopedLive(`of ${name} have an error type`, () =>
      Effect.gen(function* () {
        const url = yield* site
        const { spans, tracer } = capturing()
        yield* Session.get(`${url}${path}`, { timeout: status === undefined ? 60 : "1 minute" }).pipe(
          ClientResponse.text,
          Effect.exit,
          Effect.provide(Session.layer()),
          Effect.withTracer(tracer)
        )
        const [span] = client(spans())
        assert.strictEqual(span?.attributes["error.type"], type)
        assert.strictEqual(span?.attributes["http.response.status_code"], status)
        assert.isTrue(span?.exit !== undefined && Exit.isFailure(span.exit))
      })
    )
  }

  it.scopedLive("record a refused connection and an unknown method", () =>
    Effect.gen(function* () {
      const { spans, tracer } = capturing()
      yield* Session.request("BREW", "http://127.0.0.1:1/").pipe(
        ClientResponse.text,
        Effect.exit,
        Effect.provide(Session.layer()),
        Effect.withTracer(tracer)
      )
      const [span] = client(spans())
      assert.strictEqual(span?.name, "HTTP")
      assert.deepInclude(span?.attributes, {
        "http.request.method": "_OTHER",
        "http.request.method_original": "BREW",
        "error.type": "ClientConnectorError"
      })
    })
  )

  it.scopedLive("of an interrupted request have no error", () =>
    Effect.gen(function* () {
      const url = yield* site
      const { spans, tracer } = capturing()
      yield* Session.get(`${url}/silent`).pipe(
        ClientResponse.text,
        Effect.timeoutOption(40),
        Effect.provide(Session.layer()),
        Effect.withTracer(tracer)
      )
      const [span] = client(spans())
      assert.notProperty(span?.attributes, "error.type")
      assert.isTrue(span?.exit !== undefined && Exit.isInterrupted(span.exit))
    })
  )

  it.scopedLive("have phases as children if configured, and all of them end", () =>
    Effect.gen(function* () {
      const url = yield* site
      const { spans, tracer } = capturing()
      yield* Session.get(`${url.replace("127.0.0.1", "site.test")}/echo`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ spans: { phases: true }, connector: { resolver: loopback } })),
        Effect.withTracer(tracer)
      )
      const [span] = client(spans())
      const children = spans().filter(({ parent }) => parent === span?.span.spanId)
      assert.deepStrictEqual(
        children.map(({ name }) => name),
        ["dns", "connect", "send", "headers"]
      )
      assert.isTrue(spans().every(({ exit }) => exit !== undefined))
      assert.deepStrictEqual(span?.events, [])
    })
  )

  const gates: ReadonlyArray<
    readonly [
      name: string,
      expected: number,
      options: Session.LayerOptions,
      wrap: (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>
    ]
  > = [
    ["a custom tracer", 1, {}, (effect) => effect],
    ["spans: false", 0, { spans: false }, (effect) => effect],
    ["the tracer switched off", 0, {}, Effect.withTracerEnabled(false)],
    ["tracerDisabledWhen", 0, {}, Effect.locally(HttpClient.currentTracerDisabledWhen, () => true)],
    ["tracerDisabledWhen for others", 1, {}, Effect.locally(HttpClient.currentTracerDisabledWhen, () => false)]
  ]
  for (const [name, expected, options, wrap] of gates) {
    it.scopedLive(`give ${expected} for ${name}`, () =>
      Effect.gen(function* () {
        const url = yield* site
        const { spans, tracer } = capturing()
        yield* wrap(Session.get(`${url}/echo`).pipe(ClientResponse.text, Effect.provide(Session.layer(options)))).pipe(
          Effect.withTracer(tracer)
        )
        assert.lengthOf(client(spans()), expected)
      })
    )
  }

  it.scopedLive("of Effect's native tracer exist under a parent only, and headers are sent unless disabled", () =>
    Effect.gen(function* () {
      const url = yield* site
      const headers = Session.get(`${url}/echo`).pipe(ClientResponse.json, Effect.provide(Session.layer()))
      assert.notProperty(yield* headers, "traceparent")
      assert.property(yield* Effect.withSpan(headers, "parent"), "traceparent")
      const quiet = Effect.locally(headers, HttpClient.currentTracerPropagation, false)
      assert.notProperty(yield* Effect.withSpan(quiet, "parent"), "traceparent")
    })
  )

  it.scopedLive("have names of HttpClient.SpanNameGenerator if it is set", () =>
    Effect.gen(function* () {
      const url = yield* site
      const { spans, tracer } = capturing()
      yield* Session.get(`${url}/echo`).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer()),
        Effect.provide(Context.make(HttpClient.SpanNameGenerator, (request) => `call ${request.method}`)),
        Effect.withTracer(tracer)
      )
      assert.strictEqual(client(spans())[0]?.name, "call GET")
    })
  )
})

describe("metrics", () => {
  it.scopedLive("records durations, active requests, connections, sizes and lookups", () =>
    Effect.gen(function* () {
      const url = (yield* site).replace("127.0.0.1", "metrics.test")
      const port = new URL(url).port
      yield* Effect.gen(function* () {
        yield* Session.post(`${url}/echo`, { data: "12345" }).pipe(ClientResponse.text)
        yield* Session.get(`${url}/404`).pipe(ClientResponse.text)
      }).pipe(
        Effect.provide(
          Session.layer({ traceConfigs: [Tracing.metrics({ all: true })], connector: { resolver: loopback } })
        )
      )
      const found = (yield* recordedMetrics).filter(
        ({ tags }) => tags["server.port"] === port || tags["dns.question.name"] === "metrics.test"
      )
      const of = (name: string) => found.filter((one) => one.name === name)
      const durations = of("http.client.request.duration")
      assert.deepStrictEqual(
        durations.map(({ count, tags }) => [tags["http.request.method"], tags["error.type"] ?? "", count]).sort(),
        [
          ["GET", "404", 1],
          ["POST", "", 1]
        ]
      )
      assert.isTrue(of("http.client.active_requests").every(({ count }) => count === 0))
      assert.isTrue(of("http.client.open_connections").every(({ count }) => count === 0))
      assert.lengthOf(of("http.client.open_connections"), 2)
      assert.strictEqual(of("http.client.connection.duration")[0]?.count, 1)
      assert.strictEqual(
        of("http.client.request.body.size").find(({ tags }) => tags["http.request.method"] === "POST")?.sum,
        5
      )
      assert.lengthOf(of("http.client.response.body.size"), 2)
      assert.strictEqual(of("dns.lookup.duration")[0]?.count, 1)
    })
  )
})

describe("waterfall", () => {
  it("draws an empty chart if there are no signals", () => {
    assert.strictEqual(Tracing.waterfall([]), "")
    const start = { time: 0, sessionId: "", requestId: 1, attempt: 1, hop: 0, method: "GET", url: "http://a/" }
    const signal: Tracing.Signal = { _tag: "RequestStart", ...start, headers: {} as Tracing.RequestStart["headers"] }
    for (const width of [Infinity, Number.NaN, -1]) assert.isString(Tracing.waterfall([signal], { width }))
  })

  it.scopedLive("draws hops and requests in order, within the width", () =>
    Effect.gen(function* () {
      const url = yield* site
      const [, signals] = yield* Tracing.collect(
        Effect.zipRight(
          Session.get(`${url}/302`).pipe(ClientResponse.text),
          Session.get(`${url}/404`).pipe(ClientResponse.text)
        )
      ).pipe(Effect.provide(Session.layer()))
      const lines = Tracing.waterfall(signals, { width: 100 }).split("\n")
      assert.lengthOf(lines, 4)
      assert.isTrue(lines.every((line) => line.length <= 100))
      assert.match(lines[0] ?? "", /^GET 127\.0\.0\.1:\d+\/302 +302 \|.*[ch].*\| +\d+\.\d ms$/)
      assert.match(lines[1] ?? "", /^> GET 127\.0\.0\.1:\d+\/echo +200 \|.*\| +\d+\.\d ms$/)
      assert.match(lines[2] ?? "", /404 \|/)
      assert.include(lines[3] ?? "", "h headers")
    })
  )
})
