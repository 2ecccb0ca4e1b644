/**
 * Time limits of a request, and the names of its phases.
 *
 * | limit | phases | where it runs out |
 * |---|---|---|
 * | `total` | all | `TotalTimeoutError` |
 * | `connect`, `poolWait`, `dns`, `socketConnect`, `proxy`, `tls` | queue, dns, connect, proxy, tls | `ConnectionTimeoutError` |
 * | `send`, `headers`, `body` | send, headers, body | `SocketTimeoutError` |
 *
 * Numbers are milliseconds, where aiohttp's are seconds. Time is the Clock of the fiber that asks, so a TestClock drives
 * every limit.
 *
 * ```ts
 * import { ClientResponse, Session, type Timeouts } from "effect-http-session"
 *
 * const patient: Timeouts.Timeouts = { total: "10 minutes", connect: "5 seconds", body: "30 seconds" }
 *
 * export const report = Session.get("https://example.com/report", { timeout: patient }).pipe(ClientResponse.text)
 * export const ping = Session.get("https://example.com/ping", { timeout: "2 seconds" }).pipe(ClientResponse.text)
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

/**
 * What a request was doing: the one vocabulary of errors, `timings`, spans and the waterfall.
 *
 * @since 0.1.0
 * @category models
 */
export type Phase = "queue" | "dns" | "connect" | "proxy" | "tls" | "send" | "headers" | "body"

/**
 * Limits of a request (aiohttp: `ClientTimeout`). A number is milliseconds, `Infinity` is off. A request's fields
 * replace the session's one by one. Where `total` is off and they are not given, `connect`, `send`, `headers` and
 * `body` are "5 minutes": a wait has no bound only where none was asked for. The same holds for `body` while a body is
 * streamed (`stream`, `lines`, `events`, `toFile`, `Multipart.parts`) and `total` is not given: the default total ends with
 * the first read of the stream. A `total` that is given, also of 5 minutes, bounds streams too.
 *
 * @since 0.1.0
 * @category options
 */
export interface Timeouts {
  /**
   * Everything, from the call to the end of the body, redirects and retries included. Default "5 minutes", which bounds
   * the way to the head and bodies that are collected. A streamed body is bounded by `body` then. The connection of a
   * WebSocket is never bounded by it, only its handshake.
   */
  readonly total?: Duration.DurationInput | undefined
  /** From the queue to a ready connection: phases queue, dns, connect, proxy and tls. */
  readonly connect?: Duration.DurationInput | undefined
  /** Waiting for a slot of the pool: phase queue. Default off. */
  readonly poolWait?: Duration.DurationInput | undefined
  /** One name lookup: phase dns. Default off. */
  readonly dns?: Duration.DurationInput | undefined
  /** The TCP connect of one address (aiohttp: `sock_connect`): phase connect. Default "30 seconds". */
  readonly socketConnect?: Duration.DurationInput | undefined
  /** The CONNECT or SOCKS exchange: phase proxy. Default off. */
  readonly proxy?: Duration.DurationInput | undefined
  /** One TLS handshake: phase tls. Default off. */
  readonly tls?: Duration.DurationInput | undefined
  /** Between two writes that the socket accepts: phase send. */
  readonly send?: Duration.DurationInput | undefined
  /** From the end of the request to the end of the response's head (aiohttp: `sock_read`). */
  readonly headers?: Duration.DurationInput | undefined
  /**
   * Between two chunks of the response's body (aiohttp: `sock_read`). Default off while the default `total` covers it,
   * "5 minutes" for streamed bodies without a `total` and where `total` is off.
   */
  readonly body?: Duration.DurationInput | undefined
}

/**
 * The name of one limit.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = keyof Timeouts

/**
 * What the `timeout` options take: limits by name, or one duration, which is `total`.
 *
 * @since 0.1.0
 * @category options
 */
export type Input = Duration.DurationInput | Timeouts

/**
 * The limits in force where nothing is said: 5 minutes in all (streamed bodies: 5 minutes of silence), 30 seconds for the
 * TCP connect of one address (aiohttp: `DEFAULT_TIMEOUT`). An infinite one is off.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults: { readonly [K in Name]: Duration.Duration } = {
  total: Duration.minutes(5),
  connect: Duration.infinity,
  poolWait: Duration.infinity,
  dns: Duration.infinity,
  socketConnect: Duration.seconds(30),
  proxy: Duration.infinity,
  tls: Duration.infinity,
  send: Duration.infinity,
  headers: Duration.infinity,
  body: Duration.infinity
}
