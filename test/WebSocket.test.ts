import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberId,
  Option,
  ParseResult,
  Schema,
  type Scope,
  Stream,
  TestClock
} from "effect"
import { Auth, Connector, CookieJar, type Errors, type Middleware, Session, Ssl, WebSocket } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { failure } from "./support/exits.js"
import { endOf, exchange } from "./support/platformSockets.js"
import { proxyServer } from "./support/proxyServer.js"
import { type LoggedRequest, response } from "./support/server.js"
import { flowOf, tagsOf, ways } from "./support/signals.js"
import { activeMillis } from "./support/time.js"
import { stable, turn, turns, until } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"

const local: Session.LayerOptions = { cookieJar: { unsafe: true } }

/** Runs with a session of its own, in a Scope. */
const using = <A, E>(
  effect: Effect.Effect<A, E, Session.Session | Scope.Scope>,
  options: Session.LayerOptions = local
): Effect.Effect<A, E> => effect.pipe(Effect.scoped, Effect.provide(Session.layer(options)))

const headersOf = (request: LoggedRequest | undefined): Record<string, string> =>
  Object.fromEntries((request?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value]))

const webSocketError = (error: Errors.ClientError | ParseResult.ParseError): Errors.WebSocketError => {
  if (error._tag !== "WebSocketError") throw new Error(`it is ${error._tag}: ${error.message}`)
  return error
}

const handshakeError = (error: Errors.ClientError): Errors.WSServerHandshakeError => {
  if (error._tag !== "WSServerHandshakeError") throw new Error(`it is ${error._tag}: ${error.message}`)
  return error
}

