/**
 * Connections that end unnoticed while the machine sleeps or the program is busy.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream, TestClock } from "effect"
import * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import * as Proxy from "effect-http-session/Proxy"
import type * as Session from "effect-http-session/Session"
import type { ConnectionClosed } from "effect-http-session/Tracing"
import { standard } from "../support/certificates.js"
import { heldClock, jumpingClock } from "../support/clock.js"
import { failure } from "../support/exits.js"
import { trusting } from "../support/proxied.js"
import * as Server from "../support/server.js"
import { sessionOn } from "../support/session.js"
import { turns, until, untilValue } from "../support/wait.js"

const { answers } = Server

const limits: ClientRequest.RequestOptions = { timeout: "15 seconds" }

const echo = answers(({ body, method, target }) => Server.response(200, `${method} ${target} ${body}`))

/** A server that echoes, and its connections. */
const echoing = (tls?: { readonly cert: string; readonly key: string }) =>
  Effect.gen(function* () {
    const peers: Array<Server.Peer> = []
    const at = yield* Server.always(
      (peer) =>
        Effect.zipRight(
          Effect.sync(() => void peers.push(peer)),
          echo(peer)
        ),
      tls === undefined ? undefined : { tls }
    )
    return { at, peers }
  })

const warm = (session: Session.SessionService, url: string) =>
  session.get(`${url}/warm`, limits).pipe(ClientResponse.text)

/** Collects the reasons for which connections of a session are closed. */
const closesOf = (session: Session.SessionService) =>
  Effect.gen(function* () {
    const closed: Array<ConnectionClosed["reason"]> = []
    yield* Effect.forkScoped(
      Stream.runForEach(session.connector.signals, (signal) =>
        Effect.sync(() => {
          if (signal._tag === "ConnectionClosed") closed.push(signal.reason)
        })
      )
    )
    yield* turns(3)
    return closed
  })

const hour = 3_600_000

describe("an idle connection of a machine that slept", () => {
  for (const [name, millis, method, reused] of [
    ["8 hours", 8 * hour, "GET", false],
    ["8 hours", 8 * hour, "POST", false],
    ["16 seconds", 16_000, "GET", false],
    ["2 seconds", 2000, "GET", true],
    ["minus 8 hours", -8 * hour, "GET", true]
  ] as const) {
    it.scopedLive(`${reused ? "serves" : "does not serve"} the next ${method} after ${name}`, () =>
      Effect.gen(function* () {
        const { at } = yield* echoing()
        const { clock, jump } = jumpingClock()
        const { session } = yield* sessionOn()
        yield* Effect.withClock(warm(session, at.url), clock)
        jump(millis)
        const next = session.request(method, `${at.url}/next`, limits)
        const response = yield* Effect.withClock(next, clock)
        assert.strictEqual(response.connection.reused, reused)
        assert.strictEqual(yield* response.text, `${method} /next `)
        yield* untilValue(at.connections, (open) => open === 1)
        assert.strictEqual((yield* session.connector.stats).idle, 1)
      })
    )
  }

  it.scopedLive("is closed because it was idle too long", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { clock, jump } = jumpingClock()
      const { session } = yield* sessionOn()
      const closed = yield* closesOf(session)
      yield* Effect.withClock(warm(session, at.url), clock)
      jump(8 * hour)
      yield* Effect.withClock(warm(session, at.url), clock)
      yield* until(() => closed.length > 0)
      assert.deepStrictEqual(closed, ["IdleTimeout"])
    })
  )

  it.scopedLive("on another Clock is judged by that Clock's time", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { advance, clock } = heldClock()
      const { session } = yield* sessionOn()
      yield* Effect.withClock(warm(session, at.url), clock)
      yield* warm(session, at.url)
      yield* Effect.withClock(warm(session, at.url), clock)
      assert.strictEqual(yield* at.accepted, 1)
      advance(15_000)
      yield* untilValue(session.connector.stats, (stats) => stats.idle === 0)
      yield* warm(session, at.url)
      assert.strictEqual(yield* at.accepted, 2)
    })
  )
})

