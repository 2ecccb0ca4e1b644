/**
 * The cases of the Autobahn test suite as data, and tests for its groups on sizes and compression.
 */
import { createHash } from "node:crypto"
import type { AddressInfo } from "node:net"
import { constants, deflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, type Scope, Stream } from "effect"
import { type Errors, Session, type WebSocket } from "effect-http-session"
import { type PerMessageDeflateOptions, WebSocketServer } from "ws"
import { failure } from "../support/exits.js"
import * as Peer from "../support/webSocketServer.js"
import { type Answer, groups, type Row } from "./webSocketRows.js"

const using = <A, E>(effect: Effect.Effect<A, E, Session.Session | Scope.Scope>): Effect.Effect<A, E> =>
  effect.pipe(Effect.scoped, Effect.provide(Session.layer()))

/** Echoes each message until the peer closes, like the clients of the suite. */
const echoing = (socket: WebSocket.WebSocket): Effect.Effect<void, Errors.WebSocketError> =>
  Stream.runForEach(socket.messages, (message) => Effect.ignore(socket.send(message.data)))

interface Outcome {
  readonly answers: ReadonlyArray<Answer>
  readonly code: number | undefined
}

/** The server of a row: sends the frames, reads the answers, and closes. */
const play =
  (row: Row, done: (outcome: Outcome) => void) =>
  (peer: Peer.WebSocketPeer): Effect.Effect<void> =>
    Effect.gen(function* () {
      const all = Buffer.concat(row.frames)
      const size = row.chop ?? all.length
      for (let at = 0; at < all.length; at += size) {
        peer.write(all.subarray(at, at + size))
        if (row.chop !== undefined && all.length / size < 300) yield* Effect.promise(() => new Promise(setImmediate))
      }
      const answers: Array<Answer> = []
      let asked = row.ends === true
      for (;;) {
        if (!asked && answers.length === row.answers.length) {
          asked = true
          yield* peer.send(Peer.close(1000))
        }
        const received = yield* peer.receive
        assert.isTrue(received.fin)
        assert.isDefined(received.mask)
        if (received.opcode === 8) {
          done({ answers, code: Peer.codeOf(received) })
          break
        }
        answers.push([received.opcode, received.payload.toString("latin1")])
      }
      yield* peer.fin
    })

for (const [name, rows] of Object.entries(groups)) {
  describe(name, () => {
    for (const row of rows) {
      it.scopedLive(row.id, () =>
        Effect.gen(function* () {
          const outcomes: Array<Outcome> = []
          const server = yield* Peer.webSocketServer(play(row, (outcome) => outcomes.push(outcome)))
          const code = "code" in row ? row.code : 1000
          yield* using(
            Effect.gen(function* () {
              const socket = yield* Session.webSocket(server.webSocketUrl())
              const exit = yield* Effect.exit(echoing(socket))
              const failed = row.ends === true && code !== undefined && code !== 1000 && code !== 1001
              assert.strictEqual(Exit.isFailure(exit), failed)
              if (failed) {
                const error = failure(exit)
                assert.strictEqual(error._tag, "WebSocketError")
                assert.strictEqual(error.code, code)
              }
              assert.deepStrictEqual(yield* socket.closeCode, Option.some(code ?? 1005))
            })
          )
          assert.strictEqual(outcomes.length, 1)
          // A failure may precede the echoes of earlier messages, but must not replace other answers.
          const { answers, code: sent } = outcomes[0]!
          const expected = row.answers.map((answer): Answer => [...answer])
          if (row.ends === true) assert.deepStrictEqual(answers, expected.slice(0, answers.length))
          else assert.deepStrictEqual(answers, expected)
          assert.strictEqual(sent, code)
        })
      )
    }
  })
}

const digest = (data: Uint8Array | string): string => createHash("sha1").update(data).digest("hex")

