/**
 * OpenTelemetry's conventions for HTTP clients, attribute by attribute: spans and metrics.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, type Scope } from "effect"
import { ClientResponse, Connector, CookieJar, Session, Tracing } from "effect-http-session"
import { recordedMetrics } from "./support/metrics.js"
import { proxyServer } from "./support/proxyServer.js"
import { always, answers, response } from "./support/server.js"
import { loopback } from "./support/signals.js"
import { type KeptSpan, keepingTracer } from "./support/tracers.js"

/** The client spans of an effect, in the order in which they began. */
const spansOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<ReadonlyArray<KeptSpan>, never, R> =>
  Effect.suspend(() => {
    const { kept, tracer } = keepingTracer()
    return Effect.map(Effect.exit(Effect.withTracer(effect, tracer)), () =>
      kept.filter(({ span }) => span.kind === "client")
    )
  })

interface Ports {
  readonly site: number
  readonly proxy: number
}

const site = always(
  answers(({ target }) => {
    const path = new URL(target, "http://a").pathname
    if (path === "/loop") return response(302, "", ["Location: /loop"])
    if (path === "/old") return "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    const status = Number(/^\/(\d{3})$/.exec(path)?.[1] ?? 200)
    return response(status, status === 304 ? "" : "ok", ["X-Served: yes", "Set-Cookie: s3cr3t-cookie=1"])
  })
)

type Make = (session: Session.SessionService, ports: Ports) => Effect.Effect<unknown, unknown, Scope.Scope>

const get =
  (path: string, options?: Parameters<Session.SessionService["get"]>[1]): Make =>
  (session, { site: port }) =>
    session.get(`http://127.0.0.1:${port}${path}`, options).pipe(ClientResponse.text)

const plain = get("/ok?q=1#part")

type Row = readonly [
  name: string,
  make: Make,
  attribute: string,
  expected: unknown | ((ports: Ports) => unknown),
  options?: Session.SessionOptions
]