/** Ways in which the server ends idle connections while the program is busy. */
const events: ReadonlyArray<readonly [string, (peer: Server.Peer) => void]> = [
  [
    "FIN",
    ({ raw, socket }) => {
      socket.destroy()
      raw.destroy()
    }
  ],
  ["RST", ({ raw }) => void raw.resetAndDestroy()],
  [
    "bytes that nobody asked for",
    ({ socket }) => void socket.write("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n")
  ]
]

describe("a request after the program was busy for a second", () => {
  const ways = ["TCP", "TLS", "a proxy that forwards"] as const

  /** A session on a TestClock, with idle connections that `end` ends within one turn of the event loop. */
  const busy = (
    way: (typeof ways)[number],
    end: (peer: Server.Peer) => void,
    millis: number,
    options: Connector.TcpOptions = {}
  ) =>
    Effect.gen(function* () {
      const { good } = yield* standard()
      const { at, peers } = yield* echoing(way === "TLS" ? good : undefined)
      const proxy = way === "a proxy that forwards" ? Proxy.make(at.url) : undefined
      const ssl = yield* trusting
      const { session } = yield* sessionOn({ ssl, ...options }, { proxy })
      const { advance, clock } = heldClock()
      const url = proxy === undefined ? at.url : "http://origin.test"
      yield* Effect.withClock(warm(session, url), clock)
      yield* until(() => Effect.runSync(session.connector.stats).idle === 1)
      const pass = Effect.sync(() => {
        for (const peer of peers) end(peer)
        advance(millis)
      })
      return { advance, at, clock, pass, session, url }
    })

  for (const way of ways) {
    for (const [name, end] of events) {
      // Over TLS such a response is an ordinary record, and RST and FIN belong to the TCP socket.
      it.scopedLive(`is sent on a new connection if the old one received ${name}: POST over ${way}`, () =>
        Effect.gen(function* () {
          const { at, clock, pass, session, url } = yield* busy(way, end, 1000)
          yield* pass
          const response = yield* Effect.withClock(session.post(`${url}/own`, { ...limits, text: "x" }), clock)
          assert.isFalse(response.connection.reused)
          assert.strictEqual(yield* response.text, `POST ${way.startsWith("a proxy") ? url : ""}/own x`)
          assert.strictEqual((yield* at.requests).filter(({ method }) => method === "POST").length, 1)
          yield* until(() => Effect.runSync(session.connector.stats).idle === 1)
        })
      )
    }

    it.scopedLive(`is sent on the old connection if that is still open: POST over ${way}`, () =>
      Effect.gen(function* () {
        const { at, clock, pass, session, url } = yield* busy(way, () => {}, 1000)
        yield* pass
        const response = yield* Effect.withClock(session.post(`${url}/own`, limits), clock)
        assert.isTrue(response.connection.reused)
        assert.strictEqual(yield* at.accepted, 1)
      })
    )
  }

  it.scopedLive("is sent on a new connection if the old one ended right after its response", () =>
    Effect.gen(function* () {
      const peers: Array<Server.Peer> = []
      const at = yield* Server.server([
        (peer) =>
          Effect.zipRight(
            peer.request,
            Effect.zipRight(
              Effect.sync(() => void peers.push(peer)),
              Effect.never
            )
          ),
        echo
      ])
      const { session } = yield* sessionOn()
      const { advance, clock } = heldClock()
      const both = Effect.flatMap(warm(session, at.url), () => session.post(`${at.url}/own`, { ...limits, text: "x" }))
      const fiber = yield* Effect.fork(
        Effect.withClock(
          Effect.flatMap(both, (response) => response.text),
          clock
        )
      )
      yield* until(() => peers.length === 1)
      yield* Effect.sync(() => {
        for (const { raw } of peers) {
          raw.write(Server.response(200, "warm"))
          raw.destroy()
        }
        advance(1000)
      })
      assert.strictEqual(yield* Fiber.join(fiber), "POST /own x")
      assert.deepStrictEqual(
        (yield* at.requests).map(({ connection, method }) => [connection, method]),
        [
          [0, "GET"],
          [1, "POST"]
        ]
      )
    })
  )

  for (const [name, method, options] of [
    ["PATCH", "PATCH", {}],
    ["a method of one's own", "BREW", {}],
    ["PUT of a body that can be had once", "PUT", { data: ClientRequest.oneShot(Stream.make(new Uint8Array([0x78]))) }]
  ] as const) {
    it.scopedLive(`is sent on a new connection: ${name}`, () =>
      Effect.gen(function* () {
        const { clock, pass, session, url } = yield* busy("TCP", ({ raw }) => void raw.destroy(), 1000)
        yield* pass
        const response = yield* Effect.withClock(
          session.request(method, `${url}/own`, { ...limits, ...options }),
          clock
        )
        assert.deepStrictEqual([response.status, response.connection.reused], [200, false])
      })
    )
  }

  it.scopedLive("is not delayed if it can be repeated or its connection was just used", () =>
    Effect.gen(function* () {
      for (const [method, millis] of [
        ["GET", 5000],
        ["PUT", 5000],
        ["POST", 999]
      ] as const) {
        const { clock, pass, session, url } = yield* busy("TCP", () => {}, millis)
        yield* pass
        const sent = yield* Effect.withClock(Effect.fork(session.request(method, `${url}/own`, limits)), clock)
        yield* Effect.yieldNow()
        const { acquired, connecting } = yield* session.connector.stats
        assert.deepStrictEqual([method, acquired, connecting], [method, 1, 0])
        yield* Fiber.join(sent)
      }
    })
  )

  /** Starts a POST that checks its connection, which is open and the only one that the limit allows. */
  const looking = (options: ClientRequest.RequestOptions = limits) =>
    Effect.gen(function* () {
      const made = yield* busy("TCP", () => {}, 1000, { limit: 1 })
      yield* made.pass
      const post = made.session.post(`${made.url}/own`, options)
      const fiber = yield* Effect.fork(Effect.withClock(post, made.clock))
      // Only microtasks run, and the event loop does not turn.
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow()
      const { acquired, connecting, idle } = yield* made.session.connector.stats
      assert.deepStrictEqual({ acquired, connecting, idle }, { acquired: 0, connecting: 1, idle: 1 })
      return { ...made, fiber }
    })

  const posted = (at: Server.Server) =>
    Effect.map(at.requests, (all) => all.filter(({ method }) => method === "POST").length)

  it.scopedLive("can be interrupted while it checks its connection, and releases its slot", () =>
    Effect.gen(function* () {
      const { at, clock, fiber, session, url } = yield* looking()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      const { acquired, connecting, idle, waiting } = yield* session.connector.stats
      assert.deepStrictEqual([acquired, connecting, idle, waiting], [0, 0, 1, 0])
      assert.strictEqual(yield* Effect.withClock(warm(session, url), clock), "GET /warm ")
      assert.strictEqual(yield* at.accepted, 1)
      assert.strictEqual(yield* posted(at), 0)
    })
  )

  it.scopedLive("fails with its time limit while it checks its connection, and releases its slot", () =>
    Effect.gen(function* () {
      const { advance, at, clock, fiber, session, url } = yield* looking({ timeout: "1 second" })
      advance(1000)
      assert.strictEqual(failure(yield* Fiber.await(fiber))._tag, "TotalTimeoutError")
      assert.strictEqual(yield* Effect.withClock(warm(session, url), clock), "GET /warm ")
      assert.strictEqual(yield* posted(at), 0)
    })
  )

  it.scopedLive("ends with its session while it checks its connection", () =>
    Effect.gen(function* () {
      const { at, fiber, session } = yield* looking()
      yield* session.connector.close
      assert.strictEqual(failure(yield* Fiber.await(fiber))._tag, "SessionClosedError")
      yield* untilValue(at.connections, (open) => open === 0)
      assert.strictEqual(yield* posted(at), 0)
    })
  )

  it.scopedLive("holds its slot while it checks its connection, so that others wait", () =>
    Effect.gen(function* () {
      const { at, clock, fiber, session, url } = yield* looking()
      const text = yield* Effect.withClock(warm(session, url), clock)
      assert.strictEqual(text, "GET /warm ")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      assert.deepStrictEqual(
        (yield* at.requests).map(({ method }) => method),
        ["GET", "POST", "GET"]
      )
    })
  )
})