describe("the handshake", () => {
  it.scopedLive("follows RFC 6455, and none of its headers can be replaced", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const socket = yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl("/chat?room=1"), {
            params: { user: "a b" },
            protocols: ["v2", "v1"],
            origin: "https://app.example",
            headers: { "X-Own": "1", "Sec-WebSocket-Key": "mine", Upgrade: "h2c", Connection: "close" }
          })
          return { status: socket.response.status, url: socket.response.url, protocol: socket.protocol }
        })
      )
      const request = server.handshakes[0]
      const headers = headersOf(request)
      assert.deepStrictEqual([request?.method, request?.version], ["GET", "HTTP/1.1"])
      assert.strictEqual(request?.target, "/chat?room=1&user=a+b")
      assert.strictEqual(headers.connection, "Upgrade")
      assert.strictEqual(headers.upgrade, "websocket")
      assert.strictEqual(headers["sec-websocket-version"], "13")
      assert.match(headers["sec-websocket-key"] ?? "", /^[A-Za-z0-9+/]{22}==$/)
      assert.strictEqual(headers["sec-websocket-protocol"], "v2, v1")
      assert.strictEqual(headers["sec-websocket-extensions"], undefined)
      assert.strictEqual(headers.origin, "https://app.example")
      assert.strictEqual(headers["x-own"], "1")
      for (const name of ["connection", "upgrade", "sec-websocket-key"]) {
        assert.strictEqual(request?.headers.filter(([other]) => other.toLowerCase() === name).length, 1)
      }
      assert.strictEqual(socket.status, 101)
      assert.deepStrictEqual(socket.protocol, Option.none())
    })
  )

  it.scopedLive("makes a new key for each socket, and accepts a version of the program", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const one = Session.webSocket(server.webSocketUrl(), { headers: { "Sec-WebSocket-Version": "14" } })
      yield* using(Effect.zipRight(one, one))
      const [first, second] = server.handshakes.map(headersOf)
      assert.notStrictEqual(first?.["sec-websocket-key"], second?.["sec-websocket-key"])
      assert.strictEqual(first?.["sec-websocket-version"], "14")
    })
  )

  for (const scheme of ["ws", "http"]) {
    it.scopedLive(`opens ${scheme} URLs`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        const data = yield* using(
          Effect.gen(function* () {
            const socket = yield* Session.webSocket(server.webSocketUrl().replace(/^ws/, scheme))
            yield* socket.send("hi")
            return (yield* socket.receive).data
          })
        )
        assert.strictEqual(data, "hi")
      })
    )
  }

  for (const scheme of ["wss", "https"]) {
    it.scopedLive(`opens secure ${scheme} URLs`, () =>
      Effect.gen(function* () {
        const { ca, good } = yield* standard()
        const server = yield* Peer.webSocketServer(Peer.echo, { tls: good })
        const url = server.webSocketUrl().replace(/^wss/, scheme)
        const open = (options: Session.LayerOptions) =>
          using(
            Effect.gen(function* () {
              const socket = yield* Session.webSocket(url)
              yield* socket.send(Uint8Array.of(1, 2))
              return (yield* socket.receive).data
            }),
            options
          )
        const ssl = yield* Ssl.context({ ca })
        assert.deepStrictEqual(yield* open({ connector: { ssl } }), Uint8Array.of(1, 2))
        assert.strictEqual(failure(yield* Effect.exit(open({})))._tag, "ClientConnectorSSLError")
      })
    )
  }

  const protocols: ReadonlyArray<readonly [given: string | undefined, expected: string | undefined]> = [
    ["v1", "v1"],
    ["v2", "v2"],
    [undefined, undefined]
  ]
  for (const [given, expected] of protocols) {
    it.scopedLive(`accepts the subprotocol ${given} of v2, v1`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo, {
          headers: () => (given === undefined ? [] : [`Sec-WebSocket-Protocol: ${given}`])
        })
        const socket = Session.webSocket(server.webSocketUrl(), { protocols: ["v2", "v1"] })
        const chosen = yield* using(Effect.map(socket, ({ protocol }) => protocol))
        assert.deepStrictEqual(chosen, Option.fromNullable(expected))
      })
    )
  }

  const wrong: ReadonlyArray<
    readonly [what: string, reply: (request: LoggedRequest) => string, options?: WebSocket.WebSocketOptions]
  > = [
    ["an accept of another key", (r) => Peer.accepting(r).replace(/Accept: .*/, `Accept: ${Peer.acceptFor("x")}`)],
    ["no accept", (r) => Peer.accepting(r).replace(/Sec-WebSocket-Accept: .*\r\n/, "")],
    ["two accepts", (r) => Peer.accepting(r, [`Sec-WebSocket-Accept: ${Peer.acceptFor("x")}`])],
    ["another Upgrade", (r) => Peer.accepting(r).replace("Upgrade: websocket", "Upgrade: websockets")],
    ["no Upgrade", (r) => Peer.accepting(r).replace("Upgrade: websocket\r\n", "")],
    ["another Connection", (r) => Peer.accepting(r).replace("Connection: Upgrade", "Connection: notupgrade")],
    ["no Connection", (r) => Peer.accepting(r).replace("Connection: Upgrade\r\n", "")],
    [
      "a protocol that was not offered",
      (r) => Peer.accepting(r, ["Sec-WebSocket-Protocol: v3"]),
      { protocols: ["v1"] }
    ],
    ["a protocol where none was offered", (r) => Peer.accepting(r, ["Sec-WebSocket-Protocol: v1"])],
    ["two protocols", (r) => Peer.accepting(r, ["Sec-WebSocket-Protocol: v1, v2"]), { protocols: ["v1", "v2"] }],
    ["an extension that was not offered", (r) => Peer.accepting(r, ["Sec-WebSocket-Extensions: permessage-deflate"])],
    ...[
      "x-webkit-deflate-frame",
      "permessage-deflate; client_max_window_bits=3",
      "permessage-deflate; client_max_window_bits=8",
      "permessage-deflate; client_max_window_bits=99",
      "permessage-deflate; server_max_window_bits=3",
      "permessage-deflate; server_max_window_bits=99",
      "permessage-deflate; server_max_window_bits",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; unknown=1",
      "permessage-deflate, permessage-deflate",
      "permessage-deflate; =",
      "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10"
    ].map(
      (value) =>
        [
          `Sec-WebSocket-Extensions: ${value}`,
          (r: LoggedRequest) => Peer.accepting(r, [`Sec-WebSocket-Extensions: ${value}`]),
          { compress: true }
        ] as const
    ),
    [
      "a larger window than was offered",
      (r) => Peer.accepting(r, ["Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12"]),
      { compress: { windowBits: 11 } }
    ]
  ]
  for (const [what, reply, options] of wrong) {
    it.scopedLive(`refuses ${what}, and closes the socket`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer((peer) => peer.ended, { reply })
        yield* using(
          Effect.gen(function* () {
            const { connector } = yield* Session.Session
            const exit = yield* Effect.exit(Session.webSocket(server.webSocketUrl(), options))
            const error = handshakeError(failure(exit))
            assert.strictEqual(error.status, 101)
            yield* until(() => Effect.map(server.connections, (open) => open === 0))
            assert.strictEqual((yield* connector.stats).acquired, 0)
          })
        )
      })
    )
  }

  for (const status of [200, 301, 302, 307, 401, 403, 404, 426, 500]) {
    it.scopedLive(`fails on ${status} with its head and the beginning of its body, and follows nothing`, () =>
      Effect.gen(function* () {
        const body = "x".repeat(70_000)
        const server = yield* Peer.webSocketServer(() => Effect.void, {
          reply: () => response(status, body, ["Location: /elsewhere", "X-Why: because"])
        })
        const exit = yield* Effect.exit(using(Session.webSocket(server.webSocketUrl())))
        const error = handshakeError(failure(exit))
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.headers["x-why"], "because")
        assert.strictEqual(error.body, "x".repeat(64 * 1024))
        assert.strictEqual(server.handshakes.length, 1)
      })
    )
  }

  it.scopedLive("ends if the server does not answer", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(() => Effect.void, { reply: () => "" })
      const exit = yield* Effect.exit(using(Session.webSocket(server.webSocketUrl(), { timeout: "50 millis" })))
      assert.strictEqual(failure(exit)._tag, "TotalTimeoutError")
    })
  )

  it.scopedLive("limits the size of the head", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(() => Effect.void, {
        headers: () => [`X-Large: ${"x".repeat(1024 * 1024)}`]
      })
      const exit = yield* Effect.exit(using(Session.webSocket(server.webSocketUrl())))
      assert.strictEqual(failure(exit)._tag, "BadHttpMessage")
    })
  )

  it.scopedLive("keeps frames that arrive in one packet with the head", () =>
    Effect.gen(function* () {
      const early = Buffer.concat([Peer.text("one"), Peer.text("two"), Peer.close(1000)])
      const server = yield* Peer.webSocketServer((peer) => peer.ended, { early })
      const data = yield* using(
        Effect.flatMap(Session.webSocket(server.webSocketUrl()), (socket) => Stream.runCollect(socket.messages))
      )
      assert.deepStrictEqual(
        Chunk.toReadonlyArray(data).map((message) => message.data),
        ["one", "two"]
      )
    })
  )

  const impossible: ReadonlyArray<readonly [string, WebSocket.WebSocketOptions]> = [
    ["compress", { compress: { windowBits: 8 } }],
    ["compress", { compress: { windowBits: 16 } }],
    ["maxMessageSize", { maxMessageSize: 0 }],
    ["maxMessageSize", { maxMessageSize: Number.NaN }],
    ["heartbeat", { heartbeat: 0 }],
    ["receiveTimeout", { receiveTimeout: -1 }],
    ["closeTimeout", { closeTimeout: Number.NaN }],
    ["closeTimeout", { closeTimeout: Infinity }],
    ["protocols", { protocols: ["a b"] }],
    ["protocols", { protocols: ["a", "a"] }],
    ["headers", { origin: "a\r\nb" }]
  ]
  for (const [option, options] of impossible) {
    it.effect(`refuses ${option} in ${inspect(options)} before anything is sent`, () =>
      Effect.gen(function* () {
        const error = failure(yield* Effect.exit(using(Session.webSocket("ws://127.0.0.1:9/", options))))
        assert.deepStrictEqual([error._tag, "option" in error && error.option], ["InvalidRequest", option])
      })
    )
  }

  it.effect("refuses other schemes, and HTTP/1.0", () =>
    Effect.gen(function* () {
      const scheme = failure(yield* Effect.exit(using(Session.webSocket("ftp://127.0.0.1/"))))
      assert.strictEqual(scheme._tag, "InvalidURL")
      const version = failure(yield* Effect.exit(using(Session.webSocket("ws://127.0.0.1:9/"), { version: "1.0" })))
      assert.strictEqual(version._tag, "InvalidRequest")
    })
  )
})

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
      const jar = yield* using(
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

  it.scopedLive("passes the session's middlewares", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const seen: Array<string> = []
      const spy: Middleware.Middleware = (request, next) => {
        seen.push(request.url)
        return next(request)
      }
      yield* using(
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

  it.scopedLive("passes its own middlewares in their place", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const seen: Array<string | undefined> = []
      const spy: Middleware.Middleware = (request, next) => {
        seen.push(request.options.urlTemplate)
        return next(request)
      }
      yield* using(Session.webSocket(server.webSocketUrl(), { middlewares: [spy], urlTemplate: "/chat" }), {
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
            const heard = Chunk.toReadonlyArray(yield* Fiber.join(all))
            assert.strictEqual(flowOf(heard), "start ccs cce hs end")
            assert.deepInclude(heard.at(-1), { _tag: "ConnectionClosed", reason: "Upgraded" })
          })
        )
      })
    )
  }

  it.scopedLive("uses the current request options", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
        Session.withRequestOptions(Session.webSocket(server.webSocketUrl()), { headers: { "X-Around": "1" }, json: {} })
      )
      const headers = headersOf(server.handshakes[0])
      assert.strictEqual(headers["x-around"], "1")
      assert.strictEqual(headers["content-length"], undefined)
    })
  )

  for (const kind of ["http", "socks"] as const) {
    it.scopedLive(`passes a proxy of kind ${kind} by a tunnel`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        const proxy = yield* proxyServer({ kind })
        const url = `ws://chat.test:${server.port}/`
        const data = yield* using(
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
      yield* using(
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
      yield* using(
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
      yield* using(
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

  it.scoped("outlives the time limit of its handshake", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
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
      yield* using(
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

  it.scopedLive("is closed with its session, whose connector stays open, and with its connector", () =>
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
      // They are closed at once, without waiting for answers to requests in flight.
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

  it.live("leaves nothing acquired if it is interrupted at any point of the handshake", () =>
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

describe("messages", () => {
  it.scopedLive("arrive as they were sent", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (const data of ["", "κόσμε", "\ufeffbom", "x".repeat(70_000)]) {
            yield* socket.send(data)
            assert.deepStrictEqual(yield* socket.receive, { _tag: "Text", data })
          }
          for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
            const data = new Uint8Array(size).fill(7)
            yield* socket.send(data)
            const message = yield* socket.receive
            assert.isTrue(WebSocket.isBinary(message) && !WebSocket.isText(message))
            assert.deepStrictEqual(message.data, data)
            assert.isFalse(Buffer.isBuffer(message.data))
          }
        })
      )
    })
  )

  it.scopedLive("have distinct masks, in 1000 of them", () =>
    Effect.gen(function* () {
      const masks = new Set<string>()
      const all = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          for (let i = 0; i < 1000; i++) masks.add((yield* peer.receive).mask?.toString("hex") ?? "none")
          yield* Deferred.succeed(all, undefined)
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (let i = 0; i < 1000; i++) yield* socket.send("same")
          yield* Deferred.await(all)
        })
      )
      // Two of 1000 are the same once in some 8600 runs; a mask that is used again is there far more often.
      assert.isAtLeast(masks.size, 999)
      assert.isFalse(masks.has("none"))
    })
  )

  it.scopedLive("are encoded and decoded as JSON by a schema", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const Chat = Schema.Struct({ from: Schema.String })
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          yield* socket.sendJson({ from: "a" })
          assert.deepStrictEqual(yield* socket.receiveJson(Chat), { from: "a" })
          yield* socket.sendJson({ from: 1 })
          assert.isTrue(ParseResult.isParseError(failure(yield* Effect.exit(socket.receiveJson(Chat)))))
          yield* socket.send("{")
          assert.strictEqual(failure(yield* Effect.exit(socket.receiveJson(Chat)))._tag, "JsonDecodeError")
          yield* socket.send(Uint8Array.of(1))
          assert.strictEqual(failure(yield* Effect.exit(socket.receiveJson(Chat)))._tag, "JsonDecodeError")
          const exit = yield* Effect.exit(socket.sendJson(undefined))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        })
      )
    })
  )

  it.scopedLive("are received once each, and an interrupted receiver loses none", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* Deferred.await(go)
          yield* peer.send(Peer.text("1"), Peer.text("2"), Peer.text("3"))
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const gone = yield* Effect.fork(socket.receive)
          const first = yield* Effect.fork(socket.receive)
          const second = yield* Effect.fork(socket.receive)
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(gone)
          yield* Deferred.succeed(go, undefined)
          const got = [yield* Fiber.join(first), yield* Fiber.join(second), yield* socket.receive]
          assert.deepStrictEqual(got.map((message) => message.data).sort(), ["1", "2", "3"])
        })
      )
    })
  )

  it.scoped("are not read from the socket while no receiver waits", () =>
    Effect.gen(function* () {
      const chunk = Peer.binary(new Uint8Array(64 * 1024))
      const count = 4000
      let written = 0
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          while (written < count) {
            yield* peer.send(chunk)
            written++
          }
          yield* peer.send(Peer.close(1000))
          yield* peer.ended
        })
      )
      const taken = yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          yield* stable(() => written)
          // The heartbeat does not fail a peer while its bytes are unread.
          yield* TestClock.adjust("1 minute")
          // The capacity of both socket buffers, and no more.
          assert.isBelow(written, count / 4)
          return yield* Stream.runFold(socket.messages, 0, (bytes, message) => bytes + message.data.length)
        })
      )
      assert.strictEqual(taken, count * 64 * 1024)
    })
  )

  it.scopedLive("end one receive by its time limit and do not close the socket", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { receiveTimeout: "30 millis" })
          const error = failure(yield* Effect.exit(socket.receive))
          assert.deepStrictEqual([error.reason, error.code], ["Timeout", 1006])
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
          yield* socket.send("on")
          // On a busy machine the echo may take longer than the limit of one receive.
          const message = yield* Effect.retry(socket.receive, {
            while: (error) => error._tag === "WebSocketError" && error.reason === "Timeout"
          })
          assert.strictEqual(message.data, "on")
        })
      )
    })
  )
})