const receiveOne = (
  frames: ReadonlyArray<Uint8Array>,
  options: WebSocket.WebSocketOptions,
  serverOptions: Peer.WebSocketServerOptions = {}
) =>
  Effect.gen(function* () {
    let code: number | undefined
    const server = yield* Peer.webSocketServer(
      (peer) =>
        Effect.gen(function* () {
          for (const frame of frames) peer.write(frame)
          const received = yield* peer.receiveClose
          code = Peer.codeOf(received)
          yield* peer.fin
        }),
      serverOptions
    )
    const exit = yield* using(
      Effect.gen(function* () {
        const socket = yield* Session.webSocket(server.webSocketUrl(), { closeTimeout: "10 seconds", ...options })
        return yield* Effect.exit(socket.receive)
      })
    )
    return { exit, code }
  })

describe("9 sizes", () => {
  const mebi = 1024 * 1024
  const sizes = [64 * 1024, 256 * 1024, mebi, 4 * mebi, 8 * mebi, 16 * mebi]
  for (const [i, size] of sizes.entries()) {
    for (const [kind, make] of [
      ["9.1", (payload: Buffer) => Peer.text(payload)],
      ["9.2", (payload: Buffer) => Peer.binary(payload)]
    ] as const) {
      it.scopedLive(`${kind}.${i + 1}: echoes ${size} bytes`, () =>
        Effect.gen(function* () {
          const payload = Buffer.alloc(size, "*")
          const { exit } = yield* receiveOne([make(payload)], { maxMessageSize: 16 * mebi })
          assert.isTrue(Exit.isSuccess(exit))
          if (Exit.isSuccess(exit)) assert.strictEqual(digest(exit.value.data), digest(payload))
        })
      )
    }
  }

  for (const [i, size] of [64, 256, 1024, 4096, 16384, 65536, 262144, mebi, 4 * mebi].entries()) {
    for (const [kind, first] of [
      ["9.3", Peer.text],
      ["9.4", Peer.binary]
    ] as const) {
      it.scopedLive(`${kind}.${i + 1}: echoes 4 MiB in fragments of ${size}`, () =>
        Effect.gen(function* () {
          const payload = Buffer.alloc(4 * mebi, "éè")
          const frames = Array.from({ length: payload.length / size }, (_, at) => {
            const part = payload.subarray(at * size, (at + 1) * size)
            const fin = (at + 1) * size === payload.length
            return at === 0 ? first(part, fin) : Peer.continuation(part, fin)
          })
          const { exit } = yield* receiveOne([Buffer.concat(frames)], {})
          assert.isTrue(Exit.isSuccess(exit))
          if (Exit.isSuccess(exit)) assert.strictEqual(digest(exit.value.data), digest(payload))
        })
      )
    }
  }

  for (const [i, size] of [64, 128, 256, 512, 1024, 2048].entries()) {
    for (const [kind, make] of [
      ["9.5", Peer.text],
      ["9.6", Peer.binary]
    ] as const) {
      it.scopedLive(`${kind}.${i + 1}: echoes 1 MiB in pieces of ${size}`, () =>
        Effect.gen(function* () {
          const payload = Buffer.alloc(mebi, "*")
          const all = make(payload)
          const server = yield* Peer.webSocketServer((peer) =>
            Effect.gen(function* () {
              for (let at = 0; at < all.length; at += size) yield* peer.send(all.subarray(at, at + size))
              yield* Peer.echo(peer)
            })
          )
          yield* using(
            Effect.gen(function* () {
              const socket = yield* Session.webSocket(server.webSocketUrl())
              assert.strictEqual(digest((yield* socket.receive).data), digest(payload))
            })
          )
        })
      )
    }
  }

  for (const [i, size] of [0, 16, 64, 256, 1024, 4096].entries()) {
    for (const [kind, data] of [
      ["9.7", "*".repeat(size)],
      ["9.8", new Uint8Array(size).fill(0xfe)]
    ] as const) {
      it.scopedLive(`${kind}.${i + 1}: makes 1000 round trips of ${size} bytes`, () =>
        Effect.gen(function* () {
          const server = yield* Peer.webSocketServer(Peer.echo)
          yield* using(
            Effect.gen(function* () {
              const socket = yield* Session.webSocket(server.webSocketUrl())
              for (let i = 0; i < 1000; i++) {
                yield* socket.send(data)
                assert.deepStrictEqual((yield* socket.receive).data, data)
              }
            })
          )
        })
      )
    }
  }

  const mostly = 4 * mebi
  const tooLarge: ReadonlyArray<readonly [what: string, frames: () => ReadonlyArray<Uint8Array>]> = [
    ["a frame of 200 MiB, before it has arrived", () => [Peer.frame({ opcode: 2, length: 200n * 1024n * 1024n })]],
    ["a message of 5 MiB", () => [Peer.binary(Buffer.alloc(5 * mebi))]],
    ["one byte more than there may be", () => [Peer.binary(Buffer.alloc(mostly + 1))]],
    [
      "fragments that are too large together",
      () => [Peer.binary(Buffer.alloc(mostly), false), Peer.continuation(Buffer.alloc(1))]
    ],
    [
      "200 000 fragments of one byte",
      () => [
        Peer.binary(Uint8Array.of(1), false),
        Buffer.concat(Array.from({ length: 200_000 }, () => Peer.continuation("a", false)))
      ]
    ],
    [
      "200 000 empty fragments",
      () => [
        Peer.binary(Uint8Array.of(1), false),
        Buffer.concat(Array.from({ length: 200_000 }, () => Peer.continuation("", false)))
      ]
    ]
  ]
  for (const [what, frames] of tooLarge) {
    it.scopedLive(`refuses ${what} with 1009`, () =>
      Effect.gen(function* () {
        const { code, exit } = yield* receiveOne(frames(), {})
        const error = failure(exit)
        assert.deepStrictEqual([error.reason, error.code, code], ["TooLarge", 1009, 1009])
      })
    )
  }

  it.scopedLive("holds little memory for a message that arrives byte by byte", () =>
    Effect.gen(function* () {
      const payload = Buffer.alloc(30_000, "x")
      const server = yield* Peer.webSocketServer((peer) =>
        Effect.zipRight(peer.dribble(Peer.binary(payload)), Peer.echo(peer))
      )
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(server.webSocketUrl())
          assert.strictEqual((yield* socket.receive).data.length, payload.length)
        })
      )
    })
  )
})

