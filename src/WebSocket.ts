/**
 * WebSockets over the session's connector (RFC 6455, RFC 7692; aiohttp: `ws_connect`).
 *
 * The handshake is a request of the session, with its cookies, credentials, proxies, TLS settings and middlewares. Its
 * connection counts against the limits of the pool until it closes, and is never reused. Import the module as a
 * namespace, because there is a global of the same name.
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
 * The parameters of the permessage-deflate offer (RFC 7692).
 *
 * @since 0.1.0
 * @category options
 */
export interface Compression {
  /** Window size in both directions, from 9 to 15 bits. Default 15. */
  readonly windowBits?: number | undefined
  /** Whether each message is compressed separately, in both directions. Default `false`. */
  readonly noContextTakeover?: boolean | undefined
}

/**
 * Options of a WebSocket. `timeout` applies to the handshake. The client sets the headers Connection, Upgrade,
 * Sec-WebSocket-Key and Sec-WebSocket-Extensions. An invalid option fails with `InvalidRequest`.
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
   * Maximum size of a message after decompression, in bytes (aiohttp: `max_msg_size`). Default 4 MiB; `Infinity` turns
   * the limit off.
   */
  readonly maxMessageSize?: number | undefined
  /**
   * Sends pings at this interval. If no byte arrives within half of it after a ping, the connection is considered lost,
   * except while the client does not read because the program does not receive messages. Default off.
   */
  readonly heartbeat?: Duration.DurationInput | undefined
  /** Whether the client answers pings. With `false`, pings and pongs are received as messages. Default `true`. */
  readonly autoPing?: boolean | undefined
  /** Whether the client answers a close of the peer. With `false`, the program calls `close`. Default `true`. */
  readonly autoClose?: boolean | undefined
  /**
   * How long `receive` and `messages` wait for the next message before they fail; the socket stays open. Default off.
   */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** How long to wait until the peer answers a close; 0 does not wait. Default "10 seconds". */
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
 * at most `closeTimeout`, and waits until the socket is closed. When its session closes, it does the same with code
 * 1001.
 *
 * The `reason` of a `WebSocketError` says how it ended: "Closed" by either side, with a code; "Protocol" (1002, 1007)
 * or "TooLarge" (1009) because of invalid data; "Heartbeat" or "Abnormal" (1006) because the connection broke.
 * "Timeout" means that `receiveTimeout` expired, which does not close the socket.
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
   * Sends text or bytes, and waits while the socket does not accept more. An interruption only ends the wait: the
   * message is still sent.
   */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Sends a value as text, serialized by `JSON.stringify`. A value that cannot be serialized is a defect. */
  readonly sendJson: (value: unknown) => Effect.Effect<void, WebSocketError>
  /** Sends a ping with at most 125 bytes; more are a defect. */
  readonly ping: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Sends a pong with at most 125 bytes; more are a defect. */
  readonly pong: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Returns the next message; fails with reason "Closed" after the last one. Each message is delivered once. */
  readonly receive: Effect.Effect<Message, WebSocketError>
  /**
   * Returns the next text message, parsed as JSON and decoded by a schema. A binary message fails with
   * `JsonDecodeError`; pings and pongs are skipped.
   */
  readonly receiveJson: <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ) => Effect.Effect<A, WebSocketError | JsonDecodeError | ParseError, R>
  /**
   * Streams messages, with backpressure to the peer. Ends after a clean close (1000, 1001, or without a code), or when
   * this side closes. While backpressure pauses reading, the client does not answer pings.
   */
  readonly messages: Stream.Stream<Message, WebSocketError>
  /**
   * Closes the connection, with code 1000 by default. Waits at most `closeTimeout` until the peer answers, and then
   * until the socket is closed. Returns `false` if the connection was already closed. A code that clients must not send
   * is a defect. A reason is truncated to 123 bytes.
   */
  readonly close: (code?: number, reason?: string) => Effect.Effect<boolean>
  /**
   * The close code of the peer; 1005 if it sent none, 1006 if the connection ended without a close. None while the
   * WebSocket is open.
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
   * When to open the next connection. The schedule receives the error of the last connection, or `undefined` after a
   * close with a code, and starts over after the first message of a connection. When the schedule ends, the stream
   * fails with the error, or ends after a close. `false` never reconnects. Default: after half a second, doubled up to
   * 30 seconds, with jitter, any number of times.
   */
  readonly reconnect?: Schedule.Schedule<unknown, ClientError | undefined> | false | undefined
}

/**
 * Streams messages, and opens a new WebSocket when the connection breaks. `onOpen` runs for each WebSocket before its
 * first message is read, for example to log in or to subscribe. Its Scope closes with the connection, which interrupts
 * fibers that it starts with `Effect.forkScoped`, for example to send. The end of the stream closes the WebSocket.
 *
 * It reconnects if the connection cannot be opened, breaks or times out (`heartbeat`, `receiveTimeout`), if the server
 * answers the handshake with status 408, 425, 429, 502, 503 or 504, and after a close with any code except 1000, which
 * ends the stream. It fails at once after other statuses (`WSServerHandshakeError`), frames that violate the protocol,
 * messages larger than `maxMessageSize`, and errors of `onOpen` other than those of a broken connection.
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
 * Converts an open WebSocket to a Socket of @effect/platform, which can run once. The Socket ends with the WebSocket
 * but does not close its Scope, and accepts writes before it runs. It succeeds after a close with code 1000 or 1006,
 * and fails with `SocketCloseError` after any other close. Any other error is a `SocketGenericError` with the
 * `WebSocketError` as cause.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSocket = (self: WebSocket): Socket.Socket =>
  socketOf(Effect.succeed(self), Effect.unsafeMakeLatch(true), self)

/**
 * Creates a Socket that opens a WebSocket each time it runs, for protocols that reconnect, such as RPC. If it cannot
 * open the WebSocket, it fails with `SocketGenericError`, reason "Open", and the error as cause. Writers wait while the
 * Socket is not running.
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
