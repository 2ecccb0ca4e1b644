import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import {
  Cookies,
  FetchHttpClient,
  HttpBody,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  UrlParams
} from "@effect/platform"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Ref,
  Schedule,
  Schema,
  Scope,
  Stream,
  type Tracer
} from "effect"
import * as Connector from "../src/Connector.js"
import * as CookieJar from "../src/CookieJar.js"
import * as Errors from "../src/Errors.js"
import * as Session from "../src/Session.js"
import * as Testing from "../src/Testing.js"
import { clientErrorCause, clientErrorKind, clientErrorResponse } from "./support/clientErrors.js"
import { getSpanName, isUntraced } from "./support/platformSpans.js"
import { servedAt, servedRoutes } from "./support/routes.js"
import { watchedTracer } from "./support/tracers.js"
import { NotThere, ServedUsers, User, usersClient } from "./support/usersApi.js"

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

/** A server of Node's on an ephemeral port. */
const serve = (handler: Handler) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk) => chunks.push(chunk))
        request.on("end", () => handler(request, response, Buffer.concat(chunks)))
        request.on("error", () => {})
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

const Todo = Schema.Struct({
  userId: Schema.Number,
  id: Schema.Number,
  title: Schema.String,
  completed: Schema.Boolean
})
const todo = { userId: 1, id: 1, title: "delectus aut autem", completed: false }

class Api extends Context.Tag("Api")<
  Api,
  { readonly url: string; readonly arrived: Deferred.Deferred<void>; readonly closed: Deferred.Deferred<void> }
>() {
  static readonly Live = Layer.scoped(
    Api,
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const url = yield* serve((request, response, body) => {
        const { pathname, search } = new URL(request.url ?? "/", "http://localhost")
        const json = (value: unknown, status = 200) => {
          response.writeHead(status, { "content-type": "application/json" })
          response.end(JSON.stringify(value))
        }
        switch (pathname) {
          case "/todos/1":
            return json(todo)
          case "/todos":
            return json({ ...JSON.parse(body.toString()), id: 201 }, 201)
          case "/echo":
            return json({
              method: request.method,
              search,
              headers: request.headers,
              body: body.toString("latin1")
            })
          case "/text":
            response.setHeader("set-cookie", ["a=1; Path=/", "b=2; HttpOnly"])
            return response.end("some text")
          case "/form":
            response.setHeader("content-type", "application/x-www-form-urlencoded")
            return response.end("a=1&b=2&a=3")
          case "/multipart":
            response.setHeader("content-type", "multipart/form-data; boundary=xx")
            return response.end('--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xx--\r\n')
          case "/notjson":
            return response.end("{")
          case "/jsontext":
            response.setHeader("content-type", "text/plain")
            return response.end("[1]")
          case "/empty":
            response.writeHead(200, { "content-type": "application/json", "content-length": "0" })
            return response.end()
          case "/nothing":
            return response.writeHead(204).end()
          case "/redirect":
            return response.writeHead(302, { location: "/todos/1" }).end()
          case "/to":
            return response.writeHead(302, { location: search.slice(1) }).end()
          case "/status":
            return json({ code: search.slice(1) }, Number(search.slice(1)))
          case "/forever": {
            response.write("begin")
            response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
            const timer = setInterval(() => response.write("x".repeat(1000)), 1)
            response.on("close", () => clearInterval(timer))
            return
          }
          case "/stall":
            Deferred.unsafeDone(arrived, Effect.void)
            response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
            return
          case "/cut":
            response.writeHead(200, { "content-length": "10" })
            response.write("12345", () => response.destroy())
            return
          case "/hangup":
            return response.destroy()
          case "/large":
            return response.end(Buffer.alloc(1_000_000, "x"))
          default:
            return response.writeHead(404).end()
        }
      })
      return { url, arrived, closed }
    })
  )
}

const ours = Session.layerHttpClient.pipe(Layer.provide(Session.layer()))