const requests: ReadonlyArray<Row> = [
  // Required.
  ["a known method", plain, "http.request.method", "GET"],
  [
    "an unknown method",
    (s, p) => s.request("BREW", `http://127.0.0.1:${p.site}/`).pipe(ClientResponse.text),
    "http.request.method",
    "_OTHER"
  ],
  [
    "an unknown method",
    (s, p) => s.request("BREW", `http://127.0.0.1:${p.site}/`).pipe(ClientResponse.text),
    "http.request.method_original",
    "BREW"
  ],
  ["a known method", plain, "http.request.method_original", undefined],
  ["an address", plain, "server.address", "127.0.0.1"],
  ["a name", (s, p) => s.get(`http://Site.TEST:${p.site}/`).pipe(ClientResponse.text), "server.address", "site.test"],
  ["a port", plain, "server.port", (p: Ports) => p.site],
  ["the default port", (s) => s.get("http://nowhere.test/"), "server.port", 80],
  ["the default port of https", (s) => s.get("https://nowhere.test/"), "server.port", 443],
  ["a fragment", plain, "url.full", (p: Ports) => `http://127.0.0.1:${p.site}/ok?q=1#part`],
  ["params", get("/ok", { params: { a: "b c" } }), "url.full", (p: Ports) => `http://127.0.0.1:${p.site}/ok?a=b+c`],
  [
    "userinfo",
    (s, p) => s.get(`http://user:s3cr3t-word@127.0.0.1:${p.site}/ok`).pipe(ClientResponse.text),
    "url.full",
    (p: Ports) => `http://REDACTED:REDACTED@127.0.0.1:${p.site}/ok`
  ],
  ...[
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature"
  ].map(
    (key): Row => [
      `the signature ${key}`,
      get(`/ok?a=1&${key}=s3cr3t-value&b=2`),
      "url.full",
      (p: Ports) => `http://127.0.0.1:${p.site}/ok?a=1&${key}=REDACTED&b=2`
    ]
  ),
  [
    "a custom parameter",
    get("/ok?ticket=s3cr3t-value"),
    "url.full",
    (p: Ports) => `http://127.0.0.1:${p.site}/ok?ticket=REDACTED`,
    { spans: { redactedParams: ["ticket"] } }
  ],
  // Conditionally required.
  ["200", plain, "http.response.status_code", 200],
  ["200", plain, "error.type", undefined],
  ["304", get("/304"), "error.type", undefined],
  ["400", get("/400"), "error.type", "400"],
  ["503", get("/503"), "error.type", "503"],
  ["503", get("/503"), "http.response.status_code", 503],
  ["one redirect too many", get("/loop", { maxRedirects: 0 }), "error.type", "302"],
  ["a redirect that is not followed", get("/loop", { allowRedirects: false }), "error.type", undefined],
  ["no such name", (s) => s.get("http://nowhere.test/"), "error.type", "ClientConnectorDNSError"],
  ["no such name", (s) => s.get("http://nowhere.test/"), "http.response.status_code", undefined],
  ["a closed port", (s) => s.get("http://127.0.0.1:1/"), "error.type", "ClientConnectorError"],
  ["http", plain, "network.protocol.name", undefined],
  // Recommended.
  ["HTTP/1.1", plain, "network.protocol.version", "1.1"],
  ["HTTP/1.0", get("/old"), "network.protocol.version", "1.0"],
  ["the peer", plain, "network.peer.address", "127.0.0.1"],
  ["the peer", plain, "network.peer.port", (p: Ports) => p.site],
  ["no peer", (s) => s.get("http://nowhere.test/"), "network.peer.address", undefined],
  ["the first attempt", plain, "http.request.resend_count", undefined],
  ...(
    [
      ["server.address", "origin.test"],
      ["server.port", 8080],
      ["network.peer.port", (p: Ports) => p.proxy]
    ] as const
  ).map(
    ([attribute, expected]): Row => [
      "behind a proxy",
      (s, p) => s.get("http://origin.test:8080/", { proxy: `http://127.0.0.1:${p.proxy}` }).pipe(ClientResponse.text),
      attribute,
      expected
    ]
  ),
  // Opt-in.
  ["the scheme", plain, "url.scheme", "http"],
  ["no template", plain, "url.template", undefined],
  ["a template", get("/ok", { urlTemplate: "/{name}" }), "url.template", "/{name}"],
  ["headers that were not configured", plain, "http.response.header.x-served", undefined],
  ["headers", plain, "http.response.header.x-served", ["yes"], { spans: { responseHeaders: ["X-Served"] } }],
  ["headers", plain, "http.request.header.accept", ["*/*"], { spans: { requestHeaders: ["Accept"] } }],
  [
    "secret headers",
    plain,
    "http.response.header.set-cookie",
    ["REDACTED"],
    { spans: { responseHeaders: ["Set-Cookie"] } }
  ]
]

const sessionOf = (options: Session.SessionOptions | undefined) =>
  Session.layerWithoutDependencies(options).pipe(
    Layer.provide([Connector.layerTcp({ resolver: loopback }), CookieJar.layer()])
  )

describe("client spans", () => {
  for (const [name, make, attribute, expected, options] of requests) {
    it.scopedLive(`have ${attribute} for ${name}`, () =>
      Effect.gen(function* () {
        const ports: Ports = { site: (yield* site).port, proxy: Number(new URL((yield* proxyServer()).url).port) }
        const spans = yield* spansOf(
          Effect.scoped(Effect.flatMap(Session.Session, (session) => make(session, ports)))
        ).pipe(Effect.provide(sessionOf(options)))
        const [span] = spans
        const value: unknown = typeof expected === "function" ? expected(ports) : expected
        assert.deepStrictEqual(span?.attributes.get(attribute), value)
        assert.strictEqual(span?.attributes.has(attribute), value !== undefined)
        // Samplers get the attributes that are known at the start.
        for (const known of ["http.request.method", "server.address", "server.port", "url.full", "url.scheme"]) {
          if (span?.initial !== undefined) assert.property(span.initial, known)
        }
        assert.strictEqual(span?.exit !== undefined && Exit.isFailure(span.exit), span?.attributes.has("error.type"))
        assert.notInclude(
          JSON.stringify(spans.map(({ attributes, span: { name } }) => [name, ...attributes])),
          "s3cr3t"
        )
      })
    )
  }
})

