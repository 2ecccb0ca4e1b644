/**
 * The values of this package that can be printed, each made and used with a secret in every place that takes one.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { HttpClient, HttpClientRequest, HttpServerResponse, KeyValueStore } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { ConfigProvider, Context, Deferred, Effect, Fiber, Layer, Option, Redacted, type Scope } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import * as Har from "effect-http-session/Har"
import * as Middleware from "effect-http-session/Middleware"
import * as Multipart from "effect-http-session/Multipart"
import * as Proxy from "effect-http-session/Proxy"
import * as Session from "effect-http-session/Session"
import * as Sse from "effect-http-session/Sse"
import * as Ssl from "effect-http-session/Ssl"
import * as Testing from "effect-http-session/Testing"
import * as Tracing from "effect-http-session/Tracing"
import { transportOf } from "../../src/internal/transport/transportHandle.js"
import { standard } from "./certificates.js"
import { h2Always, handshake } from "./h2Server.js"
import * as planted from "./planted.js"
import { proxyServer } from "./proxyServer.js"
import * as Server from "./server.js"
import { response } from "./server.js"
import { redirect, sessionWith, site } from "./sites.js"
import { until } from "./stages.js"
import { watchedTracer } from "./tracers.js"
import { echo, webSocketServer } from "./webSocketServer.js"

/** Values by their names. */
type Values = Record<string, unknown>

/** The values of a session in each of these places. */
const options: Session.SessionOptions = {
  headers: planted.headers,
  cookies: planted.cookies,
  auth: planted.basic
}

/** A server with answers full of secrets. */
const talkative = site(() => response(200, "{}", ["Content-Type: application/json", ...planted.answerHeaders]))

const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "inspection-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** URLs without credentials: a request has its own. */
const at = (url: string): string => planted.signed(url).replace(/\/\/[^@]*@/, "//")

/** A server that sends a head full of secrets and then half of the body. */
const halting = Effect.map(
  Server.always((peer) =>
    peer.request.pipe(
      Effect.zipRight(peer.send(response(200, "half", planted.answerHeaders).replace("Length: 4", "Length: 8"))),
      Effect.zipRight(Server.stall(peer))
    )
  ),
  (server) => ({ to: (name: string) => `http://${name}:${server.port}/` })
)

/** A connector, a session and a request with a response that has arrived as far as the server allows. */
const inUse = Effect.gen(function* () {
  const server = yield* talkative
  const { connector, session } = yield* sessionWith({ ...options, baseUrl: server.to("a.test") })
  const opened = yield* session.get(at("/page"))
  return { connector, session, opened }
})

const connectors = Effect.gen(function* () {
  const held = yield* halting
  const busy = yield* sessionWith({ ...options, baseUrl: held.to("a.test") })
  yield* busy.session.get(at("/page"))
  const unix = yield* Connector.unix({ path: "/run/app.sock", ssl: false })
  const idle = yield* inUse
  yield* idle.opened.text
  return {
    "a connector with a request": busy.connector,
    "a connector with an idle connection": idle.connector,
    "a connector's statistics": yield* busy.connector.stats,
    "a connector of a Unix socket": unix,
    "a context with a connector": Context.make(Connector.Connector, busy.connector)
  }
})

const sessions = Effect.gen(function* () {
  const { session } = yield* inUse
  const other = session.with({
    proxy: planted.proxyUrl("http://proxy.test:3128"),
    proxyHeaders: planted.proxyHeaders,
    proxyAuth: planted.bearer
  })
  const folder = yield* temporary
  const path = join(folder, "netrc")
  yield* Effect.promise(() =>
    writeFile(path, `machine a.test login user password ${planted.secret("netrc")}`, { mode: 0o600 })
  )
  const environment = new Map([
    ["NETRC", path],
    ["HTTP_PROXY", planted.proxyUrl("http://proxy.test:3128")]
  ])
  const trusting = yield* sessionWith({ trustEnv: true }).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(environment))
  )
  const mocked = yield* Layer.build(Session.layerMock({ get: () => Effect.never }))
  return {
    "a session": session,
    "a session of another": other,
    "a session that trusts the environment": trusting.session,
    "a mock of a session": Context.get(mocked, Session.Session),
    "a layer": Session.layer(options),
    "a context with a session": Context.make(Session.Session, session)
  }
})