describe("maxConnectionAge", () => {
  it.scoped("lets a connection serve requests until it has that age, also if it is never idle", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { session } = yield* sessionOn({ maxConnectionAge: "10 seconds" })
      const closed = yield* closesOf(session)
      for (let second = 0; second < 10; second++) {
        yield* warm(session, at.url)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* at.accepted, 1)
      yield* until(() => closed.length > 0)
      assert.deepStrictEqual(closed, ["Retired"])
      assert.strictEqual((yield* session.connector.stats).idle, 0)
      yield* warm(session, at.url)
      assert.strictEqual(yield* at.accepted, 2)
    })
  )

  it.scoped("does not cut a request, and closes its connection afterwards", () =>
    Effect.gen(function* () {
      let answer: () => void = () => {}
      const answered = new Promise<void>((resolve) => {
        answer = resolve
      })
      const at = yield* Server.server([
        Server.plays(Server.request, () => Effect.promise(() => answered), Server.respond(200, "late"), Server.stall)
      ])
      const { session } = yield* sessionOn({ maxConnectionAge: "10 seconds" })
      const closed = yield* closesOf(session)
      const fiber = yield* Effect.fork(session.get(`${at.url}/`, { timeout: Infinity }).pipe(ClientResponse.text))
      yield* until(() => Effect.runSync(at.requests).length === 1)
      yield* TestClock.adjust("10 seconds")
      answer()
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      yield* until(() => closed.length > 0)
      assert.deepStrictEqual(closed, ["Retired"])
    })
  )

  it.scoped("is off by default", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { session } = yield* sessionOn()
      for (let hours = 0; hours < 3; hours++) {
        for (let step = 0; step < 20; step++) {
          yield* warm(session, at.url)
          yield* TestClock.adjust("14 seconds")
        }
      }
      assert.strictEqual(yield* at.accepted, 1)
    })
  )
})

