/**
 * Spans that an exporter of OpenTelemetry's SDK receives through the bridge of @effect/opentelemetry.
 */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import { assert, describe, it } from "@effect/vitest"
import { SpanKind, SpanStatusCode } from "@opentelemetry/api"
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import { Effect, Layer } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Tracing } from "effect-http-session"
import { server as faultServer, head, plays, reset, respond } from "./support/server.js"
import { loopback, webServer } from "./support/signals.js"

const site = Effect.map(
  webServer((request, response) => {
    const path = request.url ?? ""
    if (path === "/302") response.writeHead(302, { location: "/echo?token=s3cr3t-location" }).end()
    else if (path.startsWith("/404")) response.writeHead(404).end("no")
    else if (path === "/silent") return
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(request.headers))
  }),
  ({ port }) => ({ port, url: `http://127.0.0.1:${port}`, name: `http://site.test:${port}` })
)

/** Runs a program under a span "parent", and returns its exported spans. */
const exported = <A, E>(
  program: Effect.Effect<A, E, Session.Session>,
  options: Session.LayerOptions = {}
): Effect.Effect<
  { readonly value: A; readonly parent: ReadableSpan; readonly clients: ReadonlyArray<ReadableSpan> },
  E
> =>
  Effect.gen(function* () {
    const exporter = new InMemorySpanExporter()
    const sdk = NodeSdk.layer(() => ({
      resource: { serviceName: "test" },
      spanProcessor: new SimpleSpanProcessor(exporter)
    }))
    const session = Session.layer({ ...options, connector: { resolver: loopback, ...options.connector } })
    const [value, spans] = yield* program.pipe(
      Effect.withSpan("parent"),
      // The exporter deletes its spans when it is shut down.
      Effect.map((result) => [result, exporter.getFinishedSpans().slice()] as const),
      Effect.provide(Layer.merge(session, sdk))
    )
    const parent = spans.find(({ name }) => name === "parent")
    if (parent === undefined) return assert.fail("the parent was not exported")
    return { value, parent, clients: spans.filter(({ kind }) => kind === SpanKind.CLIENT) }
  })

const nanos = ([seconds, rest]: ReadableSpan["startTime"]): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(rest)

/** Checks the guarantees that spans give to an exporter. */
const checkSpans = (parent: ReadableSpan, clients: ReadonlyArray<ReadableSpan>) => {
  const ids = new Set(clients.map((span) => span.spanContext().spanId))
  assert.strictEqual(ids.size, clients.length)
  for (const span of clients) {
    assert.strictEqual(span.spanContext().traceId, parent.spanContext().traceId)
    assert.strictEqual(span.parentSpanContext?.spanId, parent.spanContext().spanId)
    assert.isTrue(span.ended)
    assert.isTrue(nanos(span.startTime) >= nanos(parent.startTime))
    assert.isTrue(nanos(span.endTime) >= nanos(span.startTime))
    for (const { time } of span.events) {
      assert.isTrue(nanos(time) >= nanos(span.startTime) && nanos(time) <= nanos(span.endTime))
    }
    assert.notInclude(JSON.stringify([span.name, span.attributes, span.events, span.status]), "s3cr3t")
  }
}

/** The attributes of a span. The bridge has no lists: it writes them as text. */
const attributesOf = (span: ReadableSpan | undefined) =>
  Object.fromEntries(
    Object.entries(span?.attributes ?? {}).map(([name, value]) => [
      name,
      typeof value === "string" && value.startsWith("[") ? JSON.parse(value) : value
    ])
  )