const effects = Effect.gen(function* () {
  const { session } = yield* inUse
  const url = planted.signed("https://a.test/")
  const given = { ...options, auth: undefined, json: planted.form }
  const value = yield* ClientRequest.make("GET", url, given)
  return {
    "a request that has not begun": Session.post(url, given),
    "a request of a session that has not begun": session.post(url, given),
    "a request that is a value": session.execute(value),
    "a request with a decoder": Session.get(url, given).pipe(ClientResponse.json),
    "a request with options around it": Session.get(url).pipe(Session.withRequestOptions(options)),
    "a WebSocket that has not begun": session.webSocket(url.replace("https", "wss"), { headers: planted.headers }),
    "a stream of pages": Session.paginate(url, (page) => page.text, given),
    "a stream of events": Sse.connect(url, given)
  }
})

const requests = Effect.gen(function* () {
  const request = yield* ClientRequest.make("POST", planted.signed("https://a.test/"), {
    headers: planted.headers,
    cookies: planted.cookies,
    data: planted.form,
    proxy: planted.proxyUrl("http://proxy.test:3128"),
    proxyHeaders: planted.proxyHeaders
  })
  const json = yield* ClientRequest.make("POST", "https://a.test/", { auth: planted.bearer, json: planted.form })
  const part = Multipart.part("password", planted.secret("part"), {
    headers: { "X-Part": Redacted.make(planted.secret("part-header")) }
  })
  return {
    "a request": request,
    "a request with another header": ClientRequest.setHeader(request, "Authorization", planted.secret("authorization")),
    "a command line": ClientRequest.toCurl(request),
    "a command line with JSON": ClientRequest.toCurl(json),
    "a part": part,
    "a multipart body": Multipart.make([part])
  }
})

const responses = Effect.gen(function* () {
  const { opened } = yield* inUse
  const { opened: read } = yield* inUse
  yield* read.json
  return {
    "a response": opened,
    "a response that was read": read,
    "a response's timings": opened.timings,
    "a response's connection": opened.connection
  }
})

/** The parts of a connector and a session: no API returns them, but a debugger or a dump may. */
const internals = Effect.gen(function* () {
  const held = yield* halting
  const { connector, session } = yield* sessionWith({ ...options, baseUrl: held.to("a.test") })
  yield* session.get(at("/page"))
  const network = transportOf(connector[Connector.TypeId])
  const [connection] = Reflect.get(network, "connections").routes.keys()
  const second = yield* h2Always((peer) =>
    Effect.zipRight(
      handshake()(peer),
      peer.until(() => false)
    )
  )
  const http2 = yield* sessionWith(
    { ...options, baseUrl: second.url },
    { connector: { http2: { mode: "prior-knowledge" }, limit: 1 } }
  )
  yield* Effect.forkScoped(http2.session.get("/one").pipe(ClientResponse.text))
  yield* Effect.forkScoped(http2.session.get("/two").pipe(ClientResponse.text))
  yield* until(() => Effect.runSync(http2.connector.stats).streams === 2)
  const { routes, shared } = Reflect.get(transportOf(http2.connector[Connector.TypeId]), "connections")
  const [multiplexed] = routes.keys()
  const mock = yield* Layer.build(Connector.layerMock(() => Effect.never))
  const mocked = yield* sessionOn(Context.get(mock, Connector.Connector))
  yield* Effect.forkScoped(mocked.session.post(at("https://a.test/"), { data: planted.form }).pipe(ClientResponse.text))
  const mockTransport = transportOf(Context.get(mock, Connector.Connector)[Connector.TypeId])
  yield* until(() => mockTransport.stats().acquired === 1)
  return {
    "a network": network,
    "a pool": Reflect.get(network, "pool"),
    "a connection": connection,
    "the connections of a network": Reflect.get(network, "connections"),
    "connections of HTTP/2": shared,
    "a connection of HTTP/2": multiplexed,
    "the streams of a connection": [...multiplexed.open.all()],
    "an exchange": connection.lastExchange,
    "a call": connection.lastExchange.call,
    "the core of a session": connection.lastExchange.call.core,
    "a transport of a mock": mockTransport,
    "the connections of a mock": [...Reflect.get(mockTransport, "active").keys()]
  }
})

