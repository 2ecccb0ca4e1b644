import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Option, type Tracer } from "effect"
import { ClientResponse, Session } from "effect-http-session"
import { loopback } from "./support/signals.js"
import { site } from "./support/tracedSite.js"
import { keepingTracer } from "./support/tracers.js"

interface Captured {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly parent: string | undefined
  readonly attributes: { readonly [key: string]: unknown }
  readonly events: ReadonlyArray<string>
  readonly exit: Exit.Exit<unknown, unknown> | undefined
  readonly span: Tracer.Span
}

/** A tracer that records its spans. */
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

  it.scopedLive("are siblings, one for each attempt, with a count of resends", () =>
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
    ["the tracer disabled", 0, {}, Effect.withTracerEnabled(false)],
    ["tracerDisabledWhen that matches", 0, {}, Effect.locally(HttpClient.currentTracerDisabledWhen, () => true)],
    ["tracerDisabledWhen that does not match", 1, {}, Effect.locally(HttpClient.currentTracerDisabledWhen, () => false)]
  ]
  for (const [name, expected, options, wrap] of gates) {
    it.scopedLive(`number ${expected} with ${name}`, () =>
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

  it.scopedLive("are not made by the native tracer without a parent span, and propagate unless that is disabled", () =>
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
