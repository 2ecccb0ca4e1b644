import {
  Cookies,
  FetchHttpClient,
  HttpBody,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  UrlParams
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Ref, Schedule, Schema, Scope, Stream, type Tracer } from "effect"
import { clientErrorKind, clientErrorResponse } from "./support/clientErrors.js"
import { Api, at, get, overSession, Todo, todo } from "./support/platformApi.js"
import { getSpanName, isUntraced } from "./support/platformSpans.js"
import { watchedTracer } from "./support/tracers.js"

/** Runs a program with each client and a new server. */
const matrix = (
  name: string,
  program: Effect.Effect<void, unknown, HttpClient.HttpClient | Api | Scope.Scope>,
  clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = all
) => {
  for (const [client, layer] of Object.entries(clients)) {
    it.scopedLive(`${name} (${client})`, () => Effect.provide(program, Layer.merge(layer, Api.Live)))
  }
}

const all = {
  session: overSession,
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  fetch: FetchHttpClient.layer
}

describe("every client", () => {
  matrix(
    "decodes JSON by a schema",
    Effect.gen(function* () {
      const value = yield* get("/todos/1").pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(Todo)))
      assert.deepStrictEqual(value, todo)
    })
  )

  matrix(
    "applies a base URL and a status filter",
    Effect.gen(function* () {
      const { url } = yield* Api
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.mapRequest(HttpClientRequest.prependUrl(url)),
        HttpClient.filterStatusOk
      )
      const created = yield* HttpClientRequest.post("/todos").pipe(
        HttpClientRequest.schemaBodyJson(Todo)(todo),
        Effect.flatMap(client.execute),
        Effect.flatMap(HttpClientResponse.schemaBodyJson(Todo))
      )
      assert.strictEqual(created.id, 201)
      const error = yield* client.get("/status?503").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "ResponseError StatusCode")
      assert.strictEqual(clientErrorResponse(error).status, 503)
    })
  )

  matrix(
    "streams a body",
    Effect.gen(function* () {
      const text = yield* get("/todos/1").pipe(
        Effect.map((response) => response.stream),
        Stream.unwrap,
        Stream.decodeText(),
        Stream.mkString
      )
      assert.deepStrictEqual(JSON.parse(text), todo)
      const size = yield* HttpClientResponse.stream(get("/large")).pipe(
        Stream.runFold(0, (sum, chunk) => sum + chunk.length)
      )
      assert.strictEqual(size, 1_000_000)
    })
  )

  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const) {
    matrix(
      `sends the method ${method}`,
      Effect.gen(function* () {
        const echo = yield* HttpClientRequest.make(method)(yield* at("/echo")).pipe(
          HttpClient.execute,
          Effect.flatMap((response) => response.json)
        )
        assert.deepInclude(echo, { method, body: "" })
      })
    )
  }

  matrix(
    "returns an empty body for HEAD",
    Effect.gen(function* () {
      const response = yield* HttpClient.head(yield* at("/todos/1"))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "")
    })
  )

  matrix(
    "sends URL parameters and headers",
    Effect.gen(function* () {
      const echo = yield* HttpClientRequest.get(yield* at("/echo?x=1")).pipe(
        HttpClientRequest.appendUrlParams({ "a b": "ü", c: ["1", "2"] }),
        HttpClientRequest.setHeaders({ "x-one": "1" }),
        HttpClientRequest.bearerToken("t0k"),
        HttpClientRequest.setHash("frag"),
        HttpClient.execute,
        Effect.flatMap(
          HttpClientResponse.schemaBodyJson(
            Schema.Struct({
              search: Schema.String,
              headers: Schema.Record({ key: Schema.String, value: Schema.String })
            })
          )
        )
      )
      assert.strictEqual(echo.search, "?x=1&a+b=%C3%BC&c=1&c=2")
      assert.deepInclude(echo.headers, { "x-one": "1", authorization: "Bearer t0k" })
    })
  )

  const bodies: Readonly<Record<string, readonly [HttpBody.HttpBody, string, RegExp]>> = {
    text: [HttpBody.text("h\u00e4"), "h\u00c3\u00a4", /^text\/plain/],
    "a text of a type": [HttpBody.text("<a/>", "application/xml"), "<a/>", /^application\/xml$/],
    bytes: [HttpBody.uint8Array(Uint8Array.of(0, 255, 10)), "\u0000\u00ff\n", /^application\/octet-stream$/],
    "raw text": [HttpBody.raw("raw", { contentType: "text/x", contentLength: 3 }), "raw", /^text\/x$/],
    JSON: [HttpBody.unsafeJson({ a: 1 }), '{"a":1}', /^application\/json$/],
    "URL parameters": [HttpBody.urlParams(UrlParams.fromInput({ a: "1 2" })), "a=1+2", /urlencoded/],
    "a stream": [HttpBody.stream(Stream.make("ab", "cd").pipe(Stream.encodeText), "text/x"), "abcd", /^text\/x$/],
    "a stream of known length": [
      HttpBody.stream(Stream.make("ab", "cd").pipe(Stream.encodeText), "text/x", 4),
      "abcd",
      /^text\/x$/
    ]
  }
  for (const [name, [body, text, type]] of Object.entries(bodies)) {
    matrix(
      `sends a body of ${name}`,
      Effect.gen(function* () {
        const echo = yield* HttpClientRequest.post(yield* at("/echo")).pipe(
          HttpClientRequest.setBody(body),
          HttpClient.execute,
          Effect.flatMap(
            HttpClientResponse.schemaBodyJson(
              Schema.Struct({
                body: Schema.String,
                headers: Schema.Record({ key: Schema.String, value: Schema.String })
              })
            )
          )
        )
        assert.strictEqual(echo.body, text)
        assert.match(echo.headers["content-type"] ?? "", type)
      })
    )
  }

  matrix(
    "sends a form with a file",
    Effect.gen(function* () {
      const form = new FormData()
      form.append("a", "1")
      form.append("file", new Blob(["content"]), "name.txt")
      const echo = yield* HttpClientRequest.post(yield* at("/echo")).pipe(
        HttpClientRequest.bodyFormData(form),
        HttpClient.execute,
        Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ body: Schema.String })))
      )
      assert.match(echo.body, /name="a"\r\n\r\n1\r\n/)
      assert.match(echo.body, /filename="name.txt"[\s\S]*content\r\n--/)
    }),
    // The request function of undici does not accept Node's FormData.
    { session: overSession, node: NodeHttpClient.layer, fetch: FetchHttpClient.layer }
  )

  matrix(
    "returns cookies, and the body in each form",
    Effect.gen(function* () {
      const text = yield* get("/text")
      assert.deepStrictEqual(Cookies.toRecord(text.cookies), { a: "1", b: "2" })
      assert.strictEqual(yield* text.text, "some text")
      const form = yield* Effect.flatMap(get("/form"), (response) => response.urlParamsBody)
      assert.deepStrictEqual(
        [...form],
        [
          ["a", "1"],
          ["b", "2"],
          ["a", "3"]
        ]
      )
      const bytes = yield* Effect.flatMap(get("/text"), (response) => response.arrayBuffer)
      assert.strictEqual(new TextDecoder().decode(bytes), "some text")
      assert.deepStrictEqual(yield* Effect.flatMap(get("/jsontext"), (response) => response.json), [1])
      assert.isNull(yield* Effect.flatMap(get("/empty"), (response) => response.json))
      assert.strictEqual(yield* Effect.flatMap(get("/nothing"), (response) => response.text), "")
    })
  )

  matrix(
    "reads a multipart response",
    Effect.gen(function* () {
      const form = yield* Effect.flatMap(get("/multipart"), (response) => response.formData)
      assert.strictEqual(form.get("a"), "1")
    }),
    { session: overSession, fetch: FetchHttpClient.layer }
  )

  matrix(
    "reports invalid JSON as a ResponseError Decode",
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(get("/notjson"), (response) => response.json).pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "ResponseError Decode")
    })
  )

  matrix(
    "reports an incomplete body as a ResponseError Decode",
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(get("/cut"), (response) => response.text).pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "ResponseError Decode")
    })
  )

  matrix(
    "reports a connection that ends before the head as a RequestError Transport",
    Effect.gen(function* () {
      const error = yield* get("/hangup").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
    })
  )

  matrix(
    "reports an invalid URL as a RequestError InvalidUrl",
    Effect.gen(function* () {
      const error = yield* HttpClient.get("http://[").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError InvalidUrl")
    })
  )

  matrix(
    "closes the connection of an interrupted request",
    Effect.gen(function* () {
      const { arrived, closed } = yield* Api
      const fiber = yield* Effect.fork(get("/stall"))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
    })
  )

  matrix(
    "closes the connection of a stream that ends early",
    Effect.gen(function* () {
      const { closed } = yield* Api
      const chunk = yield* HttpClientResponse.stream(get("/forever")).pipe(Stream.take(1), Stream.runHead)
      assert.isTrue(Option.isSome(chunk))
      yield* Deferred.await(closed)
    })
  )

  matrix(
    "closes an unread response with the Scope of withScope",
    Effect.gen(function* () {
      const { closed, url } = yield* Api
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      yield* Effect.scoped(client.get(`${url}/forever`))
      yield* Deferred.await(closed)
    }),
    { session: overSession, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "ends a request in flight if another fiber closes the Scope of withScope",
    Effect.gen(function* () {
      const { arrived, closed, url } = yield* Api
      const scope = yield* Scope.make()
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const fiber = yield* Effect.fork(Effect.flip(Scope.extend(client.get(`${url}/stall`), scope)))
      yield* Deferred.await(arrived)
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
      yield* Deferred.await(closed)
    }),
    { session: overSession, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "sends nothing if the Scope of withScope is closed",
    Effect.gen(function* () {
      const { arrived, url } = yield* Api
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const error = yield* Effect.flip(Scope.extend(client.get(`${url}/stall`), scope))
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
      assert.isFalse(yield* Deferred.isDone(arrived))
    }),
    { session: overSession, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "repeats transient failures with retryTransient",
    Effect.gen(function* () {
      const { url } = yield* Api
      const tries = yield* Ref.make(0)
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.tapRequest(() => Ref.update(tries, (n) => n + 1)),
        HttpClient.filterStatusOk,
        HttpClient.retryTransient({ times: 2, schedule: Schedule.spaced("1 millis") })
      )
      yield* client.get(`${url}/hangup`).pipe(Effect.flip)
      assert.strictEqual(yield* Ref.get(tries), 3)
      yield* Ref.set(tries, 0)
      yield* client.get(`${url}/status?404`).pipe(Effect.flip)
      assert.strictEqual(yield* Ref.get(tries), 1)
    })
  )

  matrix(
    "follows redirects with followRedirects",
    Effect.gen(function* () {
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      const value = yield* client
        .get(yield* at("/redirect"))
        .pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(Todo)))
      assert.deepStrictEqual(value, todo)
    })
  )

  matrix(
    "makes one client span and propagates it",
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const native = yield* Effect.tracer
      const tracer = watchedTracer(native, (span) => spans.push(span))
      const headersOf = Effect.flatMap(
        get("/echo"),
        HttpClientResponse.schemaBodyJson(
          Schema.Struct({
            headers: Schema.Record({ key: Schema.String, value: Schema.String })
          })
        )
      )
      const traced = yield* headersOf.pipe(Effect.withSpan("parent"), Effect.withTracer(tracer))
      const clients = spans.filter((span) => span.kind === "client")
      assert.deepStrictEqual(
        clients.map((span) => span.name),
        [getSpanName]
      )
      assert.strictEqual(traced.headers.traceparent, `00-${clients[0]?.traceId}-${clients[0]?.spanId}-01`)
      spans.length = 0
      const plain = yield* headersOf.pipe(Effect.withTracerEnabled(false), Effect.withTracer(tracer))
      assert.deepStrictEqual(spans, [])
      assert.isTrue(isUntraced(plain.headers.traceparent))
      const through = (self: HttpClient.HttpClient) =>
        Effect.provideService(headersOf, HttpClient.HttpClient, self).pipe(Effect.withTracer(tracer))
      const own = yield* HttpClient.HttpClient
      const alone = yield* through(HttpClient.withTracerPropagation(own, false))
      assert.isTrue(isUntraced(alone.headers.traceparent))
      assert.strictEqual(spans.length, 1)
      yield* through(HttpClient.withSpanNameGenerator(own, (request) => `own ${request.method}`))
      assert.strictEqual(spans[1]?.name, "own GET")
      spans.length = 0
      const client = (yield* HttpClient.HttpClient).pipe(HttpClient.withTracerDisabledWhen(() => true))
      yield* Effect.flatMap(client.get(yield* at("/text")), (response) => response.text).pipe(Effect.withTracer(tracer))
      assert.deepStrictEqual(spans, [])
    })
  )
})
