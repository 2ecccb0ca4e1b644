/**
 * Other protocols than HTTP and WebSocket on a connection of the session (RFC 9110, section 7.8): the raw streams of
 * `docker exec` and `docker attach`, of Podman and Kubernetes, of databases and queues behind a gateway.
 *
 * The request of the handshake is one of the session: its cookies, credentials, proxies, TLS settings and middlewares
 * hold. The connection counts against the pool's limits until it closes, and never goes back to it.
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
import type { Method, RequestOptions } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { UpgradeError } from "./Errors.js"
import * as upgraded from "./internal/webSocket/upgraded.js"

/**
 * Options of one upgrade. `timeout` is for the handshake; the headers Connection and Upgrade are written here. An option
 * that cannot be right is an `InvalidRequest`.
 *
 * @since 0.1.0
 * @category options
 */
export interface UpgradeOptions
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
    | "json"
    | "text"
  > {
  /** The value of Upgrade: a protocol such as "tcp" or "SPDY/3.1", or some in order of preference. */
  readonly protocol: string | ReadonlyArray<string>
  /** Default "GET". */
  readonly method?: Method | undefined
  /** The body of the request, as bytes; streams are refused, for the connection changes hands after the request. */
  readonly data?: Uint8Array | undefined
  /** Between two chunks of `incoming`, which then fails; the connection stays open. Default off. */
  readonly receiveTimeout?: Duration.DurationInput | undefined
  /** For bytes that are on their way when the connection is closed from here. Default "10 seconds". */
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
 * An upgraded connection: bytes in both directions. The end of its Scope closes it. When its session closes, this side
 * ends and the peer has the connector's `gracefulShutdownTimeout` to finish; then the socket is cut.
 *
 * `UpgradeError` tells by its `reason` how it ended: "Broken" where the connection broke, "Closed" where it was closed
 * from here; "Timeout" is `receiveTimeout`, and ends nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Upgraded {
  readonly [TypeId]: TypeId
  /** The 101. */
  readonly response: ResponseHead
  /** The protocol that the server has changed to, as its Upgrade header has it. */
  readonly protocol: string
  /**
   * Bytes until the peer ends its side. The peer is read no faster than they are taken: at most 256 KiB wait. To be run
   * by one fiber at a time; run again, it goes on where it was left.
   */
  readonly incoming: Stream.Stream<Uint8Array, UpgradeError>
  /**
   * Bytes, or text as UTF-8; waits while the connection does not accept more. Interrupted, it stops waiting: what was
   * begun is sent.
   */
  readonly send: (data: string | Uint8Array) => Effect.Effect<void, UpgradeError>
  /** A sink that sends all that it gets. It does not end this side: `end` does. */
  readonly outgoing: Sink.Sink<void, string | Uint8Array, never, UpgradeError>
  /** Ends this side after all that was sent, as the end of standard input. The peer may go on. Idempotent. */
  readonly end: Effect.Effect<void>
  /** Closes both sides, and waits for the socket to close, at most for `closeTimeout`. Idempotent. */
  readonly close: Effect.Effect<void>
}
