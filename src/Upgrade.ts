/**
 * Upgrades a connection of the session to a protocol other than WebSocket (RFC 9110 section 7.8), for example to the
 * raw streams of `docker exec` and `docker attach`, of Podman and Kubernetes, or of databases and queues behind a
 * gateway.
 *
 * The handshake is a request of the session, with the same cookies, credentials, proxies, TLS settings and middlewares.
 * The connection counts against the pool's limits until it closes, and is not reused.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Session } from "effect-http-session"
 *
 * export const attach = Effect.gen(function* () {
 *   const upgraded = yield* Session.upgrade("http://localhost/exec/4f6a/start", {
 *     protocol: "tcp",
 *     method: "POST",
 *     json: { Detach: false, Tty: true }
 *   })
 *   yield* upgraded.send("uptime\n")
 *   yield* upgraded.end
 *   return yield* upgraded.incoming.pipe(Stream.decodeText(), Stream.mkString)
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { HandshakeOptions, Method, RequestOptions } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { UpgradeError } from "./Errors.js"
import * as upgraded from "./internal/webSocket/upgraded.js"

/**
 * Options of one upgrade. `timeout` applies to the handshake. The client sets the headers Connection and Upgrade. An
 * invalid option fails with `InvalidRequest`.
 *
 * @since 0.1.0
 * @category options
 */
export interface UpgradeOptions extends HandshakeOptions, Pick<RequestOptions, "json" | "text"> {
  /** The protocol to offer in the Upgrade header, such as "tcp" or "SPDY/3.1", or several in order of preference. */
  readonly protocol: string | ReadonlyArray<string>
  /** The method of the handshake. Default "GET". */
  readonly method?: Method | undefined
  /** The body of the request, as bytes. Streams are rejected, because the whole request must precede the upgrade. */
  readonly data?: Uint8Array | undefined
  /** How long `incoming` waits for a chunk before it fails; the connection stays open. Default off. */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** How long the client waits to deliver pending bytes when it closes the connection. Default "10 seconds". */
  readonly closeTimeout?: Duration.DurationInput | undefined
}

/**
 * The type id of `Upgraded`.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = upgraded.TypeId

/**
 * The type id of `Upgraded`.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/Upgrade"

/**
 * An upgraded connection: bytes in both directions. It closes with its Scope. When its session closes, the client ends
 * its side, and the peer has the connector's `gracefulShutdownTimeout` to finish before the client destroys the socket.
 *
 * The `reason` of an `UpgradeError` is "Broken" if the connection broke, "Closed" if the program closed it, and "Timeout"
 * if `receiveTimeout` expired, which leaves the connection open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Upgraded {
  readonly [TypeId]: TypeId
  /** The head of the 101 response. */
  readonly response: ResponseHead
  /** The protocol of the server's Upgrade header. */
  readonly protocol: string
  /**
   * The bytes that arrive, until the peer ends its side. The client stops reading from the socket while 256 KiB are
   * unread. Only one fiber may run the stream at a time; the next run continues after the last chunk.
   */
  readonly incoming: Stream.Stream<Uint8Array, UpgradeError>
  /**
   * Sends bytes, or text as UTF-8, and waits until the operating system accepts them. An interruption only ends the
   * wait: the data is still sent.
   */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, UpgradeError>
  /** A sink that sends its input. It does not end the client's side of the connection; use `end` for that. */
  readonly outgoing: Sink.Sink<void, string | Uint8Array, never, UpgradeError>
  /**
   * Ends the client's side of the connection after all sent bytes, like the end of standard input. The peer may
   * continue to send. Idempotent.
   */
  readonly end: Effect.Effect<void>
  /** Closes the connection, and waits at most `closeTimeout` for the socket to close. Idempotent. */
  readonly close: Effect.Effect<void>
}