describe("compression", () => {
  const offers: ReadonlyArray<readonly [WebSocket.Compression | true, string]> = [
    [true, "permessage-deflate; client_max_window_bits"],
    [{ windowBits: 10 }, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"],
    [
      { noContextTakeover: true },
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    ]
  ]
  for (const [compress, offer] of offers) {
    it.scopedLive(`is offered as ${offer}`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        yield* using(Session.webSocket(server.webSocketUrl(), { compress }))
        assert.strictEqual(headersOf(server.handshakes[0])["sec-websocket-extensions"], offer)
      })
    )
  }

  it.scopedLive("is not used if the server does not accept it", () =>
    Effect.gen(function* () {
      const rsv: Array<number> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          rsv.push(received.rsv)
          yield* peer.send(Peer.text(received.payload))
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { compress: true })
          yield* socket.send("x".repeat(5000))
          assert.strictEqual((yield* socket.receive).data.length, 5000)
        })
      )
      assert.deepStrictEqual(rsv, [0])
    })
  )
})

describe("pings", () => {
  it.scopedLive("are answered and not delivered", () =>
    Effect.gen(function* () {
      const pongs: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.ping("a"), Peer.ping(""), Peer.text("after"))
          pongs.push((yield* peer.receive).payload.toString(), (yield* peer.receive).payload.toString())
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data, "after")
          yield* until(() => pongs.length === 2)
        })
      )
      assert.deepStrictEqual(pongs, ["a", ""])
    })
  )

  it.scopedLive("are delivered with autoPing: false, and the program answers", () =>
    Effect.gen(function* () {
      const frames: Array<readonly [number, string]> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.ping("a"), Peer.pong("b"))
          for (let i = 0; i < 2; i++) {
            const received = yield* peer.receive
            frames.push([received.opcode, received.payload.toString()])
          }
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { autoPing: false })
          const ping = yield* socket.receive
          assert.deepStrictEqual(ping, { _tag: "Ping", data: new TextEncoder().encode("a") })
          assert.strictEqual((yield* socket.receive)._tag, "Pong")
          yield* socket.pong("a")
          yield* socket.ping(Uint8Array.of(98))
          yield* until(() => frames.length === 2)
          const exit = yield* Effect.exit(socket.ping("x".repeat(126)))
          assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        })
      )
      assert.deepStrictEqual(frames, [
        [10, "a"],
        [9, "b"]
      ])
    })
  )

  it.scopedLive("in a flood get a bounded number of answers if the peer reads none, the last one always", () =>
    Effect.gen(function* () {
      const some = Buffer.concat(Array.from({ length: 1000 }, () => Peer.ping("x".repeat(125))))
      const seen = yield* Deferred.make<number>()
      const taken = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.hold
          for (let i = 0; i < 300; i++) yield* peer.send(some)
          yield* peer.send(Peer.ping("last"), Peer.text("over"))
          yield* Deferred.await(taken)
          yield* peer.goOn
          let count = 0
          while ((yield* peer.receive).payload.toString() !== "last") count++
          yield* Deferred.succeed(seen, count)
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data, "over")
          yield* Deferred.succeed(taken, undefined)
          // The capacity of both socket buffers, of 300 000.
          assert.isBelow(yield* Deferred.await(seen), 200_000)
        })
      )
    })
  )
})

