/**
 * WebSockets over the session's connector (RFC 6455, RFC 7692; aiohttp: `ws_connect`).
 *
 * The handshake is a request of the session, with its cookies, credentials, proxies, TLS settings and middlewares. Its
 * connection counts against the limits of the pool until it closes, and is never reused. Because a global has the same
 * name, import the module as a namespace.
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
import type * as Socket from "@effect/platform/Socket"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HandshakeOptions, UrlInput } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { ClientError, JsonDecodeError, WebSocketError } from "./Errors.js"
import { openError, socketOf } from "./internal/webSocket/platformSocket.js"
import { reconnecting } from "./internal/webSocket/reconnecting.js"
import * as webSocket from "./internal/webSocket/webSocket.js"
import { Session } from "./Session.js"

/**
 * The permessage-deflate offer (RFC 7692).
 *
 * @since 0.1.0
 * @category options
 */
export interface Compression {
  /** Window size of both directions, 9 to 15 bits. Default 15. */
  readonly windowBits?: number | undefined
  /** Whether each message is compressed separately, in both directions. Default `false`. */
  readonly noContextTakeover?: boolean | undefined
}

/**
 * Options of a WebSocket. `timeout` applies to the handshake. The client sets the headers Connection, Upgrade,
 * Sec-WebSocket-Key and Sec-WebSocket-Extensions. An invalid option is an `InvalidRequest`.
 *
 * @since 0.1.0
 * @category options
 */
