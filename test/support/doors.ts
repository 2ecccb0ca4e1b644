/**
 * All kinds of waits of a request, each with a step at which the test holds the request until it lets it continue.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { HttpClient, HttpClientRequest, KeyValueStore } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Deferred, Effect, Layer, Option, Redacted, type Scope, Stream, TestClock } from "effect"
import * as Auth from "effect-http-session/Auth"
import * as ClientResponse from "effect-http-session/ClientResponse"

import * as Middleware from "effect-http-session/Middleware"
import * as Session from "effect-http-session/Session"
import * as Sse from "effect-http-session/Sse"
import type * as Timeouts from "effect-http-session/Timeouts"
import * as Tracing from "effect-http-session/Tracing"
import { blackHole } from "../internal/network/dial/support.js"
import { standard } from "./certificates.js"
import { proxyServer } from "./proxyServer.js"
import * as Server from "./server.js"
import { sessionOn, turns, until } from "./stages.js"
import * as Sockets from "./webSocketServer.js"

/** A request that the test holds at a step. */
export interface Door {
  readonly session: Session.SessionService
  /** The request; returns the text of its response. */
  readonly request: (timeout?: Timeouts.Input) => Effect.Effect<string, unknown, Scope.Scope>
  /** Resolves when the request has reached its step. */
  readonly held: Effect.Effect<void>
  /** Lets the request continue. */
  readonly release: Effect.Effect<void>
  /** Whether uninterruptible code of the test runs at the step. */
  readonly uninterruptible?: boolean
  /** Whether the whole response has arrived at the step, so that the session has released the request. */
  readonly received?: boolean
}

export const answer = "the lock is yours"

/** A gate that holds requests until it opens. */
interface Gate {
  readonly reached: Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** Reports that a request has reached the gate, and waits until it opens. */
  readonly pass: Effect.Effect<void>
}

const makeGate: Effect.Effect<Gate> = Effect.gen(function* () {
  const reached = yield* Deferred.make<void>()
  const open = yield* Deferred.make<void>()
  return {
    reached: Effect.zipRight(Deferred.await(reached), turns(3)),
    open: Effect.asVoid(Deferred.succeed(open, undefined)),
    pass: Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(open))
  }
})

const doorOf = (gate: Gate, session: Session.SessionService, request: Door["request"]): Door => ({
  session,
  request,
  held: gate.reached,
  release: gate.open
})

/** Responds to each request when the gate is open. */
const gated =
  (gate: Gate): Server.Play =>
  (peer) =>
    Effect.forever(Effect.zipRight(peer.request, Effect.zipRight(gate.pass, peer.send(Server.response(200, answer)))))

const at = (options: Session.SessionOptions, url: (port: number) => string = (port) => `http://127.0.0.1:${port}/`) =>
  Effect.gen(function* () {
    const gate = yield* makeGate
    const server = yield* Server.always(gated(gate))
    const { session } = yield* sessionOn({ gracefulShutdownTimeout: 0 }, options)
    return { gate, session, url: url(server.port) }
  })

const post =
  (session: Session.SessionService, url: string): Door["request"] =>
  (timeout) =>
    ClientResponse.text(session.post(url, { text: "lock", timeout }))

const get =
  (session: Session.SessionService, url: string): Door["request"] =>
  (timeout) =>
    ClientResponse.text(session.get(url, { timeout }))

/** A POST under these options, held by the server that does not answer. */
const serverWith = (options: Session.SessionOptions) =>
  Effect.map(at(options), ({ gate, session, url }) => doorOf(gate, session, post(session, url)))

/** A GET under these options, held by the server that does not answer. */
const getWith = (options: Session.SessionOptions) =>
  Effect.map(at(options), ({ gate, session, url }) => doorOf(gate, session, get(session, url)))

const pass: Middleware.Middleware = (request, next) => next(request)

/** A request to a server, held by the resolver. */
const dialling = (
  play: Server.Play,
  request: (session: Session.SessionService, url: string) => Door["request"],
  options: Session.SessionOptions = {}
) =>
  Effect.gen(function* () {
    const gate = yield* makeGate
    const server = yield* Server.always(play)
    const { session } = yield* sessionOn(
      {
        gracefulShutdownTimeout: 0,
        resolver: { resolve: () => Effect.as(gate.pass, [{ address: "127.0.0.1", family: 4 }] as const) }
      },
      options
    )
    return doorOf(gate, session, request(session, `http://held.test:${server.port}/`))
  })

const answering: Server.Play = Server.answers(() => Server.response(200, answer))