describe("clearDnsCache", () => {
  const two = Effect.gen(function* () {
    const [one, other] = [yield* echoing(), yield* echoing()]
    const { session } = yield* sessionOn()
    yield* warm(session, one.at.url)
    yield* warm(session, other.at.url)
    assert.strictEqual((yield* session.connector.stats).idle, 2)
    return { one: one.at, other: other.at, session }
  })
  const idle = (session: Session.SessionService) => Effect.map(session.connector.stats, (stats) => stats.idle)

  it.scopedLive("leaves connections alone by default", () =>
    Effect.gen(function* () {
      const { session } = yield* two
      yield* session.connector.clearDnsCache()
      assert.strictEqual(yield* idle(session), 2)
    })
  )

  it.scopedLive("with retire closes idle connections: all, of a host, of a host and port", () =>
    Effect.gen(function* () {
      for (const [host, port, left] of [
        [undefined, undefined, 0],
        ["127.0.0.1", undefined, 0],
        ["127.0.0.1", "own", 1],
        ["127.0.0.1", 1, 2],
        ["127.0.0.2", undefined, 2],
        ["localhost", undefined, 2]
      ] as const) {
        const { one, session } = yield* two
        const closed = yield* closesOf(session)
        yield* session.connector.clearDnsCache(host, port === "own" ? one.port : port, { retire: true })
        assert.strictEqual(yield* idle(session), left)
        yield* until(() => closed.length === 2 - left)
        assert.isTrue(closed.every((reason) => reason === "Retired"))
      }
    })
  )

  it.scopedLive("with retire closes a connection in use after its request", () =>
    Effect.gen(function* () {
      let answer: () => void = () => {}
      const answered = new Promise<void>((resolve) => {
        answer = resolve
      })
      const at = yield* Server.server([
        Server.plays(Server.request, () => Effect.promise(() => answered), Server.respond(200, "late"), Server.stall)
      ])
      const { session } = yield* sessionOn()
      const closed = yield* closesOf(session)
      const fiber = yield* Effect.fork(session.get(`${at.url}/`, limits).pipe(ClientResponse.text))
      yield* until(() => Effect.runSync(at.requests).length === 1)
      yield* session.connector.clearDnsCache("127.0.0.1", at.port, { retire: true })
      answer()
      assert.strictEqual(yield* Fiber.join(fiber), "late")
      yield* until(() => closed.length > 0)
      assert.deepStrictEqual(closed, ["Retired"])
    })
  )

  it.scopedLive("with retire closes connections to a proxy by the name of the proxy", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { session } = yield* sessionOn({}, { proxy: Proxy.make(at.url) })
      yield* warm(session, "http://origin.test")
      yield* session.connector.clearDnsCache("origin.test", undefined, { retire: true })
      assert.strictEqual(yield* idle(session), 1)
      yield* session.connector.clearDnsCache("127.0.0.1", at.port, { retire: true })
      assert.strictEqual(yield* idle(session), 0)
    })
  )
})

