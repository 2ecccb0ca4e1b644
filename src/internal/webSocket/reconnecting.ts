/** Streams the messages of a WebSocket, and opens it again after a loss. */

import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ClientError, isClientError } from "../../Errors.js"
import type { ConnectOptions, Message, WebSocket } from "../../WebSocket.js"
import { currentServices } from "../effect/fiberState.js"
import { type Pull, pullOf, pullStream } from "../effect/pullStream.js"
import { driverOf, looseBackoff } from "../effect/schedules.js"
import { retryability } from "../errors/retryability.js"
import { noPause, type Pause, Reconnection } from "../reconnection.js"

/** The default schedule: from half a second, doubled up to 30 seconds, with jitter. */
const backoff = looseBackoff(Duration.millis(500), Duration.seconds(30))

/** Whether another connection may help. After a violation of the protocol it would not. */
const isBreak = (error: unknown): error is ClientError => {
  if (!isClientError(error)) return false
  if (error._tag === "WebSocketError") return error.reason !== "Protocol" && error.reason !== "TooLarge"
  return retryability(error) !== "never"
}

/** One open connection. */
interface Reading {
  readonly scope: Scope.CloseableScope
  readonly socket: WebSocket
  readonly pull: Pull<Message, ClientError>
}

const pauseOf = ({ reconnect }: Pick<ConnectOptions, "reconnect">): Effect.Effect<Pause<ClientError | undefined>> =>
  reconnect === false ? Effect.succeed(noPause) : driverOf(reconnect ?? backoff)

class Reconnecting<E, R> extends Reconnection<Message, Reading, ClientError | undefined, ClientError | E, R> {
  private readonly openSocket: Effect.Effect<WebSocket, ClientError, Scope.Scope>
  private readonly onOpen: (socket: WebSocket, scope: Scope.Scope) => Effect.Effect<unknown, E, R>

  constructor(
    open: Effect.Effect<WebSocket, ClientError, Scope.Scope>,
    onOpen: (socket: WebSocket, scope: Scope.Scope) => Effect.Effect<unknown, E, R>,
    pause: Pause<ClientError | undefined>
  ) {
    super(pause)
    this.openSocket = open
    this.onOpen = onOpen
  }

  protected override connect(): typeof this.pull {
    const opened = this.openReading(this.openSocket, (socket, scope) =>
      Effect.map(Scope.extend(pullOf(socket.messages), scope), (pull) => ({ scope, socket, pull }))
    )
    return Effect.matchEffect(
      Effect.flatMap(opened, ({ scope, socket }) => this.onOpen(socket, scope)),
      {
        onFailure: (error) => Effect.zipRight(this.close, this.broken(error)),
        onSuccess: () => this.pull
      }
    )
  }

  protected override read({ pull, socket }: Reading): typeof this.pull {
    return Effect.matchEffect(pull, {
      onFailure: (end) =>
        Effect.flatMap(socket.closeCode, (code) =>
          Effect.zipRight(this.close, Option.isSome(end) ? this.broken(end.value) : this.closed(code))
        ),
      onSuccess: (messages) => this.deliver(messages)
    })
  }

  /** Ends the messages after a close with code 1000, and reconnects after any other. */
  private closed(code: Option.Option<number>): typeof this.pull {
    return Option.contains(code, 1000) ? this.end(Option.none()) : this.reconnect(undefined, Option.none())
  }

  private broken(error: ClientError | E): typeof this.pull {
    return isBreak(error) ? this.reconnect(error, Option.some(error)) : Effect.fail(Option.some(error))
  }
}

/** The messages of all connections in order. `onOpen` runs in the Scope of its connection. */
export const reconnecting = <E, R>(
  open: Effect.Effect<WebSocket, ClientError, Scope.Scope>,
  onOpen: (socket: WebSocket) => Effect.Effect<unknown, E, R>,
  options: Pick<ConnectOptions, "reconnect">
): Stream.Stream<Message, ClientError | E, Exclude<R, Scope.Scope>> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const pause = yield* pauseOf(options)
      const context = yield* currentServices<Exclude<R, Scope.Scope>>()
      const openedIn = (socket: WebSocket, scope: Scope.Scope) => Scope.extend(onOpen(socket), scope)
      const source = yield* Effect.acquireRelease(
        Effect.sync(() => new Reconnecting(open, openedIn, pause)),
        (made) => made.close
      )
      return pullStream(Effect.provide(source.pull, context))
    })
  )
