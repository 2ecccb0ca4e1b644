/**
 * Connectors, sessions, their internal parts, and fibers that hold them.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ConfigProvider, Context, Deferred, Effect, Fiber, Layer } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as Session from "effect-http-session/Session"
import { transportOf } from "../../../src/internal/transport/transportHandle.js"
import { h2Always, handshake } from "../h2Server.js"
import * as planted from "../planted.js"
import { sessionWith } from "../sites.js"
import { until } from "../stages.js"
import { at, halting, inUse, options, sessionOn, temporary } from "./fixtures.js"

export const connectors = Effect.gen(function* () {
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

export const sessions = Effect.gen(function* () {
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

/** The parts of a connector and a session: no API returns them, but a debugger or a dump may. */
export const internals = Effect.gen(function* () {
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

/** A fiber that waits for a response, and its exit. */
export const fibers = Effect.gen(function* () {
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
