/**
 * WebSockets that end while zlib works for them, in each way and several times; then one that must still work. Prints
 * uncaught errors, how each one ended, and the last message.
 */
import { randomBytes } from "node:crypto"
import { writeSync } from "node:fs"
import { constants, deflateRawSync } from "node:zlib"
import { Deferred, Effect, Fiber } from "effect"
import { turn } from "../../../src/internal/testing/faultServer.js"
import type { WebSocket } from "../../../src/WebSocket.js"
import { sessionOn, turns, until } from "../stages.js"
import * as Peer from "../webSocketServer.js"

const rounds = Number(process.argv[2] ?? "1")
const mebi = 1024 * 1024

/** zlib returns 16 KiB per turn of the event loop, so that this takes more than a thousand turns. */
const zeros = deflateRawSync(Buffer.alloc(24 * mebi), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
const noise = randomBytes(24 * mebi)

const uncaught: Array<string> = []
process.on("uncaughtException", (error) => {
  uncaught.push(String(error))
})

interface World {
  readonly socket: WebSocket
  readonly closeSession: Effect.Effect<void>
}

const ways: Readonly<Record<string, (world: World) => Effect.Effect<unknown, { readonly _tag: string }>>> = {
  "session close": ({ closeSession }) => closeSession,
  timeout: ({ socket }) => socket.close(),
  /** The end of the Scope closes the socket. */
  interruption: () => Effect.interrupt,
  /** A socket that does not read detects the reset when it writes. */
  reset: ({ socket }) => Effect.forever(Effect.zipRight(socket.ping(), turn))
}

const works: Readonly<Record<string, (socket: WebSocket) => Effect.Effect<unknown, { readonly _tag: string }>>> = {
  inflating: (socket) => socket.receive,
  deflating: (socket) => socket.send(noise)
}

/** Sends data that takes long to inflate, or waits for data that takes long to deflate, and answers nothing. */
const busy = (peer: Peer.WebSocketPeer): Effect.Effect<void> => {
  const [, work, way] = peer.request.target.split("/")
  const large = work === "inflating" ? [Peer.frame({ opcode: 2, rsv: 4, payload: zeros })] : []
  const end = way === "reset" ? Effect.zipRight(turns(20), peer.reset) : peer.ended
  return Effect.zipRight(peer.send(Peer.text("begin"), ...large), end)
}

/** A message that was compressed without context can be echoed unchanged. */
const echo = (peer: Peer.WebSocketPeer): Effect.Effect<void> =>
  Effect.flatMap(peer.receive, ({ opcode, payload, rsv }) =>
    Effect.zipRight(
      peer.send(Peer.frame({ opcode, payload, rsv })),
      opcode === Peer.opcodes.close ? peer.ended : echo(peer)
    )
  )

const server = Peer.webSocketServer((peer) => (peer.request.target === "/echo" ? echo(peer) : busy(peer)), {
  headers: ({ target }) => [
    `Sec-WebSocket-Extensions: permessage-deflate${target === "/echo" ? "; client_no_context_takeover; server_no_context_takeover" : ""}`
  ]
})

const endIn = (url: string, work: string, way: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { connector, session } = yield* sessionOn({ gracefulShutdownTimeout: 0 })
      const outcome = yield* Deferred.make<string>()
      const life = Effect.scoped(
        Effect.gen(function* () {
          const options = { compress: true, maxMessageSize: Number.POSITIVE_INFINITY, closeTimeout: 1 } as const
          const socket = yield* session.webSocket(`${url}/${work}/${way}`, options)
          yield* socket.receive
          const waiting = Effect.match(works[work]?.(socket) ?? Effect.void, {
            onFailure: ({ _tag }) => _tag,
            onSuccess: () => "done"
          })
          yield* Effect.forkDaemon(Effect.intoDeferred(waiting, outcome))
          yield* turns(3)
          yield* ways[way]?.({ socket, closeSession: session.close }) ?? Effect.void
        })
      )
      const fiber = yield* Effect.fork(life)
      const result = yield* Deferred.await(outcome)
      yield* until(() => Effect.runSync(connector.stats).acquired === 0)
      yield* Fiber.interrupt(fiber)
      return { work, way, outcome: result }
    })
  )

const afterwards = (url: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { session } = yield* sessionOn()
      const socket = yield* session.webSocket(`${url}/echo`, { compress: true, closeTimeout: "1 second" })
      yield* socket.send("echo".repeat(1000))
      return (yield* socket.receive).data.length
    })
  )

const main = Effect.scoped(
  Effect.gen(function* () {
    const url = (yield* server).webSocketUrl("")
    const ends = yield* Effect.forEach(
      Array.from({ length: rounds }, () =>
        Object.keys(works).flatMap((work) => Object.keys(ways).map((way) => [work, way] as const))
      ).flat(),
      ([work, way]) => endIn(url, work, way)
    )
    yield* turn
    const echoed = yield* Effect.timeoutOption(afterwards(url), "20 seconds")
    return { ends, echoed: echoed._tag === "Some" ? echoed.value : 0 }
  })
)

const result = await Effect.runPromise(main)
// Work of zlib keeps the process alive, and may throw until it ends.
process.once("exit", () => writeSync(1, JSON.stringify({ uncaught, ...result })))
