/** Streams the messages of a WebSocket, which is opened again after it is lost. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ClientError, isClientError } from "../../Errors.js"
import type { ConnectOptions, Message, WebSocket } from "../../WebSocket.js"
import { type Pull, pullOf, pullStream } from "../effect/pullStream.js"
import { driverOf, looseBackoff } from "../effect/schedules.js"
import { retryability } from "../errors/retryability.js"

/** Half a second, doubled up to 30 seconds, with jitter so that clients do not reconnect at the same moment. */
const backoff = looseBackoff(Duration.millis(500), Duration.seconds(30))

/** Whether another connection may help. A peer that violates the protocol would do so again. */
const isBreak = (error: unknown): error is ClientError => {
  if (!isClientError(error)) return false
  if (error._tag === "WebSocketError") return error.reason !== "Protocol" && error.reason !== "TooLarge"
  return retryability(error) !== "never"
}

/** One connection. */
interface Reading {
  readonly scope: Scope.CloseableScope
  readonly socket: WebSocket
  readonly pull: Pull<Message, ClientError>
}

/** Waits before the next attempt. Returns `false` if the schedule has ended. */
interface Pause {
  readonly after: (error: ClientError | undefined) => Effect.Effect<boolean>
  readonly reset: Effect.Effect<void>
}

const pauseOf = ({ reconnect }: Pick<ConnectOptions, "reconnect">): Effect.Effect<Pause> =>
  reconnect === false
    ? Effect.succeed({ after: () => Effect.succeed(false), reset: Effect.void })
    : driverOf(reconnect ?? backoff)

class Reconnecting<E, R> {
  private readonly open: Effect.Effect<WebSocket, ClientError, Scope.Scope>
  private readonly onOpen: (socket: WebSocket, scope: Scope.Scope) => Effect.Effect<unknown, E, R>
  private readonly pause: Pause
  private reading: Reading | undefined = undefined
  private ended = false
  private fresh = true

  constructor(
    open: Effect.Effect<WebSocket, ClientError, Scope.Scope>,
    onOpen: (socket: WebSocket, scope: Scope.Scope) => Effect.Effect<unknown, E, R>,
    pause: Pause
  ) {
    this.open = open
    this.onOpen = onOpen
    this.pause = pause
  }

  /** The next messages. Pulls must not overlap. */
  readonly pull: Effect.Effect<Effect.Effect.Success<Pull<Message, never>>, Option.Option<ClientError | E>, R> =
    Effect.suspend(() => {
      if (this.ended) return Effect.fail(Option.none())
      return this.reading === undefined ? this.connect : this.read(this.reading)
    })

  /** Closes the open connection, if any. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { reading } = this
    this.reading = undefined
    return reading === undefined ? Effect.void : Scope.close(reading.scope, Exit.void)
  })

  private readonly connect: typeof this.pull = Effect.suspend(() =>
    Effect.matchEffect(this.opened, {
      onFailure: (error) => Effect.zipRight(this.close, this.broken(error)),
      onSuccess: () => this.pull
    })
  )

  private get opened(): Effect.Effect<void, ClientError | E, R> {
    const opened = Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.matchCauseEffect(restore(Scope.extend(this.open, scope)), {
          onFailure: (cause) => Effect.zipRight(Scope.close(scope, Exit.void), Effect.failCause(cause)),
          onSuccess: (socket) =>
            Effect.map(Scope.extend(pullOf(socket.messages), scope), (pull) => {
              this.reading = { scope, socket, pull }
              return this.reading
            })
        })
      )
    )
    return Effect.flatMap(opened, ({ scope, socket }) => this.onOpen(socket, scope))
  }

  private read({ pull, socket }: Reading): typeof this.pull {
    return Effect.matchEffect(pull, {
      onFailure: (end) =>
        Effect.flatMap(socket.closeCode, (code) =>
          Effect.zipRight(this.close, Option.isSome(end) ? this.broken(end.value) : this.closed(code))
        ),
      onSuccess: (messages) => {
        if (!this.fresh) return Effect.succeed(messages)
        this.fresh = false
        return Effect.as(this.pause.reset, messages)
      }
    })
  }

  /** A close with 1000 ends the messages; after any other the peer may return. */
  private closed(code: Option.Option<number>): typeof this.pull {
    if (Option.contains(code, 1000)) {
      this.ended = true
      return Effect.fail(Option.none())
    }
    return this.again(undefined, Option.none())
  }

  private broken(error: ClientError | E): typeof this.pull {
    return isBreak(error) ? this.again(error, Option.some(error)) : Effect.fail(Option.some(error))
  }

  private again(error: ClientError | undefined, end: Option.Option<ClientError>): typeof this.pull {
    this.fresh = true
    return Effect.flatMap(this.pause.after(error), (again) => {
      if (again) return this.pull
      this.ended = true
      return Effect.fail(end)
    })
  }
}

/** The messages of all connections, in order. The Scope of `onOpen` is that of its connection. */
export const reconnecting = <E, R>(
  open: Effect.Effect<WebSocket, ClientError, Scope.Scope>,
  onOpen: (socket: WebSocket) => Effect.Effect<unknown, E, R>,
  options: Pick<ConnectOptions, "reconnect">
): Stream.Stream<Message, ClientError | E, Exclude<R, Scope.Scope>> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const pause = yield* pauseOf(options)
      const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
      const openedIn = (socket: WebSocket, scope: Scope.Scope) => Scope.extend(onOpen(socket), scope)
      const source = yield* Effect.acquireRelease(
        Effect.sync(() => new Reconnecting(open, openedIn, pause)),
        (made) => made.close
      )
      return pullStream(Effect.provide(source.pull, context))
    })
  )