/** A value that a program reads: its JSON equals its content, and only that shows it. */
const data = Effect.gen(function* () {
  const { opened } = yield* inUse
  const jar = yield* CookieJar.make()
  yield* jar.updateCookies(planted.cookies, "https://a.test/")
  const cookies = yield* jar.filterCookies("https://a.test/")
  const given = { ...options, auth: undefined, proxy: planted.proxyUrl("http://proxy.test"), params: planted.query }
  const request = yield* ClientRequest.make("POST", planted.signed("https://a.test/"), { ...given, data: planted.form })
  const json = yield* ClientRequest.make("POST", "https://a.test/", { auth: planted.bearer, json: planted.form })
  return {
    "the options of a context": yield* Session.withRequestOptions(Session.CurrentRequestOptions, {
      ...given,
      proxyHeaders: planted.proxyHeaders
    }),
    "the options of a request": request.options,
    "the headers of a request": request.headers,
    "the options of a request with JSON": json.options,
    "a response's request": opened.requestInfo,
    "the headers of a response's request": opened.requestInfo.headers,
    "a response's headers": opened.headers,
    "a response's links": opened.links,
    "a response's cookies": opened.cookies,
    "a cookie of a response": opened.cookies.cookies.sid,
    "the cookies of a jar": cookies,
    "a cookie of a jar": cookies[0]
  }
})

const redirects = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(200) : redirect(302, at("/end"), planted.answerHeaders)
  )
  let seen: ClientRequest.Redirect | undefined
  const { session } = yield* sessionWith({
    headers: planted.headers,
    onRedirect: (redirect) => {
      seen = redirect
      return Effect.succeed(Option.some(redirect.next))
    }
  })
  const opened = yield* session.get(planted.signed(home.to("a.test")))
  return { "a redirect": seen, "the history of a response": opened.history }
})

const webSockets = Effect.gen(function* () {
  const server = yield* webSocketServer(echo)
  const { session } = yield* sessionWith({ headers: planted.headers, cookies: planted.cookies })
  const socket = yield* session.webSocket(at(server.url.replace("http", "ws")), { auth: planted.bearer })
  yield* socket.send(planted.secret("message"))
  return { "a WebSocket": socket, "the response of a WebSocket": socket.response }
})

const jars = Effect.gen(function* () {
  const jar = yield* CookieJar.make()
  yield* jar.updateCookies(planted.cookies, "https://a.test/")
  const persisted = yield* Layer.build(CookieJar.layerPersisted().pipe(Layer.provide(KeyValueStore.layerMemory)))
  const kept = Context.get(persisted, CookieJar.CookieJar)
  yield* kept.updateCookies(planted.cookies, "https://a.test/")
  return {
    "a jar": jar,
    "a jar that is persisted": kept,
    "a jar that another one is made of": { ...jar, clear: () => Effect.void }
  }
})

const credentials = Effect.gen(function* () {
  const { good, ca } = yield* standard()
  const context = yield* Ssl.context({ ...good, ca, passphrase: planted.secret("passphrase") })
  return {
    "Basic credentials": planted.basic,
    "a bearer token": planted.bearer,
    "a TLS context": context,
    "a pin with a TLS context": Ssl.fingerprint("0".repeat(64), { context }),
    "a proxy": Proxy.make(planted.proxyUrl("http://proxy.test:3128"), { headers: planted.proxyHeaders }),
    "a proxy with credentials": Proxy.make("http://proxy.test", { auth: planted.bearer }),
    "a route of proxies": Proxy.route(() => planted.proxyUrl("http://proxy.test:3128")),
    "a session with a key": (yield* sessionWith({ ssl: context })).session
  }
})

const mocks = Effect.gen(function* () {
  const seen: Array<Connector.MockRequest> = []
  const context = yield* Layer.build(
    Connector.layerMock((request) => {
      seen.push(request)
      return new Response("x", { headers: { "set-cookie": `sid=${planted.secret("mock-cookie")}` } })
    })
  )
  const connector = Context.get(context, Connector.Connector)
  const { session } = yield* sessionOn(connector)
  yield* session.post(at("https://a.test/"), { data: planted.form }).pipe(ClientResponse.text)
  const app = yield* Layer.build(Connector.layerHttpApp(Effect.succeed(HttpServerResponse.text("x"))))
  const calls = Context.get(context, Connector.MockCalls)
  return {
    "a mock": connector,
    "the calls of a mock": calls,
    "each call of a mock": yield* calls.all,
    "the request of a mock's handler": seen,
    "an app as a connector": Context.get(app, Connector.Connector)
  }
})

const sessionOn = (connector: Connector.ConnectorService) =>
  Effect.map(
    Session.make(options).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideServiceEffect(CookieJar.CookieJar, CookieJar.make())
    ),
    (session) => ({ session })
  )

