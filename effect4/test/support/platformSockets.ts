/** Sockets of Effect: an exchange of messages, and how they end. */
import { Effect } from "effect"
import { Socket } from "effect/socket"

/** Sends the messages to a peer that echoes, each after the echo of the one before, and closes. Returns the echoes. */
export const exchange = (
  socket: Socket.Socket,
  messages: ReadonlyArray<string | Uint8Array>
): Effect.Effect<ReadonlyArray<string | Uint8Array>, Socket.SocketError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      const got: Array<string | Uint8Array> = []
      const next = () => write(messages[got.length] ?? new Socket.CloseEvent(1000))
      yield* next()
      // Every close is an error in Effect 4.
      const end = yield* Effect.flip(
        Effect.forever(
          Effect.flatMap(pull, (received) => {
            got.push(...received)
            return next()
          })
        )
      )
      if (end.reason._tag !== "SocketCloseError" || end.reason.code !== 1000) return yield* Effect.fail(end)
      return got
    })
  )

/** The close frame or the reason with which a Socket fails. */
export const endOf = (
  socket: Socket.Socket
): Effect.Effect<{ readonly code: number; readonly closeReason: string | undefined } | string, void> =>
  Effect.scoped(Effect.flip(Effect.flatMap(socket.reader, ({ pull }) => Effect.forever(pull)))).pipe(
    Effect.map(({ reason }) =>
      reason._tag === "SocketCloseError"
        ? { code: reason.code, closeReason: reason.closeReason }
        : reason._tag.replace(/^Socket|Error$/g, "")
    )
  )

/** Sends a message and answers each that arrives, after a yield, until `count` have arrived. */
export const pingPong = (socket: Socket.Socket, count: number): Effect.Effect<void, Socket.SocketError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      yield* Effect.ignore(write("first"))
      for (let seen = 0; seen < count; ) {
        for (const _ of yield* pull) {
          yield* Effect.yieldNow
          if (++seen < count) yield* write("again")
        }
      }
    })
  )
