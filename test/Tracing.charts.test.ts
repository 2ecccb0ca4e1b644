/** Charts of requests: pages of HTML and SVG files. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { ClientResponse, Connector, CookieJar, Middleware, Session, Tracing } from "effect-http-session"
import * as fc from "fast-check"

const live = (handler: Connector.MockHandler, options: Session.SessionOptions = {}) =>
  Session.layerWithoutDependencies(options).pipe(Layer.provide([Connector.layerMock(handler), CookieJar.layer()]))

const answer: Connector.MockHandler = (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === "/moved") return new Response(null, { status: 302, headers: { location: "/here?token=s3cr3t" } })
  return new Response("ok", { headers: { "set-cookie": "sid=s3cr3t", "x-note": "visible" } })
}

/** Signals of one redirected request. */
const redirected = Session.get("https://user:s3cr3t@api.example/moved?api_key=s3cr3t", {
  headers: { "x-api-key": "s3cr3t" }
}).pipe(
  ClientResponse.text,
  Tracing.collect,
  Effect.map(([, signals]) => signals),
  Effect.provide(live(answer))
)

const base = { sessionId: "session-1", requestId: 1, attempt: 1, hop: 0 }

/** Signals with the given text in every field that a peer or a program controls. */
const withText = (text: string, response: Tracing.RequestEnd["response"]): ReadonlyArray<Tracing.Signal> => {
  const request = { ...base, method: text, url: text }
  const headers = Headers.unsafeFromRecord({ name: text, [text]: text })
  const head: Tracing.RequestEnd["response"] = Object.create(response, {
    reason: { value: text },
    headers: { value: headers }
  })
  return [
    { ...request, _tag: "RequestStart", time: 0, headers },
    { ...base, _tag: "ConnectionCreateStart", time: 1, host: text, port: 443 },
    { ...base, _tag: "TlsHandshakeStart", time: 2, host: text, proxy: false },
    {
      ...base,
      _tag: "TlsHandshakeEnd",
      time: 3,
      host: text,
      proxy: false,
      tls: { protocol: "TLSv1.3", cipher: text, resumed: false }
    },
    {
      ...base,
      _tag: "ConnectionCreateEnd",
      time: 3,
      host: text,
      port: 443,
      connectionId: 1,
      remoteAddress: text,
      failed: [],
      protocol: "http/1.1"
    },
    { ...request, _tag: "RequestHeadersSent", time: 4, headers },
    { ...request, _tag: "RequestRedirect", time: 5, response: head, location: text },
    { ...request, attempt: 2, hop: 1, _tag: "RequestStart", time: 6, headers },
    { ...base, attempt: 2, hop: 1, _tag: "ConnectionReuseconn", time: 6, connectionId: 1, idle: 1 },
    { ...request, attempt: 2, hop: 1, _tag: "RequestHeadersSent", time: 7, headers },
    { ...request, attempt: 2, hop: 1, _tag: "RequestEnd", time: 8, response: head },
    { ...request, attempt: 2, hop: 1, _tag: "ResponseEnd", time: 9, received: 2, decoded: 3 }
  ]
}

/** The tags of a document, with the names of their attributes. */
const tagsOf = (document: string): ReadonlyArray<string> =>
  (document.match(/<[^>]*>?/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'))

/** Whether an XML document closes its elements in order. */
const isBalanced = (document: string): boolean => {
  const open: Array<string> = []
  for (const [, close, name = "", rest = ""] of document.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (close === "/") {
      if (open.pop() !== name) return false
    } else if (!rest.endsWith("/")) open.push(name)
  }
  return open.length === 0
}

const hostile = fc.oneof(
  fc.constantFrom(
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>",
    "]]>-->",
    "&lt;script&gt;",
    "\u0000\ud800\u202e"
  ),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 })
)

