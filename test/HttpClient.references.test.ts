/** The FiberRefs and References of @effect/platform that apply to a request and its response. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import {
  FetchHttpClient,
  Headers,
  HttpClient,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  KeyValueStore,
  Multipart as PlatformMultipart
} from "@effect/platform"
import { NodeFileSystem, NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Effect,
  Exit,
  type FiberRefs,
  Inspectable,
  Layer,
  Option,
  Schema,
  type Scope,
  Stream,
  Tracer
} from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Errors from "effect-http-session/Errors"
import * as Middleware from "effect-http-session/Middleware"
import * as Multipart from "effect-http-session/Multipart"
import * as Session from "effect-http-session/Session"
import * as Sse from "effect-http-session/Sse"
import * as Tracing from "effect-http-session/Tracing"
import { clientErrorKind, multipartReason } from "./support/clientErrors.js"
import { folder } from "./support/downloads.js"
import { getSpanName, isUntraced, withHeaderAttributes } from "./support/platformSpans.js"
import { watchedTracer } from "./support/tracers.js"

/** A server of Node that reports the headers of each request. */
const echo = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const server = createServer((request, response) => {
      response.setHeader("content-type", "application/json")
      response.setHeader("x-answer", "answer")
      response.end(JSON.stringify(request.headers))
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`))

const clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = {
  session: Session.layerHttpClient.pipe(Layer.provide(Session.layer())),
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  fetch: FetchHttpClient.layer
}

/** A tracer that keeps its spans. */
const spying = Effect.map(Effect.tracer, (native) => {
  const spans: Array<Tracer.Span> = []
  const tracer = watchedTracer(native, (span) => spans.push(span))
  return { spans, tracer }
})

const Sent = Schema.Record({ key: Schema.String, value: Schema.String })

/** The headers that the server received. */
const ask = (url: string, headers: Headers.Input = {}) =>
  Effect.flatMap(HttpClient.get(url, { headers }), HttpClientResponse.schemaBodyJson(Sent))

type Program = (
  url: string,
  spans: ReadonlyArray<Tracer.Span>
) => Effect.Effect<void, unknown, HttpClient.HttpClient | Scope.Scope>

/** Runs an effect with a changed client, for functions such as `HttpClient.withTracerPropagation`. */
const through =
  (change: (client: HttpClient.HttpClient) => HttpClient.HttpClient) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(HttpClient.HttpClient, (client) =>
      Effect.provideService(effect, HttpClient.HttpClient, change(client))
    )

describe("the span of a request", () => {
  const programs: Readonly<Record<string, Program>> = {
    "is not made if FiberRef.currentTracerEnabled is false": (url, spans) =>
      Effect.map(Effect.withTracerEnabled(ask(url), false), (sent) => {
        assert.lengthOf(spans, 0)
        assert.isTrue(isUntraced(sent.traceparent))
      }),
    "has no times if FiberRef.currentTracerTimingEnabled is false": (url, spans) =>
      Effect.gen(function* () {
        yield* Effect.withTracerTiming(ask(url), false)
        yield* ask(url)
        assert.deepStrictEqual(
          spans.map(({ status }) => status.startTime === 0n),
          [true, false]
        )
      }),
    "is not made if HttpClient.currentTracerDisabledWhen holds": (url, spans) =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const disabled = (request: HttpClientRequest.HttpClientRequest) => {
          seen.push(request.url)
          return request.url.endsWith("?quiet")
        }
        assert.isUndefined(
          (yield* Effect.locally(ask(`${url}?quiet`), HttpClient.currentTracerDisabledWhen, disabled)).traceparent
        )
        assert.lengthOf(spans, 0)
        yield* through(HttpClient.withTracerDisabledWhen(disabled))(ask(`${url}?loud`))
        assert.lengthOf(spans, 1)
        assert.deepStrictEqual(seen, [`${url}?quiet`, `${url}?loud`])
      }),
    "is not propagated if HttpClient.currentTracerPropagation is false": (url, spans) =>
      Effect.gen(function* () {
        assert.isUndefined((yield* Effect.locally(ask(url), HttpClient.currentTracerPropagation, false)).traceparent)
        assert.isUndefined((yield* through(HttpClient.withTracerPropagation(false))(ask(url))).traceparent)
        assert.lengthOf(spans, 2)
        assert.include((yield* ask(url)).traceparent, spans[2]?.spanId ?? "none")
      }),
    "is named by HttpClient.SpanNameGenerator": (url, spans) =>
      Effect.gen(function* () {
        const name = (request: HttpClientRequest.HttpClientRequest) => `own ${request.method}`
        yield* Effect.provideService(ask(url), HttpClient.SpanNameGenerator, name)
        yield* through(HttpClient.withSpanNameGenerator(name))(ask(url))
        yield* ask(url)
        assert.deepStrictEqual(
          spans.map((span) => span.name),
          ["own GET", "own GET", getSpanName]
        )
      }),
    "shows no headers that Headers.currentRedactedNames names": (url, spans) =>
      Effect.gen(function* () {
        const request = withHeaderAttributes(ask(url, { "x-own": "s3cr3t-own", authorization: "s3cr3t-auth" }))
        yield* Effect.locally(request, Headers.currentRedactedNames, ["x-own", /^x-ans/])
        yield* request
        const attribute = (index: number, name: string) => String(spans[index]?.attributes.get(name))
        assert.strictEqual(attribute(0, "http.request.header.x-own"), "<redacted>")
        assert.strictEqual(attribute(0, "http.response.header.x-answer"), "<redacted>")
        assert.strictEqual(attribute(1, "http.request.header.x-own"), "s3cr3t-own")
        assert.strictEqual(attribute(1, "http.request.header.authorization"), "<redacted>")
        assert.strictEqual(attribute(1, "http.response.header.x-answer"), "answer")
      }),
    "has the annotations, the links and the parent of its surroundings": (url, spans) =>
      Effect.gen(function* () {
        yield* ask(url).pipe(
          Effect.annotateSpans("key", "value"),
          Effect.linkSpans(Tracer.externalSpan({ spanId: "link", traceId: "trace" })),
          Effect.withParentSpan(Tracer.externalSpan({ spanId: "parent", traceId: "trace" }))
        )
        const [span] = spans
        assert.strictEqual(span?.attributes.get("key"), "value")
        assert.strictEqual(span?.links[0]?.span.spanId, "link")
        assert.strictEqual(Option.getOrUndefined(span?.parent ?? Option.none())?.spanId, "parent")
      })
  }
  for (const [name, program] of Object.entries(programs)) {
    for (const [client, layer] of Object.entries(clients)) {
      it.scopedLive(`${name} (${client})`, () =>
        Effect.gen(function* () {
          const { spans, tracer } = yield* spying
          const url = yield* echo
          yield* Effect.provide(Effect.withTracer(program(url, spans), tracer), layer)
        })
      )
    }
  }
})

describe("the context of a client's layer", () => {
  for (const [client, layer] of Object.entries(clients)) {
    it.scopedLive(`applies if the request sets no value (${client})`, () =>
      Effect.gen(function* () {
        const { spans, tracer } = yield* spying
        const url = yield* echo
        const named = (name: string) => Layer.succeed(HttpClient.SpanNameGenerator, () => name)
        const around = Effect.provideService(ask(url), HttpClient.SpanNameGenerator, () => "of the request")
        yield* Effect.zipRight(ask(url), around).pipe(
          Effect.provide(Layer.provide(layer, named("of the layer"))),
          Effect.withTracer(tracer)
        )
        assert.deepStrictEqual(
          spans.map((span) => span.name),
          ["of the layer", "of the request"]
        )
      })
    )
  }

  it.scopedLive("may hold CurrentRequestOptions of the session", () =>
    Effect.gen(function* () {
      const url = yield* echo
      const options = Layer.succeed(Session.CurrentRequestOptions, { headers: { "x-layer": "1" } })
      const layer = Session.layerHttpClient.pipe(Layer.provide([Session.layer(), options]))
      assert.strictEqual((yield* Effect.provide(ask(url), layer))["x-layer"], "1")
    })
  )
})

describe("Headers.currentRedactedNames", () => {
  it.scopedLive("hides headers of a printed response", () =>
    Effect.gen(function* () {
      const url = yield* echo
      const response = yield* HttpClient.get(url)
      const shown = (refs: FiberRefs.FiberRefs) =>
        JSON.stringify(Inspectable.withRedactableContext(refs, () => response.toJSON()))
      assert.include(shown(yield* Effect.getFiberRefs), 'answer"')
      const refs = yield* Effect.locally(Effect.getFiberRefs, Headers.currentRedactedNames, ["x-answer"])
      assert.notInclude(shown(refs), '"answer"')
    }).pipe(Effect.provide(clients.session ?? Layer.empty))
  )
})

// MaxBodySize

const limit = 10

/** A session on a mock. */
const mocked = (make: () => Response, options: Session.SessionOptions = {}) =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provideMerge(Layer.mergeAll(Connector.layerMock(make), CookieJar.layer()))
  )

/** A body in chunks, so that its length is not known in advance. */
const chunked = (body: string, headers: Record<string, string>) => () =>
  new Response(
    new ReadableStream({
      start: (controller) => {
        for (const byte of Buffer.from(body)) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      }
    }),
    { headers }
  )

const lengthKnown = (body: string, headers: Record<string, string>) => () => new Response(body, { headers })

const formType = "multipart/form-data; boundary=x"
const form = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--'

/** Ways to read a body. */
interface Door<R> {
  /** The media type, and a body of it. */
  readonly type: string
  readonly body: string
  readonly read: (response: R) => Effect.Effect<unknown, unknown>
}

const Pair = Schema.Struct({ a: Schema.String })
const jsonBody = { type: "application/json", body: '{"a":"1"}' }
const query = { type: "application/x-www-form-urlencoded", body: "a=1&b=2&c=3" }
const text = { type: "text/plain", body: "some text of some length" }

const platformDoors: Readonly<Record<string, Door<HttpClientResponse.HttpClientResponse>>> = {
  text: { ...text, read: (response) => response.text },
  json: { ...jsonBody, read: (response) => response.json },
  urlParamsBody: { ...query, read: (response) => response.urlParamsBody },
  arrayBuffer: { ...text, read: (response) => response.arrayBuffer },
  formData: { type: formType, body: form, read: (response) => response.formData },
  stream: { ...text, read: (response) => Stream.runDrain(response.stream) },
  "HttpClientResponse.stream": {
    ...text,
    read: (response) => Stream.runDrain(HttpClientResponse.stream(Effect.succeed(response)))
  },
  schemaBodyJson: { ...jsonBody, read: HttpClientResponse.schemaBodyJson(Pair) },
  schemaBodyUrlParams: { type: query.type, body: "a=1", read: HttpClientResponse.schemaBodyUrlParams(Pair) },
  schemaJson: { ...jsonBody, read: HttpClientResponse.schemaJson(Schema.Struct({ body: Pair })) }
}

const openedDoors: Readonly<Record<string, Door<ClientResponse.ClientResponse>>> = {
  bytes: { ...text, read: (response) => response.bytes },
  text: { ...text, read: (response) => response.text },
  textWith: { ...text, read: (response) => response.textWith("latin1") },
  json: { ...jsonBody, read: (response) => response.json },
  jsonWith: { ...jsonBody, read: (response) => response.jsonWith({ contentType: false }) },
  arrayBuffer: { ...text, read: (response) => response.arrayBuffer },
  urlParamsBody: { ...query, read: (response) => response.urlParamsBody },
  formData: { type: formType, body: form, read: (response) => response.formData },
  stream: { ...text, read: (response) => Stream.runDrain(response.stream) },
  lines: { ...text, read: (response) => Stream.runDrain(response.lines) },
  events: { type: "text/event-stream", body: "data: 1\n\ndata: 2\n\n", read: ({ events }) => Stream.runDrain(events) },
  trailers: { ...text, read: (response) => response.trailers },
  schemaBodyJson: { ...jsonBody, read: HttpIncomingMessage.schemaBodyJson(Pair) },
  "Multipart.parts": { type: formType, body: form, read: (response) => Stream.runDrain(Multipart.parts(response)) }
}

type Unopened = Effect.Effect<ClientResponse.ClientResponse, Errors.ClientError, Session.Session | Scope.Scope>

const unopenedDoors: Readonly<
  Record<
    string,
    Omit<Door<never>, "read"> & { readonly read: (self: Unopened) => Effect.Effect<unknown, unknown, Session.Session> }
  >
> = {
  bytes: { ...text, read: ClientResponse.bytes },
  text: { ...text, read: ClientResponse.text },
  json: { ...jsonBody, read: ClientResponse.json },
  schemaJson: { ...jsonBody, read: ClientResponse.schemaJson(Pair) },
  stream: { ...text, read: (self) => Stream.runDrain(ClientResponse.stream(self)) },
  use: { ...text, read: ClientResponse.use((response) => response.text) },
  toFile: {
    ...text,
    read: (self) =>
      Effect.scoped(Effect.flatMap(folder, (path) => ClientResponse.toFile(self, `${path}/file`))).pipe(
        Effect.provide(NodeFileSystem.layer)
      )
  },
  "behind Effect.tap": { ...text, read: (self) => ClientResponse.text(Effect.tap(self, () => Effect.void)) }
}

const isTooLarge = (error: unknown): boolean =>
  clientErrorKind(error) === "ResponseError Decode" && error instanceof Error
    ? isTooLarge(error.cause)
    : error instanceof PlatformMultipart.MultipartError
      ? multipartReason(error) === "BodyTooLarge" || isTooLarge(error.cause)
      : error instanceof Errors.ClientPayloadError && error.reason === "TooLarge"

const assertTooLarge = (exit: Exit.Exit<unknown, unknown>): void => {
  assert.isTrue(Exit.isFailure(exit), "it succeeded")
  if (Exit.isFailure(exit)) {
    const failure = Cause.failureOption(exit.cause)
    assert.isTrue(Option.isSome(failure) && isTooLarge(failure.value), Cause.pretty(exit.cause))
  }
}

const atMost = (size: number) => HttpIncomingMessage.withMaxBodySize(Option.some(size))

/** Reads with a limit a byte below the body's length, of that length, and with none. */
const asLimited = <R>(body: string, read: Effect.Effect<unknown, unknown, R>) =>
  Effect.gen(function* () {
    const length = Buffer.byteLength(body)
    assertTooLarge(yield* Effect.exit(atMost(length - 1)(read)))
    assertTooLarge(yield* Effect.exit(atMost(0)(read)))
    for (const enough of [
      atMost(length)(read),
      HttpIncomingMessage.withMaxBodySize(read, Option.none()),
      atMost(1)(HttpIncomingMessage.withMaxBodySize(read, Option.none())),
      read
    ]) {
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(enough)))
    }
  })

const framings = { "of known length": lengthKnown, "in chunks": chunked }

describe("HttpIncomingMessage.withMaxBodySize", () => {
  for (const [framing, make] of Object.entries(framings)) {
    for (const [name, { body, read, type }] of Object.entries(platformDoors)) {
      it.effect(`limits HttpClientResponse's ${name} of a body ${framing}`, () =>
        asLimited(body, Effect.flatMap(HttpClient.get("http://a.test/"), read)).pipe(
          Effect.provide(Session.layerHttpClient.pipe(Layer.provide(mocked(make(body, { "content-type": type })))))
        )
      )
    }
    for (const [name, { body, read, type }] of Object.entries(openedDoors)) {
      it.effect(`limits an opened response's ${name} of a body ${framing}`, () =>
        asLimited(body, Effect.scoped(Effect.flatMap(Session.get("http://a.test/"), read))).pipe(
          Effect.provide(mocked(make(body, { "content-type": type })))
        )
      )
    }
    for (const [name, { body, read, type }] of Object.entries(unopenedDoors)) {
      it.live(`limits an unopened request's ${name} of a body ${framing}`, () =>
        asLimited(body, read(Session.get("http://a.test/"))).pipe(
          Effect.provide(mocked(make(body, { "content-type": type })))
        )
      )
    }
  }

  it.effect("applies to the fiber that reads the body and not to the one that sent the request", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get("http://a.test/")
      assertTooLarge(yield* Effect.exit(atMost(limit)(response.text)))
      const another = yield* atMost(limit)(HttpClient.get("http://a.test/"))
      assert.strictEqual(yield* another.text, text.body)
    }).pipe(
      Effect.provide(
        Session.layerHttpClient.pipe(Layer.provide(mocked(lengthKnown(text.body, { "content-type": "text/plain" }))))
      )
    )
  )

  it.effect("applies to a body that another reader has collected, which stays readable without the limit", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const response = yield* Session.get("http://a.test/")
        assert.strictEqual(yield* response.text, jsonBody.body)
        for (const read of [
          response.text,
          response.json,
          response.bytes,
          response.jsonWith({ contentType: false }),
          response.arrayBuffer,
          Stream.runDrain(response.stream)
        ]) {
          assertTooLarge(yield* Effect.exit(atMost(3)(read)))
        }
        assert.deepStrictEqual(yield* atMost(9)(response.json), { a: "1" })
        assert.deepStrictEqual(Chunk.size(yield* Stream.runCollect(response.stream)), 1)
      })
    ).pipe(Effect.provide(mocked(lengthKnown(jsonBody.body, { "content-type": "application/json" }))))
  )

  it.effect("counts decoded bytes", () =>
    Effect.gen(function* () {
      const read = Session.get("http://a.test/").pipe(ClientResponse.text)
      assertTooLarge(yield* Effect.exit(atMost(999_999)(read)))
      assert.lengthOf(yield* atMost(1_000_000)(read), 1_000_000)
    }).pipe(
      Effect.provide(
        mocked(() => new Response(gzipSync("x".repeat(1_000_000)), { headers: { "content-encoding": "gzip" } }))
      )
    )
  )

  it.effect("applies beside maxBodySize, and the smaller limit counts", () =>
    Effect.gen(function* () {
      const read = (maxBodySize: number) => Session.get("http://a.test/", { maxBodySize }).pipe(ClientResponse.text)
      assertTooLarge(yield* Effect.exit(atMost(limit)(read(100))))
      assertTooLarge(yield* Effect.exit(atMost(100)(read(limit))))
      assert.strictEqual(yield* atMost(100)(read(100)), text.body)
    }).pipe(Effect.provide(mocked(lengthKnown(text.body, {}))))
  )

  it.effect("applies if progress and signals are reported", () =>
    Effect.gen(function* () {
      const progress = Session.get("http://a.test/", { onProgress: () => Effect.void }).pipe(ClientResponse.text)
      yield* asLimited(text.body, progress)
      yield* asLimited(
        text.body,
        Effect.flatMap(Tracing.collect(Effect.exit(progress)), ([exit]) => exit)
      )
    }).pipe(Effect.provide(mocked(chunked(text.body, {}), { middlewares: [(request, next) => next(request)] })))
  )

  it.effect("applies to a response of the cache", () =>
    Effect.gen(function* () {
      const cache = yield* Middleware.cache()
      let calls = 0
      const layer = mocked(
        () => {
          calls++
          return new Response(text.body, { headers: { "cache-control": "max-age=60" } })
        },
        { middlewares: [cache] }
      )
      yield* Effect.gen(function* () {
        const read = Session.get("http://a.test/").pipe(ClientResponse.text)
        assert.strictEqual(yield* read, text.body)
        yield* Effect.yieldNow().pipe(Effect.repeatN(50))
        yield* asLimited(text.body, read)
        assert.strictEqual(calls, 1)
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("applies to the events of a connection and ends it", () =>
    Effect.gen(function* () {
      const events = Sse.connect("http://a.test/", { reconnect: false })
      assertTooLarge(yield* Effect.exit(atMost(limit)(Stream.runDrain(events))))
      assert.strictEqual(Chunk.size(yield* atMost(18)(Stream.runCollect(events))), 2)
    }).pipe(Effect.provide(mocked(chunked("data: 1\n\ndata: 2\n\n", { "content-type": "text/event-stream" }))))
  )

  it.effect("fails with an error that names the limit, is not retried and leaves no connection acquired", () =>
    Effect.gen(function* () {
      const error = yield* Session.get("http://a.test/").pipe(ClientResponse.text, Effect.flip, atMost(limit))
      assert.strictEqual(error._tag, "ClientPayloadError")
      assert.isFalse(Errors.isRetryable(error))
      assert.include(String(error._tag === "ClientPayloadError" ? error.cause : ""), `${limit} bytes`)
      assert.strictEqual((yield* (yield* Connector.Connector).stats).acquired, 0)
    }).pipe(Effect.provide(mocked(chunked(text.body, {}))))
  )

  it.scopedLive("applies over sockets as in the client on node:http", () =>
    Effect.gen(function* () {
      const url = yield* echo
      for (const client of ["session", "node"]) {
        for (const [name, size, ok] of [
          ["text", 1, false],
          ["json", 1, false],
          ["arrayBuffer", 1, false],
          ["text", 10_000, true]
        ] as const) {
          const read = Effect.flatMap(
            HttpClient.get(url),
            (response): Effect.Effect<unknown, unknown> => response[name]
          )
          const exit = yield* Effect.exit(Effect.provide(atMost(size)(read), clients[client] ?? Layer.empty))
          assert.strictEqual(Exit.isSuccess(exit), ok, `${client} ${name}`)
        }
      }
    })
  )
})

describe("References of Multipart", () => {
  const csv =
    '--x\r\nContent-Disposition: form-data; name="a"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n1,2\r\n--x--\r\n'
  const limits: ReadonlyArray<
    readonly [name: string, around: (effect: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>]
  > = [
    ["MaxParts", PlatformMultipart.withMaxParts(Option.some(1))],
    ["MaxFieldSize", PlatformMultipart.withMaxFieldSize(1)],
    ["MaxFileSize", PlatformMultipart.withMaxFileSize(Option.some(1))]
  ]
  const body = [
    '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nfield',
    '--x\r\nContent-Disposition: form-data; name="b"; filename="b.bin"\r\nContent-Type: application/octet-stream\r\n\r\nfile',
    "--x--\r\n"
  ].join("\r\n")
  const read = Effect.scoped(
    Effect.flatMap(Session.get("http://a.test/"), (response) =>
      Stream.runForEach(Multipart.parts(response), (part) =>
        part._tag === "File" ? Stream.runDrain(part.content) : Effect.void
      )
    )
  ).pipe(Effect.provide(mocked(lengthKnown(body, { "content-type": formType }))))

  it.effect("turn files into fields in Multipart.parts by FieldMimeTypes", () =>
    Effect.gen(function* () {
      const tags = Effect.scoped(
        Effect.flatMap(Session.get("http://a.test/"), (response) =>
          Stream.runFold(Multipart.parts(response), "", (all, part) => `${all} ${part._tag}`)
        )
      ).pipe(Effect.provide(mocked(lengthKnown(csv, { "content-type": formType }))))
      assert.strictEqual(yield* tags, " File")
      assert.strictEqual(yield* PlatformMultipart.withFieldMimeTypes(tags, ["text/csv"]), " Field")
    })
  )

  it.effect("leave parts within their limits unchanged", () => read)
  for (const [name, around] of limits) {
    it.effect(`limit Multipart.parts by ${name}`, () =>
      Effect.map(Effect.exit(around(read)), (exit) => assert.isTrue(Exit.isFailure(exit)))
    )
  }
})
