import { HttpBody, HttpClient, type HttpClientError, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import * as Errors from "../src/Errors.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"
import { clientErrorCause, clientErrorKind, clientErrorResponse } from "./support/clientErrors.js"
import { Api, at, get, overSession } from "./support/platformApi.js"

describe("the client on a session", () => {
  const failing = (fault: Effect.Effect<never, Errors.ClientError>) =>
    Session.layerHttpClient.pipe(
      Layer.provide(Session.layerWithoutDependencies()),
      Layer.provide([Connector.layerMock(() => fault), CookieJar.layer()])
    )

  for (const name of ["refused", "dnsNotFound", "certificateExpired", "wrongHost", "disconnected"] as const) {
    it.effect(`reports ${name} as a RequestError Transport whose cause is the session's error`, () =>
      Effect.gen(function* () {
        const error = yield* HttpClient.get("https://api.example/").pipe(
          Effect.flip,
          Effect.provide(failing(Testing.faults[name]))
        )
        assert.strictEqual(clientErrorKind(error), "RequestError Transport")
        assert.isTrue(Errors.isClientError(clientErrorCause(error)))
        const fault: Effect.Effect<never, Errors.ClientError> = Testing.faults[name]
        const cause = yield* Effect.flip(fault)
        assert.strictEqual((clientErrorCause(error) as Errors.ClientError)._tag, cause._tag)
        const message = (clientErrorCause(error) as Errors.ClientError).message
        assert.include(error.message, message.slice(0, message.indexOf(" (")))
        assert.strictEqual(error.message.split("GET https://api.example/").length, 2, error.message)
      })
    )
  }

  const mapped: ReadonlyArray<
    readonly [
      string,
      string,
      (url: string) => Effect.Effect<unknown, HttpClientError.HttpClientError, HttpClient.HttpClient>,
      string,
      string
    ]
  > = [
    ["a scheme that is not HTTP's", "InvalidURL", () => HttpClient.get("ftp://host/"), "RequestError", "InvalidUrl"],
    [
      "a header that cannot be sent",
      "InvalidRequest",
      (url) => HttpClient.get(url, { headers: { "x-a": "1\r\n2" } }),
      "RequestError",
      "Encode"
    ],
    [
      "a body whose source fails",
      "RequestBodyError",
      (url) => HttpClient.post(url, { body: HttpBody.stream(Stream.fail("broken")) }),
      "RequestError",
      "Encode"
    ],
    [
      "a status that raiseForStatus rejects",
      "ClientResponseError",
      (url) => Session.withRequestOptions(HttpClient.get(`${url}/status?503`), { raiseForStatus: true }),
      "ResponseError",
      "StatusCode"
    ],
    [
      "too many redirects",
      "TooManyRedirects",
      (url) => Session.withRequestOptions(HttpClient.get(`${url}/redirect`), { maxRedirects: 0 }),
      "ResponseError",
      "StatusCode"
    ],
    [
      "a timeout before the head",
      "SocketTimeoutError",
      (url) => Session.withRequestOptions(HttpClient.get(`${url}/stall`), { timeout: { headers: "20 millis" } }),
      "RequestError",
      "Transport"
    ],
    [
      "a body that is too large",
      "ClientPayloadError",
      (url) =>
        HttpClient.get(`${url}/large`).pipe(
          Effect.flatMap((response) => response.text),
          Session.withRequestOptions({ maxBodySize: 1000 })
        ),
      "ResponseError",
      "Decode"
    ]
  ]
  for (const [name, cause, request, tag, reason] of mapped) {
    it.scopedLive(`reports ${name} as ${tag} ${reason}`, () =>
      Effect.gen(function* () {
        const { url } = yield* Api
        const error = yield* request(url).pipe(Effect.flip)
        assert.strictEqual(clientErrorKind(error), `${tag} ${reason}`)
        assert.strictEqual((clientErrorCause(error) as Errors.ClientError)._tag, cause)
      }).pipe(Effect.provide(Layer.merge(overSession, Api.Live)))
    )
  }

  it.scopedLive("names the request and the target of its redirect once each in an error message", () =>
    Effect.gen(function* () {
      const { url } = yield* Api
      const cut = yield* Effect.flatMap(HttpClient.get(`${url}/cut?a=1`), (response) => response.text).pipe(Effect.flip)
      assert.strictEqual(
        cut.message,
        `Decode: Cannot read the response's body: the connection ended before the body, after 5 bytes of 10 (200 GET ${url}/cut?a=1)`
      )
      const gone = yield* HttpClient.get(`${url}/to?/hangup`).pipe(Effect.flip)
      assert.include(gone.message, `(GET ${url}/hangup`)
      assert.include(gone.message, `(GET ${url}/to?/hangup)`)
    }).pipe(Effect.provide(Layer.merge(overSession, Api.Live)))
  )

  it.scopedLive("keeps the head and the beginning of the body of a refused status", () =>
    Effect.gen(function* () {
      const error = yield* get("/status?503").pipe(Session.withRequestOptions({ raiseForStatus: true }), Effect.flip)
      const response = clientErrorResponse(error)
      assert.strictEqual(response.status, 503)
      assert.strictEqual(response.headers["content-type"], "application/json")
      assert.deepStrictEqual(yield* response.json, { code: "503" })
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(response.stream)), '{"code":"503"}')
      assert.strictEqual((yield* response.arrayBuffer).byteLength, 14)
    }).pipe(Effect.provide(Layer.merge(overSession, Api.Live)))
  )

  it.scopedLive("follows redirects as the session does, unless it is configured otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/redirect")).status, 200)
      const kept = yield* get("/redirect").pipe(Session.withRequestOptions({ allowRedirects: false }))
      assert.strictEqual(kept.status, 302)
    }).pipe(Effect.provide(Layer.merge(overSession, Api.Live)))
  )

  it.scopedLive("gives settings of the request priority over options", () =>
    Effect.gen(function* () {
      const echo = yield* HttpClient.get(yield* at("/echo"), { headers: { "x-own": "own" } }).pipe(
        Effect.flatMap((response) => response.json),
        Session.withRequestOptions({ headers: { "x-own": "option", "x-option": "option" } })
      )
      assert.deepInclude((echo as { readonly headers: object }).headers, { "x-own": "own", "x-option": "option" })
    }).pipe(Effect.provide(Layer.merge(overSession, Api.Live)))
  )

  it.scopedLive("sends cookies of the session's jar, and reads bodies more than once", () =>
    Effect.gen(function* () {
      const response = yield* get("/text")
      assert.strictEqual(yield* response.text, "some text")
      assert.strictEqual(yield* response.text, "some text")
      const echo = yield* Effect.flatMap(get("/echo"), (next) => next.json)
      assert.strictEqual((echo as { readonly headers: { readonly cookie?: string } }).headers.cookie, "a=1; b=2")
    }).pipe(
      Effect.provide(
        Layer.merge(
          Session.layerHttpClient.pipe(Layer.provide(Session.layer({ cookieJar: { unsafe: true } }))),
          Api.Live
        )
      )
    )
  )

  it.scopedLive("releases the connection after a body was read, and an abort afterwards does not close it", () =>
    Effect.gen(function* () {
      const session = yield* Session.make()
      const http = yield* Layer.build(Session.layerHttpClient).pipe(Effect.provideService(Session.Session, session))
      const client = Context.get(http, HttpClient.HttpClient)
      const { url } = yield* Api
      for (let i = 0; i < 3; i++) {
        yield* HttpClientResponse.stream(client.get(`${url}/text`)).pipe(Stream.runDrain)
        yield* Effect.flatMap(client.get(`${url}/todos/1`), (response) => response.json)
      }
      const stats = yield* session.connector.stats
      assert.deepStrictEqual([stats.acquired, stats.idle], [0, 1])
    }).pipe(Effect.provide([Connector.layerTcp(), CookieJar.layer(), Api.Live]))
  )

  it.effect("does not read the response when it is inspected", () =>
    Effect.gen(function* () {
      const response = yield* HttpClient.get("https://api.example/")
      const shown = JSON.stringify(response)
      assert.include(shown, '"status":200')
      assert.strictEqual(yield* response.text, "body")
    }).pipe(
      Effect.provide(
        Session.layerHttpClient.pipe(
          Layer.provide(Session.layerWithoutDependencies()),
          Layer.provide([Connector.layerMock(() => new Response("body")), CookieJar.layer()])
        )
      )
    )
  )

  it.effect("works over a session that is mocked by one function", () =>
    Effect.gen(function* () {
      const error = yield* HttpClient.get("https://api.example/").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
    }).pipe(
      Effect.provide(
        Session.layerHttpClient.pipe(Layer.provide(Session.layerMock({ request: () => Testing.faults.refused })))
      )
    )
  )
})