// permessage-deflate without context takeover, which every client can read.

const deflated = (data: string | Uint8Array): Buffer =>
  deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)

const accepting: Peer.WebSocketServerOptions = {
  headers: () => ["Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"]
}

describe("compressed frames", () => {
  const bytes = deflated("Hello Hello Hello")
  const first = bytes.subarray(0, 4)
  const rest = bytes.subarray(4)
  const good: ReadonlyArray<readonly [what: string, frames: ReadonlyArray<Uint8Array>, text: string]> = [
    ["in one", [Peer.frame({ opcode: 1, rsv: 4, payload: bytes })], "Hello Hello Hello"],
    ["not compressed", [Peer.text("plain")], "plain"],
    [
      "in fragments",
      [Peer.frame({ opcode: 1, rsv: 4, payload: first, fin: false }), Peer.continuation(rest)],
      "Hello Hello Hello"
    ],
    [
      "with a ping and a pong between fragments",
      [
        Peer.ping("before the first"),
        Peer.frame({ opcode: 1, rsv: 4, payload: first, fin: false }),
        Peer.ping("between"),
        Peer.pong("between"),
        Peer.continuation(rest)
      ],
      "Hello Hello Hello"
    ],
    ["empty", [Peer.frame({ opcode: 1, rsv: 4, payload: Uint8Array.of(0) })], ""]
  ]
  for (const [what, frames, expected] of good) {
    it.scopedLive(what, () =>
      Effect.gen(function* () {
        const { exit } = yield* receiveOne(frames, { compress: true }, accepting)
        assert.deepStrictEqual(exit, Exit.succeed({ _tag: "Text" as const, data: expected }))
      })
    )
  }

  const wrong: ReadonlyArray<
    readonly [what: string, frames: ReadonlyArray<Uint8Array>, code: number, reason: string, negotiated?: boolean]
  > = [
    ["without being agreed upon", [Peer.frame({ opcode: 1, rsv: 4, payload: bytes })], 1002, "Protocol", false],
    [
      "with RSV1 on a continuation",
      [Peer.frame({ opcode: 1, rsv: 4, payload: first, fin: false }), Peer.frame({ opcode: 0, rsv: 4, payload: rest })],
      1002,
      "Protocol"
    ],
    ["with RSV1 on a ping", [Peer.frame({ opcode: 9, rsv: 4 })], 1002, "Protocol"],
    [
      "that are corrupt",
      [Peer.frame({ opcode: 1, rsv: 4, payload: Uint8Array.of(0xff, 0xff, 0xff) })],
      1007,
      "Protocol"
    ],
    [
      "that are not UTF-8",
      [Peer.frame({ opcode: 1, rsv: 4, payload: deflated(Uint8Array.of(0xff)) })],
      1007,
      "Protocol"
    ],
    [
      "that are a bomb",
      [Peer.frame({ opcode: 2, rsv: 4, payload: deflated(Buffer.alloc(64 * 1024 * 1024)) })],
      1009,
      "TooLarge"
    ]
  ]
  for (const [what, frames, code, reason, negotiated = true] of wrong) {
    it.scopedLive(`${what} are refused with ${code}`, () =>
      Effect.gen(function* () {
        const outcome = yield* receiveOne(frames, { compress: true }, negotiated ? accepting : {})
        const error = failure(outcome.exit)
        assert.deepStrictEqual([error.reason, error.code, outcome.code], [reason, code, code])
      })
    )
  }
})