const cassettes = Effect.gen(function* () {
  const path = join(yield* temporary, "tape.json")
  const inner = Connector.layerMock(
    () => new Response("x", { headers: { "set-cookie": planted.secret("mock-cookie") } })
  )
  const recorded = yield* Effect.scoped(
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.provide(Testing.layerRecord(path), inner))
      const connector = Context.get(context, Connector.Connector)
      const { session } = yield* sessionOn(connector)
      yield* session.post(at("https://a.test/"), { data: planted.form }).pipe(ClientResponse.text)
      return connector
    })
  )
  const replaying = yield* Layer.build(Testing.layerReplay(path))
  return {
    "a recording connector": recorded,
    "a replaying connector": Context.get(replaying, Connector.Connector),
    "a cassette": yield* Effect.promise(() => readFile(path, "utf8"))
  }
}).pipe(Effect.provide(NodeFileSystem.layer))

/** An archive, and its base64 content. */
const inBase64 = (archive: Har.Har) => {
  const text = JSON.stringify(archive)
  return [
    archive,
    ...[...text.matchAll(/"([\w+/=]{40,})"/g)].map(([, code = ""]) => Buffer.from(code, "base64").toString())
  ]
}

const traces = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(200, "x", planted.answerHeaders) : redirect(307, at("/end"))
  )
  const config = Tracing.traceConfig({
    onRequestStart: (_session, _ctx, signal, editor) =>
      Effect.zipRight(
        editor.set("X-Edited", Redacted.make(planted.secret("edited"))),
        Effect.sync(() => void heard.push(signal, editor))
      )
  })
  const heard: Array<unknown> = []
  const { session } = yield* sessionWith({ ...options, traceConfigs: [config] })
  const data = Multipart.make([Multipart.part("password", planted.secret("part"))])
  const run = Effect.zipRight(
    session.post(at(home.to("a.test")), { data: planted.form }).pipe(ClientResponse.text),
    session.post(at(home.to("a.test")), { data }).pipe(ClientResponse.text)
  )
  const [, signals] = yield* Tracing.collect(run)
  const shown = signals.filter(({ _tag }) => _tag !== "RequestChunkSent" && _tag !== "ResponseChunkReceived")
  return {
    "a trace config": config,
    "a listener's arguments": heard,
    signals: shown,
    "an archive": Har.fromSignals(signals),
    "an archive with bodies": inBase64(Har.fromSignals(signals, { maxBodySize: 4096 })),
    "a waterfall": Tracing.waterfall(signals)
  }
})

const spans = Effect.gen(function* () {
  const home = yield* site(({ target }) =>
    target.startsWith("/end") ? response(500, "x", planted.answerHeaders) : redirect(307, at("/end"))
  )
  const made: Array<unknown> = []
  const names = ["authorization", "cookie", "x-api-key", "x-auth-token", "x-tenant", "x-functions-key"]
  const { session } = yield* sessionWith({
    ...options,
    spans: { phases: true, requestHeaders: names, responseHeaders: ["set-cookie", "x-auth-token", "location", "link"] }
  })
  const tracer = yield* Effect.tracer
  const asked = session.get(at(home.to("a.test")), { raiseForStatus: true }).pipe(ClientResponse.text, Effect.exit)
  const plain = yield* sessionWith()
  const client = yield* Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, plain.session))
  )
  const request = platformRequest(home.to("a.test"))
  const withoutUser = HttpClientRequest.setUrl(request, new URL(at(home.to("a.test", "/end"))))
  const platform = Effect.zipRight(Effect.exit(client.execute(request)), Effect.exit(client.execute(withoutUser)))
  yield* Effect.zipRight(asked, platform).pipe(
    Effect.withTracer(watchedTracer(tracer, (span) => made.push(span))),
    Effect.withSpan("test")
  )
  // Their times have no JSON.
  return { spans: inspect(made, { depth: Infinity, maxStringLength: null, maxArrayLength: null }) }
})

/** A request of @effect/platform with secrets in it. */
const platformRequest = (url: string) =>
  HttpClientRequest.post(new URL(planted.signed(url)), {
    headers: {
      authorization: `Bearer ${planted.secret("authorization")}`,
      "x-auth-token": planted.secret("auth-token")
    },
    body: undefined
  }).pipe(
    HttpClientRequest.setHash(`access_token=${planted.secret("hash")}`),
    HttpClientRequest.bodyUnsafeJson(planted.form)
  )