describe("metrics", () => {
  const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
  const lifetimes = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

  /** The attributes that a successful POST must record; `undefined` if the buckets are free. */
  const rows: ReadonlyArray<
    readonly [name: string, attributes: ReadonlyArray<string>, buckets?: ReadonlyArray<number>]
  > = [
    [
      "http.client.request.duration",
      ["http.request.method", "server.address", "server.port", "http.response.status_code", "network.protocol.version"],
      seconds
    ],
    ["http.client.active_requests", ["http.request.method", "server.address", "server.port"]],
    ["http.client.request.body.size", ["http.request.method", "server.address", "server.port"]],
    ["http.client.response.body.size", ["http.request.method", "server.address", "server.port"]],
    ["http.client.open_connections", ["http.connection.state", "server.address", "server.port"]],
    ["http.client.connection.duration", ["server.address", "server.port"], lifetimes],
    ["dns.lookup.duration", ["dns.question.name"], seconds]
  ]

  const recorded = (host: string) =>
    Effect.map(recordedMetrics, (all) =>
      all.filter(({ tags }) => tags["server.address"] === host || tags["dns.question.name"] === host)
    )

  const post = (host: string, options: Parameters<typeof Tracing.metrics>[0]) =>
    Effect.gen(function* () {
      const { port } = yield* site
      yield* Session.post(`http://${host}:${port}/ok?token=s3cr3t-token`, { data: "12345" }).pipe(
        ClientResponse.text,
        Effect.provide(Session.layer({ traceConfigs: [Tracing.metrics(options)], connector: { resolver: loopback } }))
      )
      return yield* recorded(host)
    })

  for (const [name, attributes, buckets] of rows) {
    it.scopedLive(name, () =>
      Effect.gen(function* () {
        const host = `${name.replaceAll(/[._]/g, "-")}.test`
        const found = (yield* post(host, { all: true })).filter((one) => one.name === name)
        assert.isNotEmpty(found)
        for (const { boundaries, description, tags } of found) {
          assert.includeMembers(Object.keys(tags), [...attributes])
          assert.isString(description)
          if (buckets !== undefined) assert.deepStrictEqual(boundaries, buckets)
          assert.notInclude(JSON.stringify(tags), "s3cr3t")
        }
      })
    )
  }

  it.scopedLive("are the stable one and active requests by default", () =>
    Effect.gen(function* () {
      const found = yield* post("some-metrics.test", undefined)
      assert.deepStrictEqual(new Set(found.map(({ name }) => name)), new Set(rows.slice(0, 2).map(([name]) => name)))
    })
  )

  it.scopedLive("count no open connection after the session has closed, even if its connector stays open", () =>
    Effect.gen(function* () {
      const { port } = yield* site
      const open = Effect.map(recorded("outlived.test"), (found) =>
        found.flatMap(({ count, isCounter, name, tags }) =>
          name === "http.client.open_connections" && isCounter ? [[tags["http.connection.state"], count]] : []
        )
      )
      const get = Session.get(`http://outlived.test:${port}/ok`).pipe(ClientResponse.text)
      yield* Effect.gen(function* () {
        const counting = Layer.fresh(
          Session.layerWithoutDependencies({ traceConfigs: [Tracing.metrics({ all: true })] })
        )
        yield* Effect.zipRight(get, open).pipe(
          Effect.tap((counts) => assert.deepInclude(counts, ["idle", 1])),
          Effect.provide(counting)
        )
        assert.isTrue((yield* open).every(([, count]) => count === 0))
        assert.strictEqual((yield* Effect.flatMap(Connector.Connector, ({ stats }) => stats)).idle, 1)
      }).pipe(Effect.provide([Connector.layerTcp({ resolver: loopback }), CookieJar.layer()]))
    })
  )
})
