/**
 * WebSockets over the session's connector (RFC 6455, RFC 7692; aiohttp: `ws_connect`).
 *
 * The handshake is a request of the session: its cookies, credentials, proxies, TLS settings and middlewares hold, its
 * connection counts against the pool's limits until it closes, and never goes back to it. The module's name is that of a
 * global: import it as a namespace.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Session, WebSocket } from "effect-http-session"
 *
 * export const echo = Effect.gen(function* () {
 *   const socket = yield* Session.webSocket("wss://echo.example/", { heartbeat: "30 seconds" })
 *   yield* socket.send("hello")
 *   return yield* socket.messages.pipe(Stream.filter(WebSocket.isText), Stream.take(1), Stream.runCollect)
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { JsonDecodeError, WebSocketError } from "./Errors.js"
import { endedBy } from "./internal/raceWithCallback.js"
import * as webSocket from "./internal/webSocket/webSocket.js"
import { Session } from "./Session.js"

/**
 * permessage-deflate as it is offered (RFC 7692).
 *
 * @since 0.1.0
 * @category options
 */
export interface Compression {
  /** Of both directions, 9 to 15. Default 15. */
  readonly windowBits?: number | undefined
  /** Whether each message is compressed by itself, in both directions. Default `false`. */
  readonly noContextTakeover?: boolean | undefined
}

/**
 * Options of one WebSocket. `timeout` is for the handshake; the headers Connection, Upgrade, Sec-WebSocket-Key and
 * Sec-WebSocket-Extensions are written here. An option that cannot be right is an `InvalidRequest`.
 *
 * @since 0.1.0
 * @category options
 */
export interface WebSocketOptions
  extends Pick<
    RequestOptions,
    | "params"
    | "headers"
    | "cookies"
    | "auth"
    | "proxy"
    | "proxyAuth"
    | "proxyHeaders"
    | "ssl"
    | "serverHostname"
    | "timeout"
    | "traceRequestCtx"
    | "urlTemplate"
    | "middlewares"
    | "skipAutoHeaders"
  > {
  /** Subprotocols in order of preference. */
  readonly protocols?: ReadonlyArray<string> | undefined
  /** The value of Origin. Default: none. */
  readonly origin?: string | undefined
  /** Whether permessage-deflate is offered. Default `false`. */
  readonly compress?: boolean | Compression | undefined
  /** Bytes of one message, decompressed (aiohttp: `max_msg_size`). Default 4 MiB; `Infinity` is off. */
  readonly maxMessageSize?: number | undefined
  /**
   * Pings in this rhythm; without any byte for half of it after a ping the socket is lost. While messages wait for a
   * taker and nothing is read, it is not. Default off.
   */
  readonly heartbeat?: Duration.DurationInput | undefined
  /** Answers pings itself; `false` hands them out. Default `true`. */
  readonly autoPing?: boolean | undefined
  /** Answers a close itself; `false` leaves it to `close`. Default `true`. */
  readonly autoClose?: boolean | undefined
  /** Of one `receive`, and between two messages of `messages`; the socket stays open. Default off. */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** For the peer's answer to a close; 0 waits for none. Default "10 seconds". */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/**
 * A message; Ping and Pong only with `autoPing: false`.
 *
 * @since 0.1.0
 * @category models
 */
export type Message =
  | { readonly _tag: "Text"; readonly data: string }
  | { readonly _tag: "Binary"; readonly data: Uint8Array }
  | { readonly _tag: "Ping"; readonly data: Uint8Array }
  | { readonly _tag: "Pong"; readonly data: Uint8Array }

/**
 * The type id of `WebSocket`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = webSocket.TypeId

/**
 * The type id of `WebSocket`.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/WebSocket"

/**
 * An open WebSocket (aiohttp: `ClientWebSocketResponse`). The end of its Scope performs the closing handshake, at most
 * for `closeTimeout`, and waits for the socket to close; so does the end of its session, with code 1001.
 *
 * `WebSocketError` tells by its `reason` how it ended: "Closed" by either side with a code, "Protocol" (1002, 1007) or
 * "TooLarge" (1009) for what the peer has sent, "Heartbeat" or "Abnormal" (1006) where it went away; "Timeout" is
 * `receiveTimeout`, and ends nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebSocket {
  readonly [TypeId]: TypeId
  /** The 101. */
  readonly response: ResponseHead
  /** The protocol that the server has chosen. */
  readonly protocol: Option.Option<string>
  /**
   * Text or bytes; waits while the socket does not accept more. Interrupted, it stops waiting: what was begun is sent.
   */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Text, by `JSON.stringify`; a value that has no JSON is a defect. */
  readonly sendJson: (value: unknown) => Effect.Effect<void, WebSocketError>
  /** At most 125 bytes; more are a defect. */
  readonly ping: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** At most 125 bytes; more are a defect. */
  readonly pong: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** The next message; fails with reason "Closed" when there is none to come. Each message goes to one taker. */
  readonly receive: Effect.Effect<Message, WebSocketError>
  /** The next text message as JSON; a binary one is a `JsonDecodeError`, pings and pongs are passed over. */
  readonly receiveJson: <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ) => Effect.Effect<A, WebSocketError | JsonDecodeError | ParseError, R>
  /**
   * Messages until a clean close (1000, 1001, or no code) or one from here; the peer is read no faster than they are
   * taken. Pings are not answered while nothing is read.
   */
  readonly messages: Stream.Stream<Message, WebSocketError>
  /**
   * Closes: code 1000 by default; waits for the answer, at most for `closeTimeout`, and for the socket. `false` where it
   * was closed before. A code that may not be sent is a defect; of a reason goes what fits, 123 bytes.
   */
  readonly close: (code?: number, reason?: string) => Effect.Effect<boolean>
  /** The code of the peer's close, 1005 if it had none; 1006 where it ended without. None while it is open. */
  readonly closeCode: Effect.Effect<Option.Option<number>>
}