describe("the heartbeat", () => {
  it.scoped("fails if the peer is silent for half of its interval after a ping, not before", () =>
    Effect.gen(function* () {
      const pinged = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* peer.receive).opcode, 9)
          yield* Deferred.succeed(pinged, undefined)
          yield* peer.ended
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          const fiber = yield* Effect.fork(Effect.exit(socket.receive))
          yield* TestClock.adjust("10 seconds")
          yield* Deferred.await(pinged)
          yield* TestClock.adjust("4999 millis")
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
          yield* TestClock.adjust("1 millis")
          const error = failure(yield* Fiber.join(fiber))
          assert.deepStrictEqual([error.reason, error.code], ["Heartbeat", 1006])
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(1006))
        })
      )
    })
  )

  it.scoped("accepts any byte as a sign of life, such as those of a large frame", () =>
    Effect.gen(function* () {
      const frame = Peer.binary(new Uint8Array(1000))
      let arrived = 0
      const pinged = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          for (const [i, ping] of pinged.entries()) {
            yield* peer.receive
            yield* Deferred.succeed(ping, undefined)
            yield* peer.send(frame.subarray(i * 100, i * 100 + 100))
            arrived++
          }
          yield* peer.send(frame.subarray(200))
          yield* Peer.echo(peer)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { heartbeat: "10 seconds" })
          for (const [i, ping] of pinged.entries()) {
            yield* TestClock.adjust("10 seconds")
            yield* Deferred.await(ping)
            yield* until(() => arrived === i + 1)
            yield* activeMillis(20)
          }
          assert.strictEqual((yield* socket.receive).data.length, 1000)
          assert.deepStrictEqual(yield* socket.closeCode, Option.none())
        })
      )
    })
  )
})

