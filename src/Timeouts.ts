/**
 * Time limits of a request, and the names of its phases.
 *
 * | limit | phases | error when it expires |
 * |---|---|---|
 * | `total` | all | `TotalTimeoutError` |
 * | `connect`, `poolWait`, `dns`, `socketConnect`, `proxy`, `tls` | queue, dns, connect, proxy, tls | `ConnectionTimeoutError` |
 * | `send`, `headers`, `body` | send, headers, body | `SocketTimeoutError` |
 *
 * Numbers are milliseconds (aiohttp: seconds). Time is measured on the Clock of the requesting fiber, so that a
 * TestClock controls every limit.
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
 * Time limits of a request (aiohttp: `ClientTimeout`). Numbers are milliseconds; `Infinity` turns a limit off. Each
 * limit of a request replaces the same limit of the session. If `total` is off, `connect`, `send`, `headers` and `body`
 * default to "5 minutes", so that every wait is bounded unless the program turns its limit off.
 *
 * The default `total` applies until a streamed body (`stream`, `lines`, `events`, `toFile`, `Multipart.parts`) is first
 * read; from then on `body` defaults to "5 minutes". A long download is therefore not aborted. A `total` that the
 * program sets, even to "5 minutes", applies to streams too.
 *
 * @since 0.1.0
 * @category options
 */
export interface Timeouts {
  /**
   * The whole request, from the call to the end of the body, including redirects and retries. Default "5 minutes",
   * which does not apply to streamed bodies; `body` bounds those. For a WebSocket, the limit applies to the handshake
   * only.
   */
  readonly total?: Duration.DurationInput | undefined
  /** The time until there is a connection: phases queue, dns, connect, proxy and tls. */
  readonly connect?: Duration.DurationInput | undefined
  /** The wait for a slot of the pool: phase queue. Default off. */
  readonly poolWait?: Duration.DurationInput | undefined
  /** One name lookup: phase dns. Default off. */
  readonly dns?: Duration.DurationInput | undefined
  /** A TCP connection attempt to one address (aiohttp: `sock_connect`): phase connect. Default "30 seconds". */
  readonly socketConnect?: Duration.DurationInput | undefined
  /** The CONNECT or SOCKS exchange: phase proxy. Default off. */
  readonly proxy?: Duration.DurationInput | undefined
  /** One TLS handshake: phase tls. Default off. */
  readonly tls?: Duration.DurationInput | undefined
  /** The time between two writes that the socket accepts: phase send. */
  readonly send?: Duration.DurationInput | undefined
  /** The time from the end of the request to the end of the response head (aiohttp: `sock_read`): phase headers. */
  readonly headers?: Duration.DurationInput | undefined
  /**
   * The time between two chunks of the response body (aiohttp: `sock_read`): phase body. Off by default while a `total`
   * applies, else "5 minutes".
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
 * The default limits: 5 minutes in total, or for a streamed body 5 minutes between two chunks, and 30 seconds for a TCP
 * connection attempt to one address (aiohttp: `DEFAULT_TIMEOUT`). The other limits are `Infinity`, which means off.
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