/** A relay to a port that forwards nothing until the gate is open. */
const relay = (gate: Gate, port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const add = (socket: Socket) => {
        sockets.add(socket)
        socket.on("error", () => socket.destroy())
        return socket
      }
      const server = createServer((client) => {
        add(client)
        client.once("readable", () => {
          Effect.runFork(
            Effect.map(gate.pass, () => {
              const target = add(connectSocket({ port, host: "127.0.0.1" }))
              client.pipe(target).pipe(client)
            })
          )
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const close = () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
        resume(Effect.succeed({ port: (server.address() as AddressInfo).port, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const tls = Effect.gen(function* () {
  const gate = yield* makeGate
  const { good } = yield* standard()
  const server = yield* Server.always(answering, { tls: good })
  const { port } = yield* relay(gate, server.port)
  const { session } = yield* sessionOn({ gracefulShutdownTimeout: 0, ssl: false })
  return doorOf(gate, session, post(session, `https://127.0.0.1:${port}/`))
})

const tunnel = Effect.gen(function* () {
  const gate = yield* makeGate
  const { good } = yield* standard()
  const server = yield* Server.always(answering, { tls: good })
  const proxy = yield* proxyServer()
  const { port } = yield* relay(gate, proxy.port)
  const { session } = yield* sessionOn(
    { gracefulShutdownTimeout: 0, ssl: false },
    { proxy: `http://127.0.0.1:${port}` }
  )
  return doorOf(gate, session, post(session, `https://127.0.0.1:${server.port}/`))
})

/** The first address never answers; the second is tried after a delay of the TestClock. */
const connecting = Effect.gen(function* () {
  const server = yield* Server.always(answering)
  yield* blackHole("127.0.0.3", server.port)
  const { connector, session } = yield* sessionOn({
    gracefulShutdownTimeout: 0,
    happyEyeballsDelay: "20 seconds",
    resolver: {
      resolve: () =>
        Effect.succeed([
          { address: "127.0.0.3", family: 4 },
          { address: "127.0.0.1", family: 4 }
        ] as const)
    }
  })
  const door: Door = {
    session,
    request: post(session, `http://held.test:${server.port}/`),
    held: Effect.zipRight(
      until(() => Effect.runSync(connector.stats).connecting === 1),
      turns(3)
    ),
    release: TestClock.adjust("20 seconds")
  }
  return door
})

const queue = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Server.always(gated(gate))
  const { connector, session } = yield* sessionOn({ gracefulShutdownTimeout: 0, limit: 1 })
  const url = `http://127.0.0.1:${server.port}/`
  yield* Effect.forkScoped(
    ClientResponse.text(session.get(url, { timeout: { total: Infinity, headers: Infinity, connect: Infinity } }))
  )
  yield* gate.reached
  const door: Door = {
    session,
    request: post(session, url),
    held: Effect.zipRight(
      until(() => Effect.runSync(connector.stats).waiting === 1),
      turns(3)
    ),
    release: gate.open
  }
  return door
})

const platform = Effect.map(at({}), ({ gate, session, url }) =>
  doorOf(gate, session, (timeout) =>
    Effect.flatMap(HttpClient.HttpClient, (client) =>
      Effect.flatMap(
        client.execute(HttpClientRequest.bodyText(HttpClientRequest.post(url), "lock")),
        (response) => response.text
      )
    ).pipe(
      Session.withRequestOptions({ timeout }),
      Effect.provide(Layer.provide(Session.layerHttpClient, Layer.succeed(Session.Session, session))),
      Effect.mapError((error) => error.cause ?? error)
    )
  )
)

/** Two requests are in flight when the hedge is held. */
const hedged = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Server.always(gated(gate))
  const { session } = yield* sessionOn(
    { gracefulShutdownTimeout: 0 },
    { middlewares: [(request, next) => Effect.uninterruptible(next(request)), Middleware.hedge({ after: "1 second" })] }
  )
  const door: Door = {
    session,
    request: get(session, server.url),
    held: gate.reached.pipe(
      Effect.zipRight(TestClock.adjust("1 second")),
      Effect.zipRight(until(() => Effect.runSync(server.requests).length === 2)),
      Effect.zipRight(turns(3))
    ),
    release: gate.open,
    uninterruptible: true
  }
  return door
})

/** Held during the delay before the second attempt. */
const retrying = Effect.gen(function* () {
  let refused = false
  const server = yield* Server.always(
    Server.answers(() => {
      if (refused) return Server.response(200, answer)
      refused = true
      return Server.response(503, "", ["Retry-After: 60"])
    })
  )
  const paused = yield* Deferred.make<void>()
  const { session } = yield* sessionOn(
    { gracefulShutdownTimeout: 0 },
    {
      middlewares: [Middleware.retry({ maxRetryAfter: "2 minutes", methods: ["POST"] })],
      traceConfigs: [Tracing.traceConfig({ onRequestRetry: () => Deferred.succeed(paused, undefined) })]
    }
  )
  const door: Door = {
    session,
    request: post(session, server.url),
    held: Effect.zipRight(Deferred.await(paused), turns(3)),
    release: TestClock.adjust("1 minute")
  }
  return door
})

/** Held by the rate limit. */
const limitedRate = Effect.gen(function* () {
  const server = yield* Server.always(answering)
  const limit = yield* Middleware.rateLimit({ limit: 1, interval: "1 minute" })
  const waits = yield* Deferred.make<void>()
  let calls = 0
  const { session } = yield* sessionOn(
    { gracefulShutdownTimeout: 0 },
    {
      middlewares: [
        (request, next) =>
          Effect.zipRight(calls++ === 1 ? Deferred.succeed(waits, undefined) : Effect.void, next(request)),
        limit
      ]
    }
  )
  yield* Effect.orDie(ClientResponse.text(session.get(server.url)))
  const door: Door = {
    session,
    request: post(session, server.url),
    held: Effect.zipRight(Deferred.await(waits), turns(3)),
    release: TestClock.adjust("1 minute")
  }
  return door
})

const listener = (name: "onRequestStart" | "onConnectionCreateStart" | "onDnsResolveHostStart" | "onRequestEnd") =>
  Effect.gen(function* () {
    const gate = yield* makeGate
    const server = yield* Server.always(answering)
    const { session } = yield* sessionOn(
      {
        gracefulShutdownTimeout: 0,
        resolver: { resolve: () => Effect.succeed([{ address: "127.0.0.1", family: 4 }] as const) }
      },
      { traceConfigs: [Tracing.traceConfig({ [name]: () => gate.pass })] }
    )
    return doorOf(gate, session, post(session, `http://held.test:${server.port}/`))
  })

/** The second of two equal requests, which waits for the response to the first. */
const coalesced = Effect.gen(function* () {
  const gate = yield* makeGate
  let leader = true
  const server = yield* Server.always((peer) =>
    Effect.forever(
      Effect.flatMap(peer.request, () => {
        const first = leader
        leader = false
        return Effect.zipRight(
          first ? gate.pass : Effect.void,
          peer.send(Server.response(200, answer, ["Cache-Control: max-age=60"]))
        )
      })
    )
  )
  const cache = yield* Middleware.cache().pipe(Effect.provide(KeyValueStore.layerMemory))
  const joined = yield* Deferred.make<void>()
  let calls = 0
  const { session } = yield* sessionOn(
    { gracefulShutdownTimeout: 0 },
    {
      middlewares: [
        (request, next) =>
          Effect.zipRight(calls++ === 1 ? Deferred.succeed(joined, undefined) : Effect.void, next(request)),
        cache
      ]
    }
  )
  yield* Effect.forkScoped(ClientResponse.text(session.get(server.url, { timeout: "1 hour" })))
  yield* gate.reached
  const door: Door = {
    session,
    request: get(session, server.url),
    held: Effect.zipRight(Deferred.await(joined), turns(3)),
    release: gate.open
  }
  return door
})

const token = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Server.always(answering)
  const bearer = yield* Middleware.bearerRefresh({ token: Effect.as(gate.pass, Redacted.make("token")) })
  const { session } = yield* sessionOn({ gracefulShutdownTimeout: 0 }, { middlewares: [bearer] })
  return doorOf(gate, session, post(session, server.url))
})

const digest = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Server.always((peer) =>
    Effect.forever(
      Effect.flatMap(peer.request, (request) =>
        request.header("authorization") === undefined
          ? peer.send(Server.response(401, "", ['WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"']))
          : Effect.zipRight(gate.pass, peer.send(Server.response(200, answer)))
      )
    )
  )
  const middleware = yield* Middleware.digest(Auth.basic("user", "pass"))
  const { session } = yield* sessionOn({ gracefulShutdownTimeout: 0 }, { middlewares: [middleware] })
  return doorOf(gate, session, post(session, server.url))
})

