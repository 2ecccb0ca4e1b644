import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Option, Stream } from "effect"
import { Session, Ssl, type WebSocket } from "effect-http-session"
import { standard } from "./support/certificates.js"
import { failure } from "./support/exits.js"
import { type LoggedRequest, response } from "./support/server.js"
import { until } from "./support/wait.js"
import * as Peer from "./support/webSocketServer.js"
import { handshakeError, headersOf, inSession } from "./support/webSockets.js"

describe("the handshake", () => {
  it.scopedLive("follows RFC 6455, and none of its headers can be replaced", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const socket = yield* inSession(
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

  it.scopedLive("has a new key for each socket, and can have another Sec-WebSocket-Version", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(Peer.echo)
      const one = Session.webSocket(server.webSocketUrl(), { headers: { "Sec-WebSocket-Version": "14" } })
      yield* inSession(Effect.zipRight(one, one))
      const [first, second] = server.handshakes.map(headersOf)
      assert.notStrictEqual(first?.["sec-websocket-key"], second?.["sec-websocket-key"])
      assert.strictEqual(first?.["sec-websocket-version"], "14")
    })
  )

  for (const scheme of ["ws", "http"]) {
    it.scopedLive(`opens ${scheme} URLs`, () =>
      Effect.gen(function* () {
        const server = yield* Peer.webSocketServer(Peer.echo)
        const data = yield* inSession(
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
          inSession(
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
    it.scopedLive(
      `accepts ${given === undefined ? "no subprotocol" : `the subprotocol ${given}`} if v2 and v1 are offered`,
      () =>
        Effect.gen(function* () {
          const server = yield* Peer.webSocketServer(Peer.echo, {
            headers: () => (given === undefined ? [] : [`Sec-WebSocket-Protocol: ${given}`])
          })
          const socket = Session.webSocket(server.webSocketUrl(), { protocols: ["v2", "v1"] })
          const chosen = yield* inSession(Effect.map(socket, ({ protocol }) => protocol))
          assert.deepStrictEqual(chosen, Option.fromNullable(expected))
        })
    )
  }

  const wrong: ReadonlyArray<
    readonly [what: string, reply: (request: LoggedRequest) => string, options?: WebSocket.WebSocketOptions]
  > = [
    [
      "a Sec-WebSocket-Accept of another key",
      (r) => Peer.accepting(r).replace(/Accept: .*/, `Accept: ${Peer.acceptFor("x")}`)
    ],
    ["a missing Sec-WebSocket-Accept", (r) => Peer.accepting(r).replace(/Sec-WebSocket-Accept: .*\r\n/, "")],
    ["two Sec-WebSocket-Accept headers", (r) => Peer.accepting(r, [`Sec-WebSocket-Accept: ${Peer.acceptFor("x")}`])],
    ["another protocol in Upgrade", (r) => Peer.accepting(r).replace("Upgrade: websocket", "Upgrade: websockets")],
    ["a missing Upgrade", (r) => Peer.accepting(r).replace("Upgrade: websocket\r\n", "")],
    ["another value of Connection", (r) => Peer.accepting(r).replace("Connection: Upgrade", "Connection: notupgrade")],
    ["a missing Connection", (r) => Peer.accepting(r).replace("Connection: Upgrade\r\n", "")],
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
        yield* inSession(
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
    it.scopedLive(`fails for ${status} with its head and the beginning of its body, and follows no redirect`, () =>
      Effect.gen(function* () {
        const body = "x".repeat(70_000)
        const server = yield* Peer.webSocketServer(() => Effect.void, {
          reply: () => response(status, body, ["Location: /elsewhere", "X-Why: because"])
        })
        const exit = yield* Effect.exit(inSession(Session.webSocket(server.webSocketUrl())))
        const error = handshakeError(failure(exit))
        assert.strictEqual(error.status, status)
        assert.strictEqual(error.headers["x-why"], "because")
        assert.strictEqual(error.body, "x".repeat(64 * 1024))
        assert.strictEqual(server.handshakes.length, 1)
      })
    )
  }

  it.scopedLive("fails after the total limit if the server does not respond", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(() => Effect.void, { reply: () => "" })
      const exit = yield* Effect.exit(inSession(Session.webSocket(server.webSocketUrl(), { timeout: "50 millis" })))
      assert.strictEqual(failure(exit)._tag, "TotalTimeoutError")
    })
  )

  it.scopedLive("limits the size of the head", () =>
    Effect.gen(function* () {
      const server = yield* Peer.webSocketServer(() => Effect.void, {
        headers: () => [`X-Large: ${"x".repeat(1024 * 1024)}`]
      })
      const exit = yield* Effect.exit(inSession(Session.webSocket(server.webSocketUrl())))
      assert.strictEqual(failure(exit)._tag, "BadHttpMessage")
    })
  )

  it.scopedLive("keeps frames that arrive in one packet with the head", () =>
    Effect.gen(function* () {
      const early = Buffer.concat([Peer.text("one"), Peer.text("two"), Peer.close(1000)])
      const server = yield* Peer.webSocketServer((peer) => peer.ended, { early })
      const data = yield* inSession(
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
        const error = failure(yield* Effect.exit(inSession(Session.webSocket("ws://127.0.0.1:9/", options))))
        assert.deepStrictEqual([error._tag, "option" in error && error.option], ["InvalidRequest", option])
      })
    )
  }

  it.effect("refuses other schemes, and HTTP/1.0", () =>
    Effect.gen(function* () {
      const scheme = failure(yield* Effect.exit(inSession(Session.webSocket("ftp://127.0.0.1/"))))
      assert.strictEqual(scheme._tag, "InvalidURL")
      const version = failure(yield* Effect.exit(inSession(Session.webSocket("ws://127.0.0.1:9/"), { version: "1.0" })))
      assert.strictEqual(version._tag, "InvalidRequest")
    })
  )
})
