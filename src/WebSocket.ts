/**
 * WebSockets over the session's connector.
 */
import type * as Socket from "@effect/platform/Socket"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import type * as Schema from "effect/Schema"
import type { ParseOptions } from "effect/SchemaAST"
import type * as Stream from "effect/Stream"
import type { RequestOptions, UrlInput } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { JsonDecodeError, WebSocketError } from "./Errors.js"
import type { Session } from "./Session.js"

/** permessage-deflate as it is offered. */
export interface Compression {
  /** 9 to 15. Default 15. */
  readonly windowBits?: number | undefined
  /** Default `false`. */
  readonly noContextTakeover?: boolean | undefined
}

/** `timeout` is for the handshake. */
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
    | "skipAutoHeaders"
  > {
  /** In order of preference. */
  readonly protocols?: ReadonlyArray<string> | undefined
  readonly origin?: string | undefined
  /** Default `false`. */
  readonly compress?: boolean | Compression | undefined
  /** Bytes of one message, decompressed (aiohttp: `max_msg_size`). Default 4 MiB; `Infinity` is off. */
  readonly maxMessageSize?: number | undefined
  /** Pings in this rhythm; without any byte for half of it after a ping the socket is lost. Default off. */
  readonly heartbeat?: Duration.DurationInput | undefined
  /** Answers pings itself; `false` hands them out. Default `true`. */
  readonly autoPing?: boolean | undefined
  /** Answers a close itself. Default `true`. */
  readonly autoClose?: boolean | undefined
  /** Of one `receive`; the socket stays open. Default off. */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** For the peer's answer to a close. Default "10 seconds". */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/** A message; Ping and Pong only with `autoPing: false`. */
export type Message =
  | { readonly _tag: "Text"; readonly data: string }
  | { readonly _tag: "Binary"; readonly data: Uint8Array }
  | { readonly _tag: "Ping"; readonly data: Uint8Array }
  | { readonly _tag: "Pong"; readonly data: Uint8Array }

export declare const TypeId: TypeId
export type TypeId = "~effect-http-session/WebSocket"

/** An open WebSocket. The end of its Scope performs the closing handshake, at most for `closeTimeout`. */
export interface WebSocket {
  readonly [TypeId]: TypeId
  /** The 101. */
  readonly response: ResponseHead
  /** The protocol that the server has chosen. */
  readonly protocol: Option.Option<string>
  /** Text or bytes; waits while the socket does not accept more. */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** Text, by `JSON.stringify`; a value that has no JSON is a defect. */
  readonly sendJson: (value: unknown) => Effect.Effect<void, WebSocketError>
  readonly ping: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  readonly pong: (data?: string | Uint8Array) => Effect.Effect<void, WebSocketError>
  /** The next message; fails with reason "Closed" when there is none to come. Each message goes to one taker. */
  readonly receive: Effect.Effect<Message, WebSocketError>
  /** The next text message as JSON. */
  readonly receiveJson: <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: ParseOptions
  ) => Effect.Effect<A, WebSocketError | JsonDecodeError | ParseError, R>
  /** Messages until a clean close (1000, 1001); the peer is read no faster than they are taken. */
  readonly messages: Stream.Stream<Message, WebSocketError>
  /** Closes: code 1000 by default; waits for the answer. `false` where it was closed before. */
  readonly close: (code?: number, reason?: string) => Effect.Effect<boolean>
  readonly closeCode: Effect.Effect<Option.Option<number>>
}

export declare const isText: (message: Message) => message is Extract<Message, { readonly _tag: "Text" }>
export declare const isBinary: (message: Message) => message is Extract<Message, { readonly _tag: "Binary" }>

/** The open WebSocket as a Socket of @effect/platform, to be run once. */
export declare const toSocket: (self: WebSocket) => Socket.Socket

/** A Socket that opens a WebSocket each time it is run, for what reconnects by itself, such as RPC. */
export declare const makeSocket: (
  url: UrlInput,
  options?: WebSocketOptions
) => Effect.Effect<Socket.Socket, never, Session>