describe("forceClose", () => {
  const rows: ReadonlyArray<
    readonly [string, Session.SessionOptions, ClientRequest.RequestOptions, ReadonlyArray<string>]
  > = [
    ["sends Connection: close", {}, {}, ["close"]],
    ["sends Connection: close with a body", {}, { json: { a: 1 } }, ["close"]],
    ["sends Connection: close over HTTP/1.0", { version: "1.0" }, {}, ["close"]],
    ["does not change a Connection header", {}, { headers: { connection: "TE" } }, ["TE"]]
  ]
  for (const [name, options, request, expected] of rows) {
    for (const proxied of [false, true]) {
      it.scopedLive(`${name}${proxied ? " to a proxy that forwards" : ""}`, () =>
        Effect.gen(function* () {
          const { at } = yield* echoing()
          const proxy = proxied ? Proxy.make(at.url) : undefined
          const { session } = yield* sessionOn({ forceClose: true }, { ...options, proxy })
          yield* session.get(proxied ? "http://origin.test/" : at.url, { ...limits, ...request })
          const [first] = yield* at.requests
          assert.deepStrictEqual(
            first?.headers.filter(([header]) => header.toLowerCase() === "connection").map(([, value]) => value),
            expected
          )
        })
      )
    }
  }

  it.scopedLive("does not change the handshake of a WebSocket", () =>
    Effect.gen(function* () {
      const { at } = yield* echoing()
      const { session } = yield* sessionOn({ forceClose: true })
      yield* Effect.exit(Effect.scoped(session.webSocket(at.url.replace("http", "ws"))))
      const [first] = yield* at.requests
      assert.deepStrictEqual(
        first?.headers.filter(([header]) => header === "Connection"),
        [["Connection", "Upgrade"]]
      )
    })
  )

  it.scopedLive("changes nothing else of a request", () =>
    Effect.gen(function* () {
      const sent: Array<string> = []
      for (const forceClose of [false, true]) {
        const { at } = yield* echoing()
        const { session } = yield* sessionOn({ forceClose })
        yield* session.post(`${at.url}/own`, { ...limits, json: { a: 1 } })
        const [bytes] = yield* at.received
        sent.push(
          Buffer.from(bytes ?? [])
            .toString("latin1")
            .replaceAll(String(at.port), "PORT")
        )
      }
      assert.strictEqual(sent[1]?.replace("Connection: close\r\n", ""), sent[0])
      assert.notStrictEqual(sent[1], sent[0])
    })
  )
})
