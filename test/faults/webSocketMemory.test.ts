/**
 * The memory that a peer can occupy, measured in a separate process.
 */
import { constants, deflateRawSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { measuring, outputOf } from "../support/child.js"
import * as Peer from "../support/webSocketServer.js"

const mebi = 1024 * 1024
const flood = 128 * mebi

/** Sends until the client ends the connection. */
const send = (peer: Peer.WebSocketPeer, ...frames: ReadonlyArray<Uint8Array>) =>
  Effect.zipRight(
    Effect.sync(() => {
      for (const frame of frames) peer.write(frame)
    }),
    Effect.zipRight(peer.receiveClose, peer.fin)
  )

const bomb = () => deflateRawSync(Buffer.alloc(flood), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)

const fragments = (count: number, payload: string) =>
  Buffer.concat([
    Peer.binary(Uint8Array.of(1), false),
    ...Array.from({ length: count }, () => Peer.continuation(payload, false))
  ])

interface Row {
  readonly play: (peer: Peer.WebSocketPeer) => Effect.Effect<void>
  readonly outcome: string
}

const chunk = 64 * 1024

const rows: Readonly<Record<string, Row>> = {
  warm: { play: (peer) => send(peer, Peer.binary(Buffer.alloc(mebi))), outcome: "Binary" },
  declared: {
    play: (peer) => send(peer, Peer.frame({ opcode: 2, length: 200n * BigInt(mebi) }), Buffer.alloc(16 * mebi)),
    outcome: "TooLarge"
  },
  sum: {
    play: (peer) =>
      send(
        peer,
        Peer.binary(Buffer.alloc(mebi), false),
        ...Array.from({ length: 64 }, () => Peer.continuation(Buffer.alloc(mebi), false))
      ),
    outcome: "TooLarge"
  },
  bomb: { play: (peer) => send(peer, Peer.frame({ opcode: 2, rsv: 4, payload: bomb() })), outcome: "TooLarge" },
  bytes: { play: (peer) => send(peer, fragments(200_000, "a")), outcome: "TooLarge" },
  empty: { play: (peer) => send(peer, fragments(200_000, "")), outcome: "TooLarge" },
  dribble: {
    play: (peer) => Effect.zipRight(peer.dribble(Peer.binary(Buffer.alloc(30_000))), send(peer)),
    outcome: "Binary"
  },
  pings: {
    play: (peer) =>
      Effect.gen(function* () {
        yield* peer.hold
        const some = Buffer.concat(Array.from({ length: 1000 }, () => Peer.ping("x".repeat(125))))
        for (let i = 0; i < 300; i++) yield* peer.send(some)
        yield* peer.send(Peer.text("that was all"))
        yield* peer.ended
      }),
    outcome: "Text"
  },
  slow: {
    play: (peer) =>
      Effect.gen(function* () {
        const message = Peer.binary(new Uint8Array(chunk))
        for (let sent = 0; sent < flood; sent += chunk) yield* peer.send(message)
        yield* send(peer, Peer.close(1000))
      }),
    outcome: `${flood / chunk} Closed`
  }
}

const Results = Schema.parseJson(
  Schema.Array(Schema.Struct({ path: Schema.String, outcome: Schema.String, held: Schema.Number, rss: Schema.Number }))
)

const measure = Effect.gen(function* () {
  const server = yield* Peer.webSocketServer(
    (peer) => rows[peer.request.target.slice(1)]?.play(peer) ?? Effect.die(`no row for ${peer.request.target}`),
    {
      headers: ({ target }) =>
        target === "/bomb" ? ["Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"] : []
    }
  )
  const paths = Object.keys(rows).filter((path) => path !== "warm")
  const out = yield* outputOf("webSockets", [server.webSocketUrl(), ...paths], { flags: measuring })
  return yield* Schema.decode(Results)(out)
})

describe("the memory of a WebSocket", () => {
  it.scopedLive(
    "is bounded for every kind of message, also if the program reads slowly",
    () =>
      Effect.gen(function* () {
        const results = yield* measure
        for (const { held, outcome, path, rss } of results) {
          assert.strictEqual(outcome, rows[path]?.outcome, path)
          assert.isBelow(held, 32 * mebi, `${path} holds`)
          assert.isBelow(rss, 64 * mebi, `${path} takes of the system`)
        }
        assert.strictEqual(results.length, Object.keys(rows).length)
      }),
    120_000
  )
})