/** A server of the package `ws` that echoes. */
const wsServer = (options: PerMessageDeflateOptions): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.async<WebSocketServer>((resume) => {
        const server = new WebSocketServer({
          host: "127.0.0.1",
          port: 0,
          perMessageDeflate: { threshold: 0, ...options }
        })
        server.on("connection", (socket) => {
          socket.on("message", (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
        })
        server.on("listening", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          for (const client of server.clients) client.terminate()
          server.close(() => resume(Effect.void))
        })
    ),
    // The address of a listening TCP server is an object.
    (server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
  )

describe("12 and 13 compression against another implementation", () => {
  const offers: ReadonlyArray<readonly [string, true | WebSocket.Compression]> = [
    ["a default offer", true],
    ["no context takeover", { noContextTakeover: true }],
    ["windows of 9 bits", { windowBits: 9 }],
    ["windows of 9 bits without context takeover", { windowBits: 9, noContextTakeover: true }]
  ]
  const servers: ReadonlyArray<readonly [string, PerMessageDeflateOptions]> = [
    ["takes it", {}],
    ["wants no context takeover", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ["wants windows of 9 bits", { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }]
  ]
  const json = JSON.stringify(
    Array.from({ length: 3000 }, (_, i) => ({ id: i, name: `name ${i % 17}`, on: i % 3 === 0 }))
  )
  for (const [offer, compress] of offers) {
    for (const [answer, options] of servers) {
      it.scopedLive(`works for ${offer} with a server that ${answer}`, () =>
        Effect.gen(function* () {
          const url = yield* wsServer(options)
          yield* using(
            Effect.gen(function* () {
              const socket = yield* Session.webSocket(url, { compress })
              assert.match(socket.response.headers["sec-websocket-extensions"] ?? "", /^permessage-deflate/)
              for (const size of [0, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072]) {
                const data = json.slice(0, size)
                for (let i = 0; i < 3; i++) yield* socket.send(data)
                yield* socket.send(Buffer.from(data))
                for (let i = 0; i < 3; i++) assert.strictEqual((yield* socket.receive).data, data)
                assert.strictEqual(digest((yield* socket.receive).data), digest(data))
              }
            })
          )
        })
      )
    }
  }

  it.scopedLive("continues after a send that was interrupted during its compression", () =>
    Effect.gen(function* () {
      const url = yield* wsServer({})
      yield* using(
        Effect.gen(function* () {
          const socket = yield* Session.webSocket(url, { compress: true })
          for (let i = 0; i < 20; i++) {
            yield* socket.send(json).pipe(Effect.timeoutOption(0))
            yield* socket.send(`next ${i}`)
          }
          const got: Array<string> = []
          while (got.length < 40) got.push(String((yield* socket.receive).data))
          const texts = got.filter((data) => data.startsWith("next"))
          assert.deepStrictEqual(
            texts,
            Array.from({ length: 20 }, (_, i) => `next ${i}`)
          )
          assert.isTrue(got.every((data) => data.startsWith("next") || data === json))
        })
      )
    })
  )
})