describe("the end of a WebSocket", () => {
  it.scopedLive("by its Scope sends 1000 and waits for the answer", () =>
    Effect.gen(function* () {
      const codes: Array<number | undefined> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receive
          codes.push(Peer.codeOf(received))
          yield* peer.send(Peer.frame({ opcode: 8, payload: received.payload }))
          yield* peer.fin
        })
      )
      yield* using(Session.webSocket(server.webSocketUrl()))
      assert.deepStrictEqual(codes, [1000])
      yield* until(() => Effect.map(server.connections, (open) => open === 0))
    })
  )

  it.scopedLive("by close returns true, then false, and nothing is sent or received after it", () =>
    Effect.gen(function* () {
      const closes: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.text("unread"))
          const received = yield* peer.receiveClose
          closes.push(`${Peer.codeOf(received)} ${received.payload.subarray(2).toString()}`)
          yield* peer.send(Peer.text("too late"), Peer.close(3001, "bye"))
          yield* peer.fin
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data, "unread")
          assert.deepStrictEqual(
            yield* Effect.all([socket.close(3000, "enough"), socket.close()], { concurrency: 2 }),
            [true, false]
          )
          assert.isFalse(yield* socket.close())
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(3001))
          const sent = failure(yield* Effect.exit(socket.send("x")))
          assert.strictEqual(sent.reason, "Closed")
          const received = failure(yield* Effect.exit(socket.receive))
          assert.strictEqual(received.reason, "Closed")
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(socket.messages)), [])
        })
      )
      assert.deepStrictEqual(closes, ["3000 enough"])
    })
  )

  it.scopedLive("by close fits the reason into the frame, and dies of an invalid code", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          const received = yield* peer.receiveClose
          reasons.push(received.payload.subarray(2).toString())
          yield* peer.send(Peer.close(1000))
          yield* peer.fin
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5]) {
            const exit = yield* Effect.exit(socket.close(code))
            assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause), String(code))
          }
          yield* socket.close(1000, "é".repeat(100))
        })
      )
      assert.deepStrictEqual(reasons, ["é".repeat(61)])
    })
  )

  it.scoped("waits at most closeTimeout for a peer that does not answer", () =>
    Effect.gen(function* () {
      const closing = yield* Deferred.make<void>()
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.receiveClose
          yield* Deferred.succeed(closing, undefined)
          yield* peer.ended
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { closeTimeout: "3 seconds" })
          const fiber = yield* Effect.fork(socket.close())
          yield* Deferred.await(closing)
          yield* TestClock.adjust("2999 millis")
          assert.isNull(fiber.unsafePoll())
          yield* TestClock.adjust("1 millis")
          assert.isTrue(yield* Fiber.join(fiber))
          assert.deepStrictEqual(yield* socket.closeCode, Option.some(1006))
        })
      )
      yield* until(() => Effect.map(server.connections, (open) => open === 0))
    })
  )

  const ends: ReadonlyArray<
    readonly [
      what: string,
      play: (peer: Peer.WebSocketPeer) => Effect.Effect<void>,
      reason: Errors.WebSocketError["reason"],
      code: number,
      streamEnds: boolean
    ]
  > = [
    ["a close with 1000", (peer) => Effect.zipRight(peer.send(Peer.close(1000)), peer.ended), "Closed", 1000, true],
    ["a close with 1001", (peer) => Effect.zipRight(peer.send(Peer.close(1001)), peer.ended), "Closed", 1001, true],
    ["a close without a code", (peer) => Effect.zipRight(peer.send(Peer.close()), peer.ended), "Closed", 1005, true],
    ["a close with 4000", (peer) => Effect.zipRight(peer.send(Peer.close(4000)), peer.ended), "Closed", 4000, false],
    ["a close with 1011", (peer) => Effect.zipRight(peer.send(Peer.close(1011)), peer.ended), "Closed", 1011, false],
    ["a FIN without a close", (peer) => peer.fin, "Abnormal", 1006, false],
    ["a RST", (peer) => peer.reset, "Abnormal", 1006, false]
  ]
  for (const [what, play, reason, code, streamEnds] of ends) {
    it.scopedLive(`by ${what} comes after earlier messages`, () =>
      Effect.gen(function* () {
        const replies: Array<number | undefined> = []
        const go = Deferred.unsafeMake<void>(FiberId.none)
        const server = yield* Peer.webSocketServer((peer) =>
          Effect.gen(function* () {
            yield* peer.send(Peer.text("before"))
            yield* Deferred.await(go)
            yield* play(peer)
            if (reason === "Closed") replies.push(Peer.codeOf(yield* peer.receiveClose))
          })
        )
        yield* using(
          Effect.gen(function* () {
            const socket = yield* Session.webSocket(server.webSocketUrl())
            assert.strictEqual((yield* socket.receive).data, "before")
            yield* Deferred.succeed(go, undefined)
            const error = webSocketError(failure(yield* Effect.exit(socket.receive)))
            assert.deepStrictEqual([error.reason, error.code], [reason, code])
            const exit = yield* Effect.exit(Stream.runDrain(socket.messages))
            assert.strictEqual(Exit.isSuccess(exit), streamEnds)
            assert.deepStrictEqual(yield* socket.closeCode, Option.some(code))
            assert.isFalse(yield* socket.close())
          })
        )
        yield* until(() => Effect.map(server.connections, (open) => open === 0))
        if (reason === "Closed") assert.deepStrictEqual(replies, [code === 1005 ? undefined : code])
      })
    )
  }

  it.scopedLive("is answered by the program with autoClose: false", () =>
    Effect.gen(function* () {
      const replies: Array<string> = []
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.gen(function* () {
          yield* peer.send(Peer.close(1000, "over"))
          const received = yield* peer.receiveClose
          replies.push(`${Peer.codeOf(received)} ${received.payload.subarray(2).toString()}`)
        })
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { autoClose: false })
          const error = failure(yield* Effect.exit(socket.receive))
          assert.deepStrictEqual([error.reason, error.code, error.closeReason], ["Closed", 1000, "over"])
          assert.deepStrictEqual(replies, [])
          assert.isTrue(yield* socket.close(3000, "mine"))
        })
      )
      assert.deepStrictEqual(replies, ["3000 mine"])
    })
  )

  it.scopedLive("by close ends a waiting receive and stream", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const receiving = yield* Effect.fork(Effect.exit(socket.receive))
          const streaming = yield* Effect.fork(Stream.runCollect(socket.messages))
          yield* turn
          assert.isTrue(yield* socket.close(3000))
          const error = failure(yield* Fiber.join(receiving))
          assert.deepStrictEqual([error.reason, error.code], ["Closed", 3000])
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Fiber.join(streaming)), [])
        })
      )
    })
  )

  it.scopedLive("ends a waiting send", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer((peer) => Effect.zipRight(peer.hold, peer.ended))
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl(), { closeTimeout: "50 millis" })
          let sent = 0
          const send = Effect.tap(socket.send(new Uint8Array(1024 * 1024)), () => Effect.sync(() => sent++))
          const sending = yield* Effect.fork(Effect.exit(Effect.forever(send)))
          yield* stable(() => sent)
          assert.isNull(sending.unsafePoll())
          assert.isTrue(yield* socket.close())
          assert.strictEqual(failure(yield* Fiber.join(sending)).reason, "Closed")
        })
      )
    })
  )

  it.scopedLive("is not caused by an interrupted send, which does not harm the next one", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo, {
        headers: () => []
      })
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          const fiber = yield* Effect.fork(socket.send("x".repeat(500_000)))
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
          yield* socket.send("next")
          assert.strictEqual((yield* socket.receive).data.length, 500_000)
          assert.strictEqual((yield* socket.receive).data, "next")
        })
      )
    })
  )
})