const platform = Effect.gen(function* () {
  const server = yield* site(({ target }) =>
    target.startsWith("/500")
      ? response(500, planted.secret("error-body"), planted.answerHeaders)
      : target.startsWith("/text")
        ? response(200, `{"token":${planted.secret("json")}}`, ["Content-Type: application/json"])
        : response(200, "{}", planted.answerHeaders)
  )
  const { session } = yield* sessionWith({ cookies: planted.cookies, proxy: false })
  const client = yield* Effect.provide(
    HttpClient.HttpClient,
    Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, session))
  )
  const withoutUser = (url: string) => new URL(at(url)).href
  const request = HttpClientRequest.setUrl(platformRequest(server.to("a.test")), withoutUser(server.to("a.test")))
  const answer = yield* client.execute(request)
  const broken = HttpClientRequest.setUrl(request, withoutUser(server.to("a.test", "/text")))
  const unparsed = yield* Effect.flatMap(client.execute(broken), (opened) => opened.json).pipe(Effect.flip)
  const refused = yield* Effect.flip(client.execute(HttpClientRequest.setUrl(request, at("http://127.0.0.1:1/"))))
  const credentials = yield* Effect.flip(client.execute(platformRequest(server.to("a.test"))))
  const invalid = yield* Effect.flip(client.execute(HttpClientRequest.setUrl(request, planted.signed("http://"))))
  const status = yield* Effect.flip(
    client.execute(HttpClientRequest.setUrl(request, withoutUser(server.to("a.test", "/500"))))
  ).pipe(Session.withRequestOptions({ raiseForStatus: true }))
  return {
    "a client of @effect/platform": client,
    "a response of @effect/platform": answer,
    "the request of a response of @effect/platform": answer.request,
    "a ResponseError of a body": unparsed,
    "a ResponseError of a status": status,
    "a RequestError of a connection": refused,
    "a RequestError of credentials": credentials,
    "a RequestError of a URL": invalid
  }
})

const middlewares = Effect.gen(function* () {
  const server = yield* site(({ header, target }) =>
    target.startsWith("/digest") && header("authorization") === undefined
      ? response(401, "", ['WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'])
      : response(200, "x", ["Cache-Control: max-age=60", ...planted.answerHeaders])
  )
  const digest = yield* Middleware.digest(planted.basic)
  const bearer = yield* Middleware.bearerRefresh({ token: Effect.succeed(Redacted.make(planted.secret("token"))) })
  const stored = new Map<string, string>()
  const cache = yield* Effect.provide(
    Middleware.cache(),
    Layer.succeed(KeyValueStore.KeyValueStore, memoryStore(stored))
  )
  const { session } = yield* sessionWith({ middlewares: [cache, digest] })
  const other = yield* sessionWith({ middlewares: [bearer] })
  yield* session.get(at(server.to("a.test", "/digest"))).pipe(ClientResponse.text)
  yield* other.session.get(at(server.to("a.test"))).pipe(ClientResponse.text)
  return {
    "the middleware of Digest": digest,
    "the middleware of bearer tokens": bearer,
    "the middleware of the cache": cache,
    "the keys of a cache's store": [...stored.keys()],
    "a session with Digest": session,
    "a session with bearer tokens": other.session
  }
})

const memoryStore = (stored: Map<string, string>): KeyValueStore.KeyValueStore =>
  KeyValueStore.makeStringOnly({
    get: (key) => Effect.sync(() => Option.fromNullable(stored.get(key))),
    set: (key, value) => Effect.sync(() => void stored.set(key, value)),
    remove: (key) => Effect.sync(() => void stored.delete(key)),
    clear: Effect.sync(() => stored.clear()),
    size: Effect.sync(() => stored.size)
  })

/** Everything that a fiber holds while it waits for a response, and after its request has failed. */
const fibers = Effect.gen(function* () {
  const reached = yield* Deferred.make<void>()
  const context = yield* Layer.build(
    Connector.layerMock(() => Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never))
  )
  const { session } = yield* sessionOn(Context.get(context, Connector.Connector))
  const run = session
    .post(at("https://a.test/"), { data: planted.form })
    .pipe(ClientResponse.text, Session.withRequestOptions({ headers: planted.headers }))
  const fiber = yield* Effect.fork(run)
  yield* Deferred.await(reached)
  const exit = yield* Fiber.interrupt(fiber)
  return { "the end of a fiber": exit, "a fiber": fiber }
})

