/** The HttpClient of @effect/platform on a session shows no secret of its requests, and still sends them. */
import { Headers, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Tracer } from "effect"
import * as Session from "effect-http-session/Session"
import { clientErrorCause, clientErrorKind } from "./support/clientErrors.js"
import * as planted from "./support/planted.js"
import { getSpanName, withHeaderAttributes } from "./support/platformSpans.js"
import { renderings } from "./support/renderings.js"
import { response } from "./support/server.js"
import { asked, sessionWith, site, values } from "./support/sites.js"
import { watchedTracer } from "./support/tracers.js"

const secret = planted.secret("mine")

/** A client, and a server with the requested answers. */
const served = Effect.gen(function* () {
  const at = yield* site(({ target }) =>
    target.startsWith("/500") ? response(500, secret) : response(200, "x", ["X-Open: open", `X-Mine: ${secret}`])
  )
  const { session } = yield* sessionWith()
  const client = yield* Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, session))
  )
  return { at, client, url: `${at.to("a.test")}?page=2&sig=${secret}` }
})

const get = (url: string) =>
  HttpClientRequest.get(url, { headers: { authorization: `Bearer ${secret}`, "x-mine": secret, "x-open": "open" } })

describe("an error of the HttpClient", () => {
  it.scopedLive("names the URL without its secrets, and holds a request that can be sent again", () =>
    Effect.gen(function* () {
      const { at, client, url } = yield* served
      const refusal = yield* client
        .execute(get(url.replace("/?", "/500?")))
        .pipe(Session.withRequestOptions({ raiseForStatus: true }), Effect.flip)
      assert.strictEqual(clientErrorKind(refusal), "ResponseError StatusCode")
      assert.include(refusal.message, `(500 GET ${at.to("a.test", "/500")}?page=2&sig=REDACTED)`)
      const error = yield* Effect.flip(client.execute(get(`http://127.0.0.1:1/?sig=${secret}`)))
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
      assert.include(error.message, "(GET http://127.0.0.1:1/?sig=REDACTED)")
      yield* client.execute(refusal.request)
      yield* client.execute(HttpClientRequest.setHeader(refusal.request, "x-open", "again"))
      assert.deepStrictEqual(asked(at), Array(3).fill(`GET /500?page=2&sig=${secret}`))
      assert.deepStrictEqual(values(at, "x-open"), [["open"], ["open"], ["again"]])
      assert.deepStrictEqual(values(at, "authorization"), Array(3).fill([`Bearer ${secret}`]))
    })
  )

  it.scopedLive("has no cause that quotes a URL that cannot be parsed", () =>
    Effect.gen(function* () {
      const { client } = yield* served
      const error = yield* client
        .execute(get(planted.signed("http://")))
        .pipe(Effect.locally(Headers.currentRedactedNames, ["x-mine"]), Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError InvalidUrl")
      assert.isUndefined(clientErrorCause(error))
      assert.deepStrictEqual(planted.leaks(error, "it", renderings), [])
    })
  )

  it.scopedLive("shows no header that the program hides in its logs", () =>
    Effect.gen(function* () {
      const { client, url } = yield* served
      const answer = yield* client
        .execute(get(url))
        .pipe(Effect.locally(Headers.currentRedactedNames, ["X-Mine", /^x-other/]))
      const shown = JSON.parse(JSON.stringify(answer))
      const { authorization, "x-mine": mine, "x-open": open } = shown.request.headers
      assert.deepStrictEqual([authorization, mine, open], ["REDACTED", "REDACTED", "open"])
      assert.deepStrictEqual(shown.headers, { "x-open": "open", "x-mine": "REDACTED", "content-length": "1" })
      assert.strictEqual(answer.headers["x-mine"], secret)
      assert.strictEqual(answer.request.headers["x-mine"], secret)
      assert.deepStrictEqual(planted.leaks(answer, "it"), [])
    })
  )
})

describe("the span of the HttpClient", () => {
  /** The attributes of all spans that a program makes, by their names. */
  const traced = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const tracer = yield* Effect.tracer
      yield* self.pipe(
        Effect.withSpan("outer", { attributes: { "url.full": "mine" } }),
        Effect.withTracer(watchedTracer(tracer, (span) => spans.push(span)))
      )
      return new Map(spans.map(({ attributes, name }) => [name, Object.fromEntries(attributes)]))
    })

  it.scopedLive("has the URL and the headers without their secrets", () =>
    Effect.gen(function* () {
      const { at, client, url } = yield* served
      const request = HttpClientRequest.setUrl(get(url), new URL(url))
      const attributes = (yield* traced(withHeaderAttributes(client.execute(request)))).get(getSpanName)
      assert.isDefined(attributes)
      assert.strictEqual(attributes?.["url.full"], `${at.to("a.test")}?page=2&sig=REDACTED`)
      assert.strictEqual(attributes?.["url.query"], "page=2&sig=REDACTED")
      assert.strictEqual(attributes?.["url.path"], "/")
      assert.strictEqual(attributes?.["http.request.header.authorization"], "<redacted>")
      assert.strictEqual(attributes?.["http.request.header.x-open"], "open")
      assert.strictEqual(attributes?.["http.response.header.x-open"], "open")
    })
  )

  it.scopedLive("does not change the program's span if the platform makes none", () =>
    Effect.gen(function* () {
      const { client, url } = yield* served
      const silent = HttpClient.withTracerDisabledWhen(client, () => true)
      const spans = yield* traced(silent.execute(get(url)))
      assert.deepStrictEqual([...spans.keys()], ["outer"])
      assert.deepStrictEqual(spans.get("outer"), { "url.full": "mine" })
    })
  )
})