describe("a WebSocket as a Socket of the platform", () => {
  const nine = Uint8Array.of(9)

  it.scopedLive("runs once on an open WebSocket", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const got = yield* using(
        Effect.flatMap(Session.webSocket(server.webSocketUrl()), (socket) =>
          exchange(WebSocket.toSocket(socket), ["first", nine])
        )
      )
      assert.deepStrictEqual(got, ["first", nine])
    })
  )

  it.scopedLive("opens a WebSocket for each run", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      yield* using(
        Effect.gen(function* () {
          const socket = yield* WebSocket.makeSocket(server.webSocketUrl())
          for (const first of ["a", "b"]) assert.deepStrictEqual(yield* exchange(socket, [first, nine]), [first, nine])
        })
      )
      assert.strictEqual(server.handshakes.length, 2)
    })
  )

  it.scopedLive("fails with the errors of Socket", () =>
    Effect.gen(function* () {
      const closing = yield* Peer.webSocketServer((peer) =>
        Effect.zipRight(peer.send(Peer.close(4001, "no")), peer.ended)
      )
      const refusing = yield* Peer.webSocketServer(() => Effect.void, { reply: () => response(403) })
      const run = (url: string) => using(Effect.flatMap(WebSocket.makeSocket(url), endOf))
      assert.deepStrictEqual(yield* run(closing.webSocketUrl()), { code: 4001, closeReason: "no" })
      assert.strictEqual(yield* run(refusing.webSocketUrl()), "Open")
    })
  )
})