export interface WebSocketOptions extends HandshakeOptions {
  /** Subprotocols in order of preference. */
  readonly protocols?: ReadonlyArray<string> | undefined
  /** The value of the Origin header. Default: none. */
  readonly origin?: string | undefined
  /** Whether to offer permessage-deflate. Default `false`. */
  readonly compress?: boolean | Compression | undefined
  /**
   * Most bytes of one message after decompression (aiohttp: `max_msg_size`). Default 4 MiB; `Infinity` turns the limit
   * off.
   */
  readonly maxMessageSize?: number | undefined
  /**
   * Sends pings at this interval. If no byte arrives within half of it after a ping, the connection is considered lost,
   * except while reading is paused because received messages are not taken. Default off.
   */
  readonly heartbeat?: Duration.DurationInput | undefined
  /** Replies to pings automatically; with `false` they are returned as messages. Default `true`. */
  readonly autoPing?: boolean | undefined
  /** Replies to a close automatically; with `false` the program calls `close`. Default `true`. */
  readonly autoClose?: boolean | undefined
  /** Limit for each `receive`, and between two messages of `messages`; the socket stays open. Default off. */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** How long to wait for the peer's reply to a close; 0 does not wait. Default "10 seconds". */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/**
 * A received message. Ping and Pong occur only with `autoPing: false`.
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
 * An open WebSocket (aiohttp: `ClientWebSocketResponse`). When its Scope closes, it performs the closing handshake, for
 * at most `closeTimeout`, and waits until the socket is closed. The end of the session does the same, with code 1001.
 *
 * The `reason` of a `WebSocketError` is how it ended: "Closed" by either side with a code; "Protocol" (1002, 1007) or
 * "TooLarge" (1009) because of invalid data; "Heartbeat" or "Abnormal" (1006) because the peer disappeared. "Timeout"
 * is `receiveTimeout` and does not close the socket.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebSocket {
  readonly [TypeId]: TypeId
  /** The response with status 101. */
  readonly response: ResponseHead
  /** The subprotocol that the server chose. */
  readonly protocol: Option.Option<string>
  /**
   * Sends text or bytes; waits while the socket does not accept more. If interrupted, it only stops waiting: the
   * message is still sent.
   */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Sends a value as text, serialized by `JSON.stringify`. A value that cannot be serialized is a defect. */
  readonly sendJson: (value: unknown) => Effect.Effect<void, WebSocketError>
  /** Sends at most 125 bytes; more are a defect. */
  readonly ping: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Sends at most 125 bytes; more are a defect. */
  readonly pong: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Returns the next message; fails with reason "Closed" after the last one. Each message is delivered once. */
  readonly receive: Effect.Effect<Message, WebSocketError>
  /** Returns the next text message as JSON. A binary message is a `JsonDecodeError`; pings and pongs are skipped. */
  readonly receiveJson: <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ) => Effect.Effect<A, WebSocketError | JsonDecodeError | ParseError, R>
  /**
   * Streams messages until a clean close (1000, 1001, or without a code) or a close by this side, with backpressure to
   * the peer. Pings are not answered while reading is paused.
   */
  readonly messages: Stream.Stream<Message, WebSocketError>
  /**
   * Closes the connection, with code 1000 by default, and waits until the peer has replied, for at most `closeTimeout`,
   * and the socket is closed. Returns `false` if it was already closed. A code that clients must not send is a defect.
   * A reason is truncated to 123 bytes.
   */
  readonly close: (code?: number, reason?: string) => Effect.Effect<boolean>
  /**
   * The peer's close code, 1005 if it sent none, or 1006 if the connection ended without a close. None while it is
   * open.
   */
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

/**
 * Options of `connect`.
 *
 * @since 0.1.0
 * @category options
 */
export interface ConnectOptions extends WebSocketOptions {
  /**
   * When to open the next connection. The input is the error of the last connection, or `undefined` after a close with a
   * code. The schedule restarts after the first message of a connection. When it ends, the stream fails with the error,
   * or ends after a close. `false` disables reconnecting. Default: after half a second, doubled up to 30 seconds, with
   * jitter, without end.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError | undefined> | false | undefined
}

/**
 * Streams messages across reconnects, like `Sse.connect`. `onOpen` runs after each opening, before the first message is
 * read, for example to log in or to subscribe. Its Scope is that of the connection: a fiber that it starts with
 * `Effect.forkScoped`, for example to send, is interrupted when the connection ends. The end of the stream closes the
 * WebSocket.
 *
 * It reconnects if the connection cannot be opened, is lost or times out (`heartbeat`, `receiveTimeout`), if the
 * handshake gets status 408, 425, 429, 502, 503 or 504, and after a close with any code except 1000, which ends the
 * stream. It fails at once after other statuses (`WSServerHandshakeError`), frames that violate the protocol, messages
 * above `maxMessageSize`, and errors of `onOpen` other than those of a lost connection.
 *
 * Messages sent before a reconnect may be lost. If they matter, `onOpen` must send them again.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { WebSocket } from "effect-http-session"
 *
 * export const prices = WebSocket.connect(
 *   "wss://feed.example/",
 *   (socket) => socket.sendJson({ subscribe: "prices" }),
 *   { heartbeat: "20 seconds" }
 * ).pipe(Stream.filter(WebSocket.isText), Stream.runForEach(({ data }) => Effect.log(data)))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = <E = never, R = never>(
  url: UrlInput,
  onOpen: (socket: WebSocket) => Effect.Effect<unknown, E, R> = () => Effect.void,
  options: ConnectOptions = {}
): Stream.Stream<Message, ClientError | E, Session | Exclude<R, Scope>> => {
  const { reconnect, ...given } = options
  return Stream.unwrap(
    Effect.map(Session, (session) => reconnecting(session.webSocket(url, given), onOpen, { reconnect }))
  )
}

/**
 * Converts an open WebSocket to a Socket of @effect/platform, which can be run once. It ends with the WebSocket but
 * does not close its Scope, and can be written to before it runs. A close with code 1000 or 1006 is a success, any
 * other close a `SocketCloseError`, and everything else a `SocketGenericError` with the `WebSocketError` as cause.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSocket = (self: WebSocket): Socket.Socket =>
  socketOf(Effect.succeed(self), Effect.unsafeMakeLatch(true), self)

/**
 * Creates a Socket that opens a WebSocket each time it runs, for protocols that reconnect, such as RPC. If opening
 * fails, the error is the cause of a `SocketGenericError` "Open". Writers wait while the Socket is not running.
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
    socketOf(Effect.mapError(session.webSocket(url, options), openError), Effect.unsafeMakeLatch(false), undefined)
  )