describe("pictures of requests", () => {
  it.effect("escape every text of the signals", () =>
    Effect.gen(function* () {
      const end = (yield* redirected).find((signal) => signal._tag === "RequestEnd")
      if (end?._tag !== "RequestEnd") return assert.fail("the request has not ended")
      const plain = withText("plain", end.response)
      const html = tagsOf(Tracing.waterfallHtml(plain, { title: "plain" }))
      const svg = tagsOf(Tracing.waterfallSvg(plain))
      /** A text adds no tag, but can omit one: a URL of white space is empty, and an empty value has no row. */
      const assertNoneAdded = (found: ReadonlyArray<string>, expected: ReadonlyArray<string>) => {
        assert.isAtMost(found.length, expected.length)
        assert.includeMembers([...expected], [...new Set(found)])
      }
      fc.assert(
        fc.property(hostile, (text) => {
          // A record has each key once.
          fc.pre(text !== "name" && !/^\d+$/.test(text))
          const signals = withText(text, end.response)
          assertNoneAdded(tagsOf(Tracing.waterfallHtml(signals, { title: text })), html)
          assertNoneAdded(tagsOf(Tracing.waterfallSvg(signals)), svg)
        }),
        { numRuns: 50 }
      )
    })
  )

  it.effect("contain no secrets", () =>
    Effect.gen(function* () {
      const signals = yield* redirected
      const careless = signals.map(
        (signal): Tracing.Signal =>
          signal._tag === "RequestHeadersSent"
            ? { ...signal, url: `${signal.url}&access_token=s3cr3t`, headers: { ...signal.headers, cookie: "s3cr3t" } }
            : signal
      )
      for (const picture of [Tracing.waterfallHtml(careless), Tracing.waterfallSvg(careless)]) {
        assert.notInclude(picture, "s3cr3t")
        assert.include(picture, "REDACTED")
      }
      assert.include(Tracing.waterfallHtml(signals), "visible")
    })
  )

  it.effect("need neither scripts nor other files", () =>
    Effect.map(redirected, (signals) => {
      const html = Tracing.waterfallHtml(signals)
      assert.include(html, "default-src 'none'")
      for (const picture of [html, Tracing.waterfallSvg(signals)]) {
        assert.notMatch(picture, /<script|<link|<img|\b(?:src|href)=|url\(|@import/)
      }
    })
  )

  it.effect("show redirects and the reuse of connections", () =>
    Effect.gen(function* () {
      const end = (yield* redirected).find((signal) => signal._tag === "RequestEnd")
      if (end?._tag !== "RequestEnd") return assert.fail("the request has not ended")
      const signals = withText("https://api.example/a", end.response)
      const html = Tracing.waterfallHtml(signals)
      assert.include(html, "1 request \u00b7 2 attempts \u00b7 1 connection \u00b7 9.00 ms")
      assert.include(html, "1 new")
      assert.include(html, "1 reused")
      assert.include(html, "2, after 1 redirect")
      assert.include(html, 'title="tls 1.00 ms: TLS handshake"')
      assert.include(html, "request: https://api.example/a https://api.example/a&#10;response: 200")
      assert.include(Tracing.waterfallSvg(signals), "\u21aa")
    })
  )

  it.effect("show the reason and the delay of a retry", () =>
    Effect.gen(function* () {
      let calls = 0
      const [, signals] = yield* Session.get("https://api.example/").pipe(
        ClientResponse.text,
        Tracing.collect,
        Effect.provide(
          live(() => new Response("", { status: calls++ === 0 ? 503 : 200, headers: { "retry-after": "0" } }), {
            middlewares: [Middleware.retry({ maxRetryAfter: "1 second", schedule: Schedule.recurs(2) })]
          })
        )
      )
      const html = Tracing.waterfallHtml(signals)
      assert.include(html, "1 request \u00b7 2 attempts")
      assert.match(html, /Retry, after \d/)
      assert.include(html, "\u21bb")
    })
  )
})

describe("a picture of one request", () => {
  it.effect("is the request with the given id, or the first", () =>
    Effect.gen(function* () {
      const end = (yield* redirected).find((signal) => signal._tag === "RequestEnd")
      if (end?._tag !== "RequestEnd") return assert.fail("the request has not ended")
      const first = withText("https://first.example/", end.response)
      const second = withText("https://second.example/", end.response).map((signal) => ({ ...signal, requestId: 2 }))
      const both = [...first, ...second]
      assert.include(Tracing.waterfallSvg(both), "first.example")
      assert.notInclude(Tracing.waterfallSvg(both), "second.example")
      assert.strictEqual(Tracing.waterfallSvg(both, { requestId: 2 }), Tracing.waterfallSvg(second))
    })
  )

  it.effect("is well-formed and has the given width", () =>
    Effect.map(redirected, (signals) => {
      const svg = Tracing.waterfallSvg(signals, { width: 600 })
      assert.isTrue(isBalanced(svg))
      assert.include(svg, 'width="600"')
      for (const width of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
        assert.notMatch(Tracing.waterfallSvg(signals, { width }), /NaN|Infinity/)
      }
    })
  )

  it("is empty without signals", () => {
    for (const picture of [Tracing.waterfallHtml([]), Tracing.waterfallSvg([])]) {
      assert.notMatch(picture, /NaN|Infinity|undefined/)
    }
    assert.isTrue(isBalanced(Tracing.waterfallSvg([])))
  })
})