/** The same program over each client, with the server it asks. */
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
  session: ours,
  node: NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  fetch: FetchHttpClient.layer
}

const at = (path: string) => Effect.map(Api, ({ url }) => url + path)
const get = (path: string) => Effect.flatMap(at(path), (url) => HttpClient.get(url))

describe("every client", () => {
  matrix(
    "JSON by a schema",
    Effect.gen(function* () {
      const value = yield* get("/todos/1").pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(Todo)))
      assert.deepStrictEqual(value, todo)
    })
  )

  matrix(
    "a client with a base URL and a status filter",
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
    "a body as a stream",
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
      `the method ${method}`,
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
    "HEAD",
    Effect.gen(function* () {
      const response = yield* HttpClient.head(yield* at("/todos/1"))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, "")
    })
  )

  matrix(
    "URL parameters and headers",
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
      `a body of ${name}`,
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
    "a form with a file",
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
    // Undici by itself takes no FormData of Node's.
    { session: ours, node: NodeHttpClient.layer, fetch: FetchHttpClient.layer }
  )

  matrix(
    "cookies, remote headers, and the body in each form",
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
    "a multipart response",
    Effect.gen(function* () {
      const form = yield* Effect.flatMap(get("/multipart"), (response) => response.formData)
      assert.strictEqual(form.get("a"), "1")
    }),
    { session: ours, fetch: FetchHttpClient.layer }
  )

  matrix(
    "reports invalid JSON as a ResponseError Decode",
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(get("/notjson"), (response) => response.json).pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "ResponseError Decode")
    })
  )

  matrix(
    "a body that is cut is a ResponseError Decode",
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(get("/cut"), (response) => response.text).pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "ResponseError Decode")
    })
  )

  matrix(
    "a connection that ends before the head is a RequestError Transport",
    Effect.gen(function* () {
      const error = yield* get("/hangup").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
    })
  )

  matrix(
    "an invalid URL",
    Effect.gen(function* () {
      const error = yield* HttpClient.get("http://[").pipe(Effect.flip)
      assert.strictEqual(clientErrorKind(error), "RequestError InvalidUrl")
    })
  )

  matrix(
    "an interrupted request closes its connection",
    Effect.gen(function* () {
      const { arrived, closed } = yield* Api
      const fiber = yield* Effect.fork(get("/stall"))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(closed)
    })
  )

  matrix(
    "a stream that ends early closes its connection",
    Effect.gen(function* () {
      const { closed } = yield* Api
      const chunk = yield* HttpClientResponse.stream(get("/forever")).pipe(Stream.take(1), Stream.runHead)
      assert.isTrue(Option.isSome(chunk))
      yield* Deferred.await(closed)
    })
  )

  matrix(
    "withScope closes an unread response",
    Effect.gen(function* () {
      const { closed, url } = yield* Api
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      yield* Effect.scoped(client.get(`${url}/forever`))
      yield* Deferred.await(closed)
    }),
    { session: ours, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "withScope cuts a request in flight whose Scope closes elsewhere",
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
    { session: ours, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "withScope sends nothing once its Scope has closed",
    Effect.gen(function* () {
      const { arrived, url } = yield* Api
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)
      const error = yield* Effect.flip(Scope.extend(client.get(`${url}/stall`), scope))
      assert.strictEqual(clientErrorKind(error), "RequestError Transport")
      assert.isFalse(yield* Deferred.isDone(arrived))
    }),
    { session: ours, undici: NodeHttpClient.layerUndici, fetch: FetchHttpClient.layer }
  )

  matrix(
    "retryTransient",
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
    "redirects",
    Effect.gen(function* () {
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      const value = yield* client
        .get(yield* at("/redirect"))
        .pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(Todo)))
      assert.deepStrictEqual(value, todo)
    })
  )

  matrix(
    "one client span, propagated",
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
        const told = (clientErrorCause(error) as Errors.ClientError).message
        assert.include(error.message, told.slice(0, told.indexOf(" (")))
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
      "a status that was asked to be refused",
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
      }).pipe(Effect.provide(Layer.merge(ours, Api.Live)))
    )
  }

  it.scopedLive("names the request once in a message, and the target of a redirect as well", () =>
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
    }).pipe(Effect.provide(Layer.merge(ours, Api.Live)))
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
    }).pipe(Effect.provide(Layer.merge(ours, Api.Live)))
  )

  it.scopedLive("follows redirects as the session does, unless it is configured otherwise", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("/redirect")).status, 200)
      const kept = yield* get("/redirect").pipe(Session.withRequestOptions({ allowRedirects: false }))
      assert.strictEqual(kept.status, 302)
    }).pipe(Effect.provide(Layer.merge(ours, Api.Live)))
  )

  it.scopedLive("gives settings of the request priority over options", () =>
    Effect.gen(function* () {
      const echo = yield* HttpClient.get(yield* at("/echo"), { headers: { "x-own": "own" } }).pipe(
        Effect.flatMap((response) => response.json),
        Session.withRequestOptions({ headers: { "x-own": "option", "x-option": "option" } })
      )
      assert.deepInclude((echo as { readonly headers: object }).headers, { "x-own": "own", "x-option": "option" })
    }).pipe(Effect.provide(Layer.merge(ours, Api.Live)))
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

  it.effect("works over a session of one function", () =>
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

describe("an HttpApi that is served and requested", () => {
  it.scopedLive("answers its derived client", () =>
    Effect.gen(function* () {
      const baseUrl = `http://${yield* servedAt}`
      const users = yield* usersClient(baseUrl)
      assert.deepStrictEqual(yield* users.find(7), new User({ id: 7, name: "a" }))
      assert.deepStrictEqual(yield* users.find(7, true), new User({ id: 7, name: "A" }))
      const missing = yield* users.find(0).pipe(Effect.flip)
      assert.deepStrictEqual(missing, new NotThere({ id: 0 }))
      const user = new User({ id: 1, name: "b" })
      const [created, response] = yield* users.create(user)
      assert.deepStrictEqual(created, user)
      assert.strictEqual(response.status, 201)
      assert.isUndefined(yield* users.remove(1))
      const form = new FormData()
      form.append("file", new Blob(["12345"]), "a.txt")
      assert.deepStrictEqual(yield* users.upload(form), { name: "a.txt", size: 5 })
      assert.strictEqual((yield* users.fails.pipe(Effect.flip))._tag, "Forbidden")
    }).pipe(Effect.provide(ours), Effect.provide(ServedUsers))
  )
})

describe("RPC over HTTP", () => {
  class Calls extends RpcGroup.make(
    Rpc.make("Double", { payload: { n: Schema.Number }, success: Schema.Number, error: Schema.String }),
    Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
  ) {}
  const Served = servedRoutes(
    RpcServer.layer(Calls).pipe(
      Layer.provide(
        Calls.toLayer({
          Double: ({ n }) => (n < 0 ? Effect.fail("negative") : Effect.succeed(n * 2)),
          Count: ({ to }) => Stream.range(1, to)
        })
      ),
      Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" }))
    )
  ).pipe(Layer.provide(RpcSerialization.layerNdjson), Layer.provideMerge(NodeHttpServer.layerTest))

  it.scopedLive("carries calls, failures and streams", () =>
    Effect.gen(function* () {
      const url = `http://${yield* servedAt}/rpc`
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Calls)
        assert.strictEqual(yield* client.Double({ n: 21 }), 42)
        assert.strictEqual(yield* client.Double({ n: -1 }).pipe(Effect.flip), "negative")
        assert.deepStrictEqual(
          Chunk.toReadonlyArray(yield* Stream.runCollect(client.Count({ to: 5 }))),
          [1, 2, 3, 4, 5]
        )
      }).pipe(
        Effect.provide(RpcClient.layerProtocolHttp({ url }).pipe(Layer.provide([ours, RpcSerialization.layerNdjson])))
      )
    }).pipe(Effect.provide(Served))
  )
})