/**
 * Whether a message is text.
 *
 * @since 0.1.0
 * @category guards
 */
export const isText = (message: Message): message is Extract<Message, { readonly _tag: "Text" }> =>
  message._tag === "Text"

/**
 * Whether a message is binary.
 *
 * @since 0.1.0
 * @category guards
 */
export const isBinary = (message: Message): message is Extract<Message, { readonly _tag: "Binary" }> =>
  message._tag === "Binary"

/** As a Socket tells its end: a close by its code, all else as what broke the reading. */
const ended = (error: WebSocketError): Socket.SocketError =>
  error.reason === "Closed"
    ? new Socket.SocketCloseError({ reason: "Close", code: error.code, closeReason: error.closeReason })
    : new Socket.SocketGenericError({ reason: "Read", cause: error })

const ignored = () => {}

const isCleanClose = Socket.SocketCloseError.isClean((code) => !Socket.defaultCloseCodeIsError(code))

/** The handler's effects run side by side, as with the other Sockets, for one may wait for a later message. */
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
      const judge = (exit: Exit.Exit<A, E>) => {
        if (broken !== undefined || Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return
        broken = exit.cause
        onBroken(broken)
      }
      const read = Effect.forever(
        Effect.map(self.receive, (message) => {
          if (message._tag !== "Text" && message._tag !== "Binary") return
          const handled = handler(message.data)
          if (handled !== undefined) run(handled).addObserver(judge)
        })
      )
      const reading: Effect.Effect<void, Cause.Cause<Socket.SocketError>> = Effect.sandbox(
        Effect.catchIf(Effect.mapError(read, ended), isCleanClose, () => Effect.void)
      )
      yield* endedBy<void, Cause.Cause<Socket.SocketError>, never, Cause.Cause<E>>(reading, (fail) => {
        onBroken = fail
        if (broken !== undefined) fail(broken)
        return () => {
          onBroken = ignored
        }
      }).pipe(Effect.catchAll(Effect.failCause<Socket.SocketError | E>))
    })
  )

const encoder = new TextEncoder()

/** A Socket on whatever `acquire` opens. */
const socketOf = (
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

/**
 * The open WebSocket as a Socket of @effect/platform, to be run once: it ends with the WebSocket, whose Scope it does not
 * close. It can be written to before it runs. A close with 1000 or 1006 is its success, another its `SocketCloseError`,
 * anything else its `SocketGenericError` with the `WebSocketError` as cause.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSocket = (self: WebSocket): Socket.Socket =>
  socketOf(Effect.succeed(self), Effect.unsafeMakeLatch(true), self)

/**
 * A Socket that opens a WebSocket each time it is run, for what reconnects by itself, such as RPC. What opening it fails
 * with is the cause of a `SocketGenericError` "Open"; writers wait while it does not run.
 *
 * ```ts
 * import { Socket } from "@effect/platform"
 * import { Layer } from "effect"
 * import { WebSocket } from "effect-http-session"
 *
 * export const Rpc = Layer.effect(Socket.Socket, WebSocket.makeSocket("wss://rpc.example/", { heartbeat: "20 seconds" }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSocket = (url: UrlInput, options?: WebSocketOptions): Effect.Effect<Socket.Socket, never, Session> =>
  Effect.map(Session, (session) =>
    socketOf(
      Effect.mapError(
        session.webSocket(url, options),
        (cause) => new Socket.SocketGenericError({ reason: "Open", cause })
      ),
      Effect.unsafeMakeLatch(false),
      undefined
    )
  )