const hook = (name: "raiseForStatus" | "onRedirect") =>
  Effect.gen(function* () {
    const gate = yield* makeGate
    const server = yield* Server.always(
      Server.answers(({ target }) =>
        target === "/" && name === "onRedirect"
          ? Server.response(307, "", ["Location: /there"])
          : Server.response(200, answer)
      )
    )
    const { session } = yield* sessionOn(
      { gracefulShutdownTimeout: 0 },
      name === "onRedirect"
        ? { onRedirect: ({ next }) => Effect.as(gate.pass, Option.some(next)) }
        : { raiseForStatus: () => gate.pass }
    )
    return doorOf(gate, session, post(session, server.url))
  })

const progress = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Server.always(answering)
  const { session } = yield* sessionOn({ gracefulShutdownTimeout: 0 })
  const request: Door["request"] = (timeout) =>
    ClientResponse.text(session.get(server.url, { onProgress: () => gate.pass, timeout }))
  return { ...doorOf(gate, session, request), received: true }
})

const webSocket = Effect.gen(function* () {
  const gate = yield* makeGate
  const server = yield* Sockets.webSocketServer((peer) =>
    peer
      .send(Sockets.text(answer))
      .pipe(
        Effect.zipRight(peer.receiveClose),
        Effect.zipRight(peer.send(Sockets.close(1000))),
        Effect.zipRight(peer.ended)
      )
  )
  const { session } = yield* sessionOn({
    gracefulShutdownTimeout: 0,
    resolver: { resolve: () => Effect.as(gate.pass, [{ address: "127.0.0.1", family: 4 }] as const) }
  })
  return doorOf(gate, session, (timeout) =>
    Effect.flatMap(session.webSocket(`ws://held.test:${server.port}/`, { timeout }), (socket) =>
      Effect.map(socket.receive, ({ data }) => String(data))
    )
  )
})

