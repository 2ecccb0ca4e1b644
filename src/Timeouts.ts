/**
 * Time limits of a request, and the names of its phases.
 *
 * | limit | phases | error when it expires |
 * |---|---|---|
 * | `total` | all | `TotalTimeoutError` |
 * | `connect`, `poolWait`, `dns`, `socketConnect`, `proxy`, `tls` | queue, dns, connect, proxy, tls | `ConnectionTimeoutError` |
 * | `send`, `headers`, `body` | send, headers, body | `SocketTimeoutError` |
 *
 * Numbers are milliseconds; aiohttp uses seconds. Time is measured on the Clock of the requesting fiber, so a TestClock
 * drives every limit.
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
 * A phase of a request. Errors, `timings`, spans and the waterfall all use these names.
 *
 * @since 0.1.0
 * @category models
 */
export type Phase = "queue" | "dns" | "connect" | "proxy" | "tls" | "send" | "headers" | "body"

/**
 * Time limits of a request (aiohttp: `ClientTimeout`). Numbers are milliseconds; `Infinity` turns a limit off. A
 * request's limits replace the session's one by one. If `total` is off, `connect`, `send`, `headers` and `body` default
 * to "5 minutes", so that every wait is bounded unless it was explicitly unbounded.
 *
 * The default `total` ends with the first read of a streamed body (`stream`, `lines`, `events`, `toFile`,
 * `Multipart.parts`), and `body` defaults to "5 minutes" from then on, so that a long download is not cut off. A
 * `total` that is set, even to "5 minutes", bounds streams too.
 *
 * @since 0.1.0
 * @category options
 */
export interface Timeouts {
  /**
   * The whole request, from the call to the end of the body, including redirects and retries. Default "5 minutes",
   * which covers collected bodies; a streamed body is bounded by `body` instead. For a WebSocket only the handshake is
   * bounded.
   */
  readonly total?: Duration.DurationInput | undefined
  /** Getting a connection: phases queue, dns, connect, proxy and tls. */
  readonly connect?: Duration.DurationInput | undefined
  /** Waiting for a slot of the pool: phase queue. Default off. */
  readonly poolWait?: Duration.DurationInput | undefined
  /** One name lookup: phase dns. Default off. */
  readonly dns?: Duration.DurationInput | undefined
  /** The TCP connect to one address (aiohttp: `sock_connect`): phase connect. Default "30 seconds". */
  readonly socketConnect?: Duration.DurationInput | undefined
  /** The CONNECT or SOCKS exchange: phase proxy. Default off. */
  readonly proxy?: Duration.DurationInput | undefined
  /** One TLS handshake: phase tls. Default off. */
  readonly tls?: Duration.DurationInput | undefined
  /** Time between two writes that the socket accepts: phase send. */
  readonly send?: Duration.DurationInput | undefined
  /** From the end of the request to the end of the response head (aiohttp: `sock_read`). */
  readonly headers?: Duration.DurationInput | undefined
  /**
   * Time between two chunks of the response body (aiohttp: `sock_read`). Off by default while the default `total`
   * applies; "5 minutes" for streamed bodies without a `total`, and if `total` is off.
   */
  readonly body?: Duration.DurationInput | undefined
}

/**
 * The name of a limit.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = keyof Timeouts

/**
 * The value of a `timeout` option: limits by name, or a single duration, which means `total`.
 *
 * @since 0.1.0
 * @category options
 */
export type Input = Duration.DurationInput | Timeouts

/**
 * The default limits: 5 minutes in total, or 5 minutes between two chunks of a streamed body, and 30 seconds for the
 * TCP connect to one address (aiohttp: `DEFAULT_TIMEOUT`). Infinite limits are off.
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
