/** Converts WebSockets to Sockets of @effect/platform. */
import * as Socket from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { WebSocketError } from "../../Errors.js"
import type { WebSocket } from "../../WebSocket.js"
import { raceWithCallback } from "../raceWithCallback.js"

/** The error of a Socket whose WebSocket could not be opened. */
export const openError = (cause: unknown): Socket.SocketError =>
  new Socket.SocketGenericError({ reason: "Open", cause })

/** Converts a WebSocketError: a close to a close error with its code, anything else to a read error. */
const toSocketError = (error: WebSocketError): Socket.SocketError =>
  error.reason === "Closed"
    ? new Socket.SocketCloseError({ reason: "Close", code: error.code, closeReason: error.closeReason })
    : new Socket.SocketGenericError({ reason: "Read", cause: error })

const ignored = () => {}

const isCleanClose = Socket.SocketCloseError.isClean((code) => !Socket.defaultCloseCodeIsError(code))

/** Runs the effects of the handler concurrently, like other Sockets, because one may wait for a later message. */
const runOn = <A, E, R>(
  self: WebSocket,
  handler: (data: string | Uint8Array) => Effect.Effect<A, E, R> | undefined,
  onOpen: Effect.Effect<void> | undefined
): Effect.Effect<void, Socket.SocketError | E, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const run = yield* FiberSet.makeRuntime<R, A, E>()
      if (onOpen !== undefined) yield* onOpen
      let broken: Cause.Cause<E> | undefined
      let onBroken: (cause: Cause.Cause<E>) => void = ignored
      const onHandled = (exit: Exit.Exit<A, E>) => {
        if (broken !== undefined || Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return
        broken = exit.cause
        onBroken(broken)
      }
      const read = Effect.forever(
        Effect.map(self.receive, (message) => {
          if (message._tag !== "Text" && message._tag !== "Binary") return
          const handled = handler(message.data)
          if (handled !== undefined) run(handled).addObserver(onHandled)
        })
      )
      const reading: Effect.Effect<void, Cause.Cause<Socket.SocketError>> = Effect.sandbox(
        Effect.catchIf(Effect.mapError(read, toSocketError), isCleanClose, () => Effect.void)
      )
      yield* raceWithCallback<void, Cause.Cause<Socket.SocketError>, never, Cause.Cause<E>>(reading, (fail) => {
        onBroken = fail
        if (broken !== undefined) fail(broken)
        return () => {
          onBroken = ignored
        }
      }).pipe(Effect.catchAll(Effect.failCause<Socket.SocketError | E>))
    })
  )

const encoder = new TextEncoder()

/** A Socket on the WebSocket that `acquire` opens. */
export const socketOf = (
  acquire: Effect.Effect<WebSocket, Socket.SocketError, Scope.Scope>,
  latch: Effect.Latch,
  opened: WebSocket | undefined
): Socket.Socket => {
  let current = opened
  const runRaw: Socket.Socket["runRaw"] = (handler, options) =>
    Effect.scoped(
      Effect.flatMap(acquire, (socket) =>
        Effect.suspend(() => {
          current = socket
          const effectOf = (data: string | Uint8Array) => {
            const handled = handler(data)
            return Effect.isEffect(handled) ? handled : undefined
          }
          return Effect.zipRight(latch.open, runOn(socket, effectOf, options?.onOpen))
        })
      )
    ).pipe(
      Effect.ensuring(
        Effect.suspend(() => {
          current = undefined
          return latch.close
        })
      )
    )
  return {
    [Socket.TypeId]: Socket.TypeId,
    runRaw,
    run: (handler, options) =>
      runRaw((data) => handler(typeof data === "string" ? encoder.encode(data) : data), options),
    writer: Effect.succeed((chunk) =>
      latch.whenOpen(
        Effect.suspend(() => {
          if (current === undefined) {
            return Effect.fail(
              new Socket.SocketGenericError({ reason: "Write", cause: new Error("the socket is not running") })
            )
          }
          if (Socket.isCloseEvent(chunk)) return Effect.asVoid(current.close(chunk.code, chunk.reason))
          return Effect.mapError(
            current.send(chunk),
            (cause) => new Socket.SocketGenericError({ reason: "Write", cause })
          )
        })
      )
    )
  }
}
