/** Converts WebSockets to Sockets of Effect. */
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type { WebSocketError } from "../../Errors.js"
import type { WebSocket } from "../../WebSocket.js"

/** The error of a Socket whose WebSocket could not be opened. */
export const openError = (cause: unknown): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause }) })

/** Converts a WebSocketError: a close to a close error with its code, anything else to a read error. */
const toSocketError = (error: WebSocketError): Socket.SocketError =>
  new Socket.SocketError({
    reason:
      error.reason === "Closed"
        ? new Socket.SocketCloseError({ code: error.code, closeReason: error.closeReason })
        : new Socket.SocketReadError({ cause: error })
  })

const unwritten = (cause: unknown): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) })

/** A Socket on the WebSocket that `acquire` opens. */
export const socketOf = (
  acquire: Effect.Effect<WebSocket, Socket.SocketError, Scope.Scope>,
  latch: Latch.Latch,
  opened: WebSocket | undefined
): Socket.Socket => {
  let current = opened
  const send = (chunk: string | Uint8Array | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
    Effect.suspend(() => {
      if (current === undefined) return Effect.fail(unwritten(new Error("the socket is not running")))
      if (Socket.isCloseEvent(chunk)) return Effect.asVoid(current.close(chunk.code, chunk.reason))
      return Effect.mapError(current.send(chunk), unwritten)
    })
  const reader = Effect.gen(function* () {
    const socket = yield* acquire
    current = socket
    yield* latch.open
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        current = undefined
        return latch.close
      })
    )
    const pull: Socket.Reader["pull"] = Effect.flatMap(Effect.mapError(socket.receive, toSocketError), (message) =>
      message._tag === "Text" || message._tag === "Binary" ? Effect.succeed([message.data]) : pull
    )
    return { pull, upgrade: Socket.SocketUpgradeError.unsupported }
  })
  return Socket.make({
    reader,
    writer: Effect.succeed({
      write: (chunk) => latch.whenOpen(send(chunk)),
      writeAll: (chunks) => latch.whenOpen(Effect.forEach(chunks, send, { discard: true }))
    })
  })
}
