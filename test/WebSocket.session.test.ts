import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Exit, Fiber, Option, Stream, TestClock } from "effect"
import { Auth, Connector, CookieJar, type Middleware, Session, Ssl } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { failure } from "./support/exits.js"
import { proxyServer } from "./support/proxyServer.js"
import { response } from "./support/server.js"
import { flowOf, tagsOf, ways } from "./support/signals.js"
import { turn, turns, until } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"
import { headersOf, inSession, local } from "./support/webSockets.js"

describe("a WebSocket request of a session", () => {
  it.scopedLive("sends cookies and credentials, and keeps the cookies of the 101 and of a refusal", () =>
    Effect.gen(function* () {
      let count = 0
      const server = yield* Peer.webSocketServer(Peer.echo, {
        reply: (request) =>
          count++ === 0
            ? response(401, "no", ["Set-Cookie: refused=1", "Connection: close"])
            : Peer.accepting(request, ["Set-Cookie: accepted=1; Path=/"])
      })
      const jar = yield* inSession(
        Effect.gen(function* () {
          const session = yield* Session.Session
          const url = server.webSocketUrl()
          yield* Effect.exit(Session.webSocket(url))
          yield* Session.webSocket(url, { auth: Auth.basic("user", "pass"), cookies: { own: "2" } })
          return yield* session.cookieJar.cookieHeader(url.replace(/^ws/, "http"))
        })
      )
      const headers = headersOf(server.handshakes[1])
      assert.strictEqual(headers.authorization, `Basic ${Buffer.from("user:pass").toString("base64")}`)
      assert.deepStrictEqual(headers.cookie?.split("; ").sort(), ["own=2", "refused=1"])
      assert.deepStrictEqual(
        jar
          .pipe(Option.getOrElse(() => ""))
          .split("; ")
          .sort(),
        ["accepted=1", "refused=1"]
      )
    })
  )

  it.scopedLive("runs the middlewares of the session", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const seen: Array<string> = []
      const spy: Middleware.Middleware = (request, next) => {
        seen.push(request.url)
        return next(request)
      }
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl("/m"))
          yield* socket.send("a")
          assert.strictEqual((yield* socket.receive).data, "a")
        }),
        { middlewares: [spy] }
      )
      assert.deepStrictEqual(seen, [server.webSocketUrl("/m").replace(/^ws/, "http")])
    })
  )

  it.scopedLive("runs its own middlewares instead of those of the session", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const seen: Array<string | undefined> = []
      const spy: Middleware.Middleware = (request, next) => {
        seen.push(request.options.urlTemplate)
        return next(request)
      }
      yield* inSession(Session.webSocket(server.webSocketUrl(), { middlewares: [spy], urlTemplate: "/chat" }), {
        middlewares: [() => Effect.die("the session's")]
      })
      assert.deepStrictEqual(seen, ["/chat"])
    })
  )

  for (const way of ways) {
    it.scopedLive(`emits the signals of a GET, none for its frames, and one end: ${way.name}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        yield* way.run({}, (session, record) =>
          Effect.gen(function* () {
            const all = yield* Effect.fork(
              Stream.runCollect(Stream.takeUntil(session.signals, ({ _tag }) => _tag === "ConnectionClosed"))
            )
            yield* turn
            const [exit, signals] = yield* record(
              Effect.gen(function* () {
                const socket = yield* session.webSocket(server.webSocketUrl())
                yield* socket.send("a")
                yield* socket.receive
                yield* socket.ping()
                yield* socket.close()
              })
            )
            assert.isTrue(Exit.isSuccess(exit))
            assert.strictEqual(flowOf(signals), "start ccs cce hs end")
            for (const tag of ["RequestEnd", "ResponseEnd", "ConnectionClosed"] as const) {
              assert.strictEqual(tagsOf(signals).filter((other) => other === tag).length, 1, tag)
            }
            assert.deepInclude(
              signals.find(({ _tag }) => _tag === "ConnectionClosed"),
              { reason: "Upgraded", requests: 1 }
            )
            const end = signals.find((signal) => signal._tag === "RequestEnd")
            assert.strictEqual(end?.response.status, 101)
            const emitted = Chunk.toReadonlyArray(yield* Fiber.join(all))
            assert.strictEqual(flowOf(emitted), "start ccs cce hs end")
            assert.deepInclude(emitted.at(-1), { _tag: "ConnectionClosed", reason: "Upgraded" })
          })
        )
      })
    )
  }

  it.scopedLive("uses the current request options", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Session.withRequestOptions(Session.webSocket(server.webSocketUrl()), { headers: { "X-Around": "1" }, json: {} })
      )
      const headers = headersOf(server.handshakes[0])
      assert.strictEqual(headers["x-around"], "1")
      assert.strictEqual(headers["content-length"], undefined)
    })
  )

  for (const kind of ["http", "socks"] as const) {
    it.scopedLive(`uses a tunnel through a proxy of kind ${kind}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        const proxy = yield* proxyServer({ kind })
        const url = `ws://chat.test:${server.port}/`
        const data = yield* inSession(
          Effect.gen(function* () {
            const socket = yield* Session.webSocket(url, { proxy: proxy.url })
            yield* socket.send("through")
            return (yield* socket.receive).data
          })
        )
        assert.strictEqual(data, "through")
        assert.deepStrictEqual(
          proxy.seen.map(({ method, target }) => [method, target]),
          [[kind === "http" ? "CONNECT" : "SOCKS5", `chat.test:${server.port}`]]
        )
      })
    )
  }

  it.scopedLive("uses a tunnel for http URLs as well, and for wss inside TLS", () =>
    Effect.gen(function* () {
      const { ca, good } = yield* standard()
      const plain = yield* Peer.webSocketServer(Peer.echo)
      const secure = yield* Peer.webSocketServer(Peer.echo, { tls: good })
      const ssl = yield* Ssl.context({ ca })
      const proxy = yield* proxyServer({ auth: { user: "u", password: "p" } })
      yield* inSession(
        Effect.gen(function* () {
          const session = yield* Session.Session
          const options = { proxy: proxy.url, proxyAuth: Auth.basic("u", "p") }
          yield* session.webSocket(`http://chat.test:${plain.port}/`, options)
          yield* session.webSocket(`wss://localhost:${secure.port}/`, options)
        }),
        { connector: { ssl } }
      )
      assert.deepStrictEqual(
        proxy.seen.map(({ method }) => method),
        ["CONNECT", "CONNECT"]
      )
      assert.strictEqual(headersOf(secure.handshakes[0])["proxy-authorization"], undefined)
    })
  )

  it.scopedLive("uses pins, cookies and credentials over TLS", () =>
    Effect.gen(function* () {
      const { ca, good } = yield* standard()
      const server = yield* Peer.webSocketServer(Peer.echo, {
        tls: good,
        headers: () => ["Set-Cookie: only=tls; Secure"]
      })
      const ssl = yield* Ssl.context({ ca })
      yield* inSession(
        Effect.gen(function* () {
          const url = server.webSocketUrl()
          yield* Effect.scoped(Session.webSocket(url))
          yield* Effect.scoped(Session.webSocket(url, { auth: Auth.basic("u", "p") }))
          const { cookie, authorization } = headersOf(server.handshakes[1])
          assert.deepStrictEqual([cookie, authorization], ["only=tls", "Basic dTpw"])
          const pinned = Session.webSocket(url, { ssl: Ssl.fingerprint("00".repeat(32)) })
          assert.strictEqual(failure(yield* Effect.exit(pinned))._tag, "FingerprintMismatch")
          assert.strictEqual(server.handshakes.length, 2)
        }),
        { ...local, connector: { ssl } }
      )
    })
  )

  it.scopedLive("counts against the limits until its socket is closed, and is not pooled", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const { connector } = yield* Session.Session
          const url = server.webSocketUrl()
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* Session.webSocket(url)
              assert.strictEqual((yield* connector.stats).acquired, 1)
              const second = yield* Effect.exit(Session.webSocket(url, { timeout: { poolWait: "30 millis" } }))
              assert.strictEqual(failure(second)._tag, "ConnectionTimeoutError")
            })
          )
          const stats = yield* connector.stats
          assert.deepStrictEqual([stats.acquired, stats.idle], [0, 0])
          yield* Session.webSocket(url)
          assert.strictEqual(server.handshakes.length, 2)
        }),
        { connector: { limit: 1 } }
      )
    })
  )

  it.scoped("stays open after the time limit of its handshake", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* inSession(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { timeout: "1 minute" })
          yield* TestClock.adjust("2 minutes")
          yield* socket.send("still")
          assert.strictEqual((yield* socket.receive).data, "still")
        })
      )
    })
  )

  it.scopedLive("is closed with 1001 when its session closes", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<number | undefined>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          yield* Deferred.succeed(closed, Peer.codeOf(received))
          yield* peer.send(Peer.frame({ opcode: 8, payload: received.payload }))
          yield* peer.ended
        })
      )
      yield* inSession(
        Effect.gen(function* () {
          const session = yield* Session.Session
          const socket = yield* session.webSocket(server.webSocketUrl())
          const reader = yield* Effect.fork(Effect.exit(socket.receive))
          yield* Effect.yieldNow()
          yield* session.close
          assert.strictEqual(yield* Deferred.await(closed), 1001)
          const error = failure(yield* Fiber.join(reader))
          assert.deepStrictEqual([error.reason, error.code], ["Closed", 1001])
          yield* until(() => Effect.map(server.connections, (open) => open === 0))
        })
      )
    })
  )

  it.scopedLive("is closed with its session, even if the connector stays open, and with its connector", () =>
    Effect.gen(function* () {
      const codes: Array<number | undefined> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          codes.push(Peer.codeOf(received))
          yield* peer.send(Peer.frame({ opcode: 8, payload: received.payload }))
          yield* peer.ended
        })
      )
      // WebSockets close at once, unlike requests in flight.
      const connector = yield* Connector.tcp({ gracefulShutdownTimeout: "1 hour" })
      const jar = yield* CookieJar.make()
      const makeSession = Session.make().pipe(
        Effect.provideService(Connector.Connector, connector),
        Effect.provideService(CookieJar.CookieJar, jar)
      )
      const first = yield* makeSession
      yield* first.webSocket(server.webSocketUrl())
      yield* first.close
      assert.strictEqual((yield* connector.stats).acquired, 0)
      const second = yield* makeSession
      yield* second.webSocket(server.webSocketUrl())
      yield* connector.close
      assert.deepStrictEqual(codes, [1001, 1001])
    })
  )

  it.live("leaves no connection acquired if it is interrupted at any point of the handshake", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer((peer) => peer.ended)
        const connector = yield* Connector.tcp()
        const jar = yield* CookieJar.make()
        const session = yield* Session.make().pipe(
          Effect.provideService(Connector.Connector, connector),
          Effect.provideService(CookieJar.CookieJar, jar)
        )
        for (let count = 0; count < 30; count++) {
          const fiber = yield* Effect.fork(
            Effect.scoped(session.webSocket(server.webSocketUrl(), { closeTimeout: 20 }))
          )
          yield* turns(count)
          yield* Fiber.interrupt(fiber)
        }
        yield* until(() => Effect.map(server.connections, (open) => open === 0))
        assert.strictEqual((yield* connector.stats).acquired, 0)
      })
    )
  )
})