/** The failure of a request, if it is of that kind. */
const failure = <A, E extends { readonly _tag: string }, R>(
  tag: E["_tag"],
  effect: Effect.Effect<A, E, R>
): Effect.Effect<E, A, R> =>
  Effect.flatMap(Effect.flip(effect), (error) =>
    error._tag === tag ? Effect.succeed(error) : Effect.dieMessage(`${error._tag} in place of ${tag}: ${String(error)}`)
  )

/** Errors as requests meet them, beside those that `Errors.test.ts` makes by hand. */
const errors = Effect.gen(function* () {
  const echoed = [planted.secret("proxy-token"), planted.secret("proxy-redacted"), planted.secret("proxy")].join(" ")
  const proxy = yield* proxyServer({
    refuse: {
      status: 403,
      reason: `No ${echoed}`,
      headers: { "X-Echo": echoed, "Set-Cookie": planted.secret("proxy-cookie") },
      body: echoed
    }
  })
  const server = yield* site(({ target }) =>
    target.startsWith("/json")
      ? response(200, `{"token":${planted.secret("json")}}`, ["Content-Type: application/json"])
      : target.startsWith("/head")
        ? `HTTP/1.1 200 OK\r\nX-Auth-Token: ${planted.secret("bad-head")}\0\r\n\r\n`
        : target.startsWith("/loop")
          ? redirect(302, at("/loop"), planted.answerHeaders)
          : response(500, planted.secret("error-body"), planted.answerHeaders)
  )
  const { session } = yield* sessionWith({
    headers: { ...planted.headers, "Proxy-Authorization": [] },
    cookies: planted.cookies,
    proxy: Proxy.route(({ pathname }) =>
      pathname === "/proxied"
        ? Proxy.make(planted.proxyUrl(proxy.url), { headers: planted.proxyHeaders })
        : pathname === "/nowhere"
          ? planted.proxyUrl("http://127.0.0.1:1")
          : undefined
    )
  })
  const to = (path: string, given?: ClientRequest.RequestOptions) =>
    session.get(planted.signed(server.to("a.test", path)), given)
  const decode = (text: string): unknown => JSON.parse(` ${text}`)
  const { good: identity } = yield* standard()
  return {
    "a refused CONNECT": yield* failure(
      "ClientHttpProxyError",
      session.get(at("https://a.test/proxied"), { auth: planted.basic })
    ),
    "a proxy that is not there": yield* failure(
      "ClientProxyConnectionError",
      session.get(planted.signed("https://a.test/nowhere"))
    ),
    "a bad head": yield* failure("BadHttpMessage", to("/head")),
    "a body that is not JSON": yield* failure("JsonDecodeError", to("/json").pipe(ClientResponse.json)),
    "a body that a parser refuses": yield* failure(
      "JsonDecodeError",
      to("/json").pipe(Effect.flatMap((opened) => opened.jsonWith({ parse: decode })))
    ),
    "a status": yield* failure("ClientResponseError", to("/status", { raiseForStatus: true })),
    "too many redirects": yield* failure("TooManyRedirects", to("/loop", { maxRedirects: 1 })),
    "a refused connection": yield* failure("ClientConnectorError", session.get(planted.signed("http://127.0.0.1:1/"))),
    "a bad URL": yield* failure("InvalidURL", session.get(planted.signed("http://"))),
    "credentials twice": yield* failure("InvalidRequest", to("/", { auth: planted.basic })),
    "a middleware that fails": yield* failure(
      "MiddlewareError",
      to("/", { middlewares: [yield* Middleware.make(() => Effect.fail(new Error(`at ${at("https://a.test/")}`)))] })
    ),
    "a WebSocket that is refused": yield* failure(
      "WSServerHandshakeError",
      session.webSocket(planted.signed(server.to("a.test").replace("http", "ws")))
    ),
    "a closed session": yield* Effect.zipRight(session.close, failure("SessionClosedError", to("/"))),
    "a key that cannot be read": yield* failure(
      "SslContextError",
      Ssl.context({ ...identity, key: planted.secret("key"), passphrase: planted.secret("passphrase") })
    )
  }
})

/** By their subject. */
export const places: { readonly [name: string]: Effect.Effect<Values, unknown, Scope.Scope> } = {
  connectors,
  sessions,
  effects,
  requests,
  responses,
  internals,
  data,
  redirects,
  webSockets,
  jars,
  credentials,
  mocks,
  cassettes,
  traces,
  spans,
  platform,
  middlewares,
  fibers,
  errors
}