describe("exported spans", () => {
  it.scopedLive("have kind, name, attributes and events, and the server receives the trace context", () =>
    Effect.gen(function* () {
      const { name, port } = yield* site
      const { clients, parent, value } = yield* exported(
        Session.get(`${name.replace("http://", "http://user:s3cr3t-word@")}/echo?sig=s3cr3t-sig&q=1`, {
          urlTemplate: "/echo"
        }).pipe(ClientResponse.json),
        { spans: { requestHeaders: ["authorization", "accept"], responseHeaders: ["content-type"] } }
      )
      checkSpans(parent, clients)
      assert.lengthOf(clients, 1)
      const [span] = clients
      assert.strictEqual(span?.name, "GET /echo")
      assert.strictEqual(span?.resource.attributes["service.name"], "test")
      assert.deepStrictEqual(attributesOf(span), {
        "http.request.method": "GET",
        "server.address": "site.test",
        "server.port": port,
        "url.full": `http://REDACTED:REDACTED@site.test:${port}/echo?sig=REDACTED&q=1`,
        "url.scheme": "http",
        "url.template": "/echo",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": port,
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "http.request.header.accept": ["*/*"],
        "http.request.header.authorization": ["REDACTED"],
        "http.response.header.content-type": ["application/json"]
      })
      assert.strictEqual(span?.status.code, SpanStatusCode.OK)
      assert.deepStrictEqual(
        span?.events.map((event) => event.name),
        ["dns", "connect", "send", "headers"]
      )
      const { spanId, traceId } = span?.spanContext() ?? { spanId: "", traceId: "" }
      assert.deepInclude(value, { traceparent: `00-${traceId}-${spanId}-01` })
    })
  )

  it.scopedLive("of a redirect are siblings, one for each attempt, and the second counts as resent", () =>
    Effect.gen(function* () {
      const { url } = yield* site
      const { clients, parent } = yield* exported(Session.get(`${url}/302`).pipe(ClientResponse.text), {
        spans: { redactedParams: ["token"] }
      })
      checkSpans(parent, clients)
      assert.deepStrictEqual(
        clients.map(({ attributes, name, status }) => [
          name,
          attributes["url.full"],
          attributes["http.response.status_code"],
          attributes["http.request.resend_count"],
          status.code
        ]),
        [
          ["GET", `${url}/302`, 302, undefined, SpanStatusCode.OK],
          ["GET", `${url}/echo?token=REDACTED`, 200, 1, SpanStatusCode.OK]
        ]
      )
    })
  )

  it.scopedLive("of a closed connection are the failed attempt and the resent one", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([plays(head, respond(200, "one"), head, reset)])
      const { clients, parent } = yield* exported(
        Effect.zipRight(
          Session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text),
          Session.get(`${peer.url}/nonce?2`).pipe(ClientResponse.text)
        )
      )
      checkSpans(parent, clients)
      assert.lengthOf(clients, 3)
      assert.strictEqual(clients[1]?.status.code, SpanStatusCode.ERROR)
      assert.isString(clients[1]?.attributes["error.type"])
      assert.notProperty(clients[1]?.attributes, "http.response.status_code")
      assert.strictEqual(clients[2]?.attributes["http.request.resend_count"], 1)
      assert.notProperty(clients[2]?.attributes, "error.type")
    })
  )

  it.scopedLive("of a new connection that ends without a byte are the failed attempt and the resent one", () =>
    Effect.gen(function* () {
      const peer = yield* faultServer([plays(head, reset)])
      const { clients, parent } = yield* exported(Session.get(`${peer.url}/nonce?1`).pipe(ClientResponse.text))
      checkSpans(parent, clients)
      assert.deepStrictEqual(
        clients.map(({ attributes, status }) => [
          status.code === SpanStatusCode.ERROR,
          attributes["http.response.status_code"],
          attributes["http.request.resend_count"]
        ]),
        [
          [true, undefined, undefined],
          [false, 200, 1]
        ]
      )
    })
  )

  const failures: ReadonlyArray<
    readonly [
      name: string,
      request: (url: string) => Effect.Effect<unknown, unknown, Session.Session>,
      /** Any but that of an error if `undefined`. */
      code: SpanStatusCode | undefined,
      attributes: Record<string, unknown>
    ]
  > = [
    [
      "of a 404 have an error by its status",
      (url) => Session.get(`${url}/404`).pipe(ClientResponse.text),
      SpanStatusCode.ERROR,
      { "http.response.status_code": 404, "error.type": "404" }
    ],
    [
      "of a timeout have an error by its tag",
      (url) => Session.get(`${url}/silent`, { timeout: 50 }).pipe(ClientResponse.text),
      SpanStatusCode.ERROR,
      { "http.response.status_code": undefined, "error.type": "TotalTimeoutError" }
    ],
    [
      "of an interrupted caller have no error",
      (url) => Session.get(`${url}/silent`).pipe(ClientResponse.text, Effect.timeout(50)),
      undefined,
      { "http.response.status_code": undefined, "error.type": undefined }
    ]
  ]
  for (const [name, request, code, attributes] of failures) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const { url } = yield* site
        const { clients, parent } = yield* exported(Effect.exit(request(url)))
        checkSpans(parent, clients)
        assert.lengthOf(clients, 1)
        if (code === undefined) assert.notStrictEqual(clients[0]?.status.code, SpanStatusCode.ERROR)
        else assert.strictEqual(clients[0]?.status.code, code)
        for (const [key, value] of Object.entries(attributes))
          assert.strictEqual(clients[0]?.attributes[key], value, key)
      })
    )
  }

  it.scopedLive("have their phases as children within the span of the attempt", () =>
    Effect.gen(function* () {
      const { name } = yield* site
      const exporter = new InMemorySpanExporter()
      const sdk = NodeSdk.layer(() => ({
        resource: { serviceName: "test" },
        spanProcessor: new SimpleSpanProcessor(exporter)
      }))
      const spans = yield* Session.get(`${name}/302`).pipe(
        ClientResponse.text,
        Effect.map(() => exporter.getFinishedSpans().slice()),
        Effect.provide(Layer.merge(Session.layer({ connector: { resolver: loopback }, spans: { phases: true } }), sdk))
      )
      const clients = spans.filter(({ kind }) => kind === SpanKind.CLIENT)
      const phases = clients.map((client) => {
        const children = spans.filter((span) => span.parentSpanContext?.spanId === client.spanContext().spanId)
        for (const child of children) {
          assert.strictEqual(child.kind, SpanKind.INTERNAL)
          assert.isTrue(nanos(child.startTime) >= nanos(client.startTime))
          assert.isTrue(nanos(child.endTime) <= nanos(client.endTime))
        }
        return children.map((child) => child.name).join(" ")
      })
      assert.deepStrictEqual(phases, ["dns connect send headers", "send headers"])
      assert.lengthOf(spans, 2 + 4 + 2)
    })
  )

  it.scopedLive("of the program hold the annotations of listeners", () =>
    Effect.gen(function* () {
      const config = Tracing.traceConfig({
        onRequestEnd: (_session, _ctx, signal) => Effect.annotateCurrentSpan("answered", signal.response.status)
      })
      const exporter = new InMemorySpanExporter()
      const sdk = NodeSdk.layer(() => ({
        resource: { serviceName: "test" },
        spanProcessor: new SimpleSpanProcessor(exporter)
      }))
      const mock = Session.layerWithoutDependencies({ traceConfigs: [config] }).pipe(
        Layer.provide([Connector.layerMock(() => new Response("ok")), CookieJar.layer()])
      )
      const spans = yield* Session.get("http://mock.test/").pipe(
        ClientResponse.text,
        Effect.withSpan("mine"),
        Effect.map(() => exporter.getFinishedSpans().slice()),
        Effect.provide(Layer.merge(mock, sdk))
      )
      assert.strictEqual(spans.find(({ name }) => name === "mine")?.attributes.answered, 200)
      assert.strictEqual(spans.find(({ name }) => name === "GET")?.attributes["server.address"], "mock.test")
    })
  )
})
