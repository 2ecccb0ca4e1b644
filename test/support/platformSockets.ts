/** Sockets of Effect: an exchange of messages, and how they end. */
import { Socket } from "@effect/platform"
import { Effect } from "effect"

/** Sends the messages to a peer that echoes, each after the previous echo, and closes. Returns the echoes. */
export const exchange = (
  socket: Socket.Socket,
  messages: ReadonlyArray<string | Uint8Array>
): Effect.Effect<ReadonlyArray<string | Uint8Array>, Socket.SocketError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const write = yield* socket.writer
      const got: Array<string | Uint8Array> = []
      const next = () => write(messages[got.length] ?? new Socket.CloseEvent(1000))
      yield* socket.runRaw(
        (data) => {
          got.push(data)
          return next()
        },
        { onOpen: Effect.orDie(next()) }
      )
      return got
    })
  )

/** The close frame or the reason with which a Socket fails. */
export const endOf = (
  socket: Socket.Socket
): Effect.Effect<{ readonly code: number; readonly closeReason: string | undefined } | string, void> =>
  Effect.map(Effect.flip(socket.run(() => {})), (error) =>
    Socket.SocketCloseError.is(error) ? { code: error.code, closeReason: error.closeReason } : error.reason
  )

/** Sends a message and answers each received one, after a yield, until `count` have arrived. */
export const pingPong = (socket: Socket.Socket, count: number): Effect.Effect<void, Socket.SocketError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const write = yield* socket.writer
      let seen = 0
      yield* socket.runRaw(
        () =>
          Effect.zipRight(
            Effect.yieldNow(),
            Effect.suspend(
              (): Effect.Effect<void, Socket.SocketError | Enough> =>
                ++seen === count ? Effect.fail(enough) : write("again")
            )
          ),
        { onOpen: Effect.ignore(write("first")) }
      )
    })
  ).pipe(Effect.catchTag("Enough", () => Effect.void))

interface Enough {
  readonly _tag: "Enough"
}

const enough: Enough = { _tag: "Enough" }