/** A download by way of a folder that ends with the test. */
const file =
  (session: Session.SessionService, url: string): Door["request"] =>
  (timeout) =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "doors-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      ),
      (folder) => {
        const path = join(folder, "file")
        return Effect.map(ClientResponse.toFile(session.get(url, { timeout }), path), () => readFileSync(path, "utf8"))
      }
    ).pipe(Effect.provide(NodeFileSystem.layer))

const events: Server.Play = Server.answers(() =>
  Server.response(200, `data: ${answer}\n\n`, ["Content-Type: text/event-stream"])
)

const firstOf = <E, R>(stream: Stream.Stream<string, E, R>) => Effect.map(Stream.runHead(stream), Option.getOrThrow)

/** All doors by name: the holder of the request and the place. */
export const doors: Readonly<Record<string, Effect.Effect<Door, never, Scope.Scope>>> = {
  "a verb in a Scope": Effect.map(at({}), ({ gate, session, url }) =>
    doorOf(gate, session, (timeout) =>
      Effect.flatMap(session.post(url, { text: "lock", timeout }), (response) => response.text)
    )
  ),
  "a verb before a decoder": serverWith({}),
  "a middleware": serverWith({ middlewares: [pass] }),
  "a middleware that is uninterruptible": Effect.map(
    serverWith({ middlewares: [pass, (request, next) => Effect.uninterruptible(next(request)), pass] }),
    (door) => ({ ...door, uninterruptible: true })
  ),
  "the HttpClient of @effect/platform": platform,
  "hedge before its second request": getWith({ middlewares: [Middleware.hedge({ after: "1 hour" })] }),
  "hedge with two requests": hedged,
  "retry with a request under way": serverWith({ middlewares: [Middleware.retry()] }),
  "retry in its pause": retrying,
  "a circuit breaker": Effect.flatMap(Middleware.circuitBreaker(), (breaker) => serverWith({ middlewares: [breaker] })),
  "a rate limit that makes it wait": limitedRate,
  "the cache, as the request that others wait for": Effect.flatMap(
    Middleware.cache().pipe(Effect.provide(KeyValueStore.layerMemory)),
    (cache) => getWith({ middlewares: [cache] })
  ),
  "the cache, as a request that waits for another": coalesced,
  "bearerRefresh that fetches its token": token,
  "digest with its second request": digest,
  "a trace listener that does not hold it": serverWith({
    traceConfigs: [Tracing.traceConfig({ onRequestStart: () => Effect.void })]
  }),
  onRequestStart: listener("onRequestStart"),
  onConnectionCreateStart: listener("onConnectionCreateStart"),
  onDnsResolveHostStart: listener("onDnsResolveHostStart"),
  onRequestEnd: listener("onRequestEnd"),
  raiseForStatus: hook("raiseForStatus"),
  onRedirect: hook("onRedirect"),
  onProgress: progress,
  "the queue for a slot": queue,
  "the resolver": dialling(answering, post),
  "a connect": connecting,
  "a TLS handshake": tls,
  "a tunnel through a proxy": tunnel,
  "a WebSocket that opens": webSocket,
  "Sse.connect": dialling(
    events,
    (session, url) => (timeout) =>
      firstOf(Stream.map(Sse.connect(url, { timeout }), ({ data }) => data)).pipe(
        Effect.provideService(Session.Session, session)
      )
  ),
  toFile: dialling(answering, file),
  paginate: dialling(
    answering,
    (session, url) => (timeout) =>
      firstOf(Session.paginate(url, (response) => response.text, { timeout })).pipe(
        Effect.provideService(Session.Session, session)
      )
  )
}
