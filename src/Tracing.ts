/**
 * Signals about the progress of requests, for listeners or as a stream. Spans, metrics and `timings` cover the same
 * events.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type { Cause } from "effect/Cause"
import type { DurationInput } from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Option } from "effect/Option"
import type { HeaderValue } from "./ClientRequest.js"
import type { Deviation, ResponseHead } from "./ClientResponse.js"
import type { Counts } from "./Connector.js"
import type { CookieRejection } from "./CookieJar.js"
import type { ClientError } from "./Errors.js"
import { collectInto } from "./internal/tracing/collecting.js"
import { makeMetrics } from "./internal/tracing/metrics.js"
import { Config, type Listener, typeId } from "./internal/tracing/traceConfig.js"
import { draw } from "./internal/tracing/waterfall.js"
import { drawHtml } from "./internal/tracing/waterfallHtml.js"
import { drawSvg } from "./internal/tracing/waterfallSvg.js"
import type { Address } from "./Resolver.js"
import type { SessionService } from "./Session.js"
import type { Certificate, TlsInfo } from "./Ssl.js"

/**
 * The fields that all signals share. Signals are plain data that a program may keep; their URLs and headers are
 * redacted.
 *
 * @since 0.1.0
 * @category models
 */
export interface SignalBase {
  /** The time of the signal, in milliseconds of a monotonic clock. */
  readonly time: number
  readonly sessionId: string
  /** The number of the request; `undefined` for signals that do not belong to a request. */
  readonly requestId: number | undefined
  /** The number of the attempt, from 1; redirects, retries and resends count as attempts. */
  readonly attempt: number
  /** The number of redirects followed so far. */
  readonly hop: number
}

/**
 * The fields of signals that belong to a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestSignal extends SignalBase {
  readonly method: string
  readonly url: string
}

/**
 * A request starts. Its headers do not include automatic ones.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestStart extends RequestSignal {
  readonly _tag: "RequestStart"
  readonly headers: Headers.Headers
}
/**
 * The client is about to write the request head.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestHeadersSent extends RequestSignal {
  readonly _tag: "RequestHeadersSent"
  readonly headers: Headers.Headers
}
/**
 * The client is about to write a chunk of the request body; the signal contains the chunk before compression.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestChunkSent extends RequestSignal {
  readonly _tag: "RequestChunkSent"
  readonly chunk: Uint8Array
  readonly transferred: number
  readonly total?: number | undefined
}
/**
 * The program received a decoded chunk of the response body. Emitted after `RequestEnd`.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ResponseChunkReceived extends RequestSignal {
  readonly _tag: "ResponseChunkReceived"
  readonly chunk: Uint8Array
  readonly transferred: number
  readonly total?: number | undefined
}
/**
 * A 1xx response other than 101 arrived.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ResponseInformational extends RequestSignal {
  readonly _tag: "ResponseInformational"
  readonly status: number
  readonly headers: Headers.Headers
}
/**
 * A redirect arrived. Method and URL are those of the redirected request.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestRedirect extends RequestSignal {
  readonly _tag: "RequestRedirect"
  readonly response: ResponseHead
  readonly location: string
}
/**
 * The client is about to send the same request again.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestRetry extends RequestSignal {
  readonly _tag: "RequestRetry"
  readonly reason: /** A reused connection ended before a byte of the response, or before the request was written. */
    | "StaleConnection"
    /** A new connection ended in the same way. */
    | "Disconnected"
    /** The server refused the request over HTTP/2 without processing it. */
    | "Refused"
    /** The server requires HTTP/1.1 for the request (HTTP_1_1_REQUIRED). */
    | "Http11Required"
    /** The server answered 417 to `Expect: 100-continue`; the request is sent without this header. */
    | "ExpectationFailed"
    | "Retry"
    | "Digest"
    | "TokenRefresh"
    | "Hedge"
  readonly delay: number
  /** The error of the attempt, if it failed. */
  readonly error?: ClientError | undefined
  /** The response of the attempt, if there was one, without secrets. Its status and headers show the reason. */
  readonly response?: ResponseHead | undefined
}
/**
 * The head of the final response arrived. The body follows.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestEnd extends RequestSignal {
  readonly _tag: "RequestEnd"
  readonly response: ResponseHead
}
/**
 * The request failed, died or was interrupted before its final head.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestException extends RequestSignal {
  readonly _tag: "RequestException"
  readonly cause: Cause<unknown>
}
/**
 * The body ended, successfully or not.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ResponseEnd extends RequestSignal {
  readonly _tag: "ResponseEnd"
  /** The size of the body in bytes, as received and after decoding. */
  readonly received: number
  readonly decoded: number
  readonly cause?: Cause<unknown> | undefined
  /** The stream of the request on an HTTP/2 connection (RFC 9113 section 5.1.1). */
  readonly streamId?: number | undefined
}
/**
 * The jar rejected a cookie of a response. The signal does not contain the value. It is emitted before the
 * `RequestRedirect` or `RequestEnd` of the response, and only for jars of this package.
 *
 * @since 0.1.0
 * @category signals
 */
export interface CookieRejected extends RequestSignal {
  readonly _tag: "CookieRejected"
  /** The first 256 octets of the name; "" if the line has no name or is malformed. */
  readonly name: string
  /** The Domain attribute of the cookie, or the host if it has none. */
  readonly domain: string
  readonly reason: CookieRejection
}

/**
 * The request waits for a slot of the pool.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionQueuedStart extends SignalBase {
  readonly _tag: "ConnectionQueuedStart"
  readonly host: string
  readonly port: number
  readonly waiting: number
}
/**
 * The request received a slot of the pool.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionQueuedEnd extends SignalBase {
  readonly _tag: "ConnectionQueuedEnd"
  readonly host: string
  readonly port: number
}
/**
 * The connector starts to open a connection. DNS, proxy and TLS signals until `ConnectionCreateEnd` belong to it.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionCreateStart extends SignalBase {
  readonly _tag: "ConnectionCreateStart"
  readonly host: string
  readonly port: number
}
/**
 * The connection is open; the proxy tunnel and the TLS handshake are complete.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionCreateEnd extends SignalBase {
  readonly _tag: "ConnectionCreateEnd"
  readonly host: string
  readonly port: number
  readonly connectionId: number
  readonly remoteAddress: string
  /** The addresses that failed before this one, with their error codes. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly code: string }>
  /** The protocol of the connection, by its name in ALPN (RFC 7301). */
  readonly protocol: "http/1.1" | "h2"
}
/**
 * A request uses an open connection: an idle one, or a new stream of an HTTP/2 connection in use, for which `idle` is
 * 0. The name has aiohttp's spelling.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionReuseconn extends SignalBase {
  readonly _tag: "ConnectionReuseconn"
  readonly connectionId: number
  /** How long the connection was idle, in milliseconds. */
  readonly idle: number
}
/**
 * The request returned its connection to the pool. Over HTTP/2 its stream ended; the connection may have other streams.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionReleased extends SignalBase {
  readonly _tag: "ConnectionReleased"
  readonly connectionId: number
  /** The deviations tolerated in the response; normally empty. */
  readonly deviations: ReadonlyArray<Deviation>
}
/**
 * The connection was closed. It was idle if the signal has no `requestId`.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionClosed extends SignalBase {
  readonly _tag: "ConnectionClosed"
  readonly connectionId: number
  readonly reason:
    | "ConnectionClose"
    /** The response deviated from HTTP so that the connection cannot be reused. */
    | "Deviation"
    | "ForceClose"
    /** The server accepted no more requests over HTTP/2 (GOAWAY). */
    | "GoAway"
    | "IdleTimeout"
    | "PeerClosed"
    /** The server did not answer a PING of HTTP/2 in time. */
    | "PingTimeout"
    /** The connection had reached `maxConnectionAge`, `clearDnsCache` retired it, or the server requires HTTP/1.1. */
    | "Retired"
    /** The connection had no more HTTP/2 stream identifiers, or too many of its streams were reset in a row. */
    | "StreamIds"
    | "UnreadBody"
    | "Unsolicited"
    | "Upgraded"
    | "Error"
    | "Interrupted"
    | "Shutdown"
  readonly requests: number
  /** The deviations tolerated in the last response; normally empty. */
  readonly deviations: ReadonlyArray<Deviation>
}

/**
 * The connector called the resolver.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsResolveHostStart extends SignalBase {
  readonly _tag: "DnsResolveHostStart"
  readonly host: string
}
/**
 * The resolver returned its addresses.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsResolveHostEnd extends SignalBase {
  readonly _tag: "DnsResolveHostEnd"
  readonly host: string
  readonly addresses: ReadonlyArray<Address>
}
/**
 * The cache had the addresses. If `coalesced`, the request instead joined the lookup of another request.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsCacheHit extends SignalBase {
  readonly _tag: "DnsCacheHit"
  readonly host: string
  readonly coalesced: boolean
}
/**
 * The cache did not have the addresses.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsCacheMiss extends SignalBase {
  readonly _tag: "DnsCacheMiss"
  readonly host: string
}

/**
 * A TLS handshake started.
 *
 * @since 0.1.0
 * @category signals
 */
export interface TlsHandshakeStart extends SignalBase {
  readonly _tag: "TlsHandshakeStart"
  readonly host: string
  /** Whether the handshake is with the proxy. */
  readonly proxy: boolean
}
/**
 * The handshake is complete and the peer is verified.
 *
 * @since 0.1.0
 * @category signals
 */
export interface TlsHandshakeEnd extends SignalBase {
  readonly _tag: "TlsHandshakeEnd"
  readonly host: string
  readonly proxy: boolean
  readonly tls: TlsInfo
}
/**
 * The certificate of the peer expires within the connector's `certificateWarning`.
 *
 * @since 0.1.0
 * @category signals
 */
export interface TlsCertificateExpiring extends SignalBase {
  readonly _tag: "TlsCertificateExpiring"
  readonly host: string
  readonly certificate: Certificate
}
/**
 * The client sent a CONNECT or SOCKS request to a proxy.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ProxyConnectStart extends SignalBase {
  readonly _tag: "ProxyConnectStart"
  readonly proxy: string
}
/**
 * The proxy accepted the request.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ProxyConnectEnd extends SignalBase {
  readonly _tag: "ProxyConnectEnd"
  readonly proxy: string
}

/**
 * The reader of a `signals` stream was too slow, so that `count` signals were dropped since its previous one. Listeners
 * do not receive this signal.
 *
 * @since 0.1.0
 * @category signals
 */
export interface SignalsLost extends SignalBase {
  readonly _tag: "SignalsLost"
  readonly count: number
}

/**
 * Any signal. Signals are emitted in aiohttp's order; docs/tracing.md has a diagram.
 *
 * @since 0.1.0
 * @category models
 */
export type Signal =
  | RequestStart
  | RequestHeadersSent
  | RequestChunkSent
  | ResponseChunkReceived
  | ResponseInformational
  | RequestRedirect
  | RequestRetry
  | RequestEnd
  | RequestException
  | ResponseEnd
  | CookieRejected
  | ConnectionQueuedStart
  | ConnectionQueuedEnd
  | ConnectionCreateStart
  | ConnectionCreateEnd
  | ConnectionReuseconn
  | ConnectionReleased
  | ConnectionClosed
  | DnsResolveHostStart
  | DnsResolveHostEnd
  | DnsCacheHit
  | DnsCacheMiss
  | TlsHandshakeStart
  | TlsHandshakeEnd
  | TlsCertificateExpiring
  | ProxyConnectStart
  | ProxyConnectEnd
  | SignalsLost

/**
 * A body in transfer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transfer {
  readonly requestId: number
  readonly method: string
  /** The URL of the request, redacted like the URLs of signals. */
  readonly url: string
  readonly direction: "upload" | "download"
  /** Bytes transferred so far: for an upload before `compress`, for a download after decoding. */
  readonly transferred: number
  /** Bytes in total, if known. The total of a download is known if it has a Content-Length and no Content-Encoding. */
  readonly total: Option<number>
}

/**
 * A snapshot of the requests of a session. It counts requests that started after `session.activity`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Activity {
  /** Milliseconds since the stream started. */
  readonly elapsed: number
  /** Requests in flight, until the body of their response ends. WebSockets do not count. */
  readonly active: number
  /** Final responses, of any status. */
  readonly answered: number
  /** Requests that failed or were interrupted before their final head, and bodies that failed. */
  readonly failed: number
  /** Repeated attempts, for any reason of `RequestRetry`. */
  readonly retries: number
  readonly redirects: number
  /** Bytes of request bodies, before `compress`. */
  readonly sent: number
  /** Bytes of response bodies that were read, after decoding. */
  readonly received: number
  /** Bytes of request bodies per second, averaged over the last three seconds. */
  readonly sentPerSecond: number
  readonly receivedPerSecond: number
  /** Connections of the session's connector, and requests that wait for one. */
  readonly connections: Counts
  /** Bodies in transfer: uploads from their first chunk to the response, downloads from their first chunk to the end. */
  readonly transfers: ReadonlyArray<Transfer>
}

/**
 * Options of `session.activity`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ActivityOptions {
  /** Time between two snapshots. Default "200 millis". */
  readonly interval?: DurationInput | undefined
}

/**
 * Edits the headers of a request before it is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface HeaderEditor {
  readonly set: (name: string, value: HeaderValue) => Effect.Effect<void>
  readonly remove: (name: string) => Effect.Effect<void>
}

/**
 * A listener for each signal except `SignalsLost`: `onRequestStart`, `onConnectionCreateEnd` and so on. Listeners run
 * in the fiber of the request, in order, and the request waits for them. A defect of a listener fails its request.
 * Signals that do not belong to a request, such as the close of an idle connection, appear only in streams.
 * `onRequestStart` can edit the headers.
 *
 * @since 0.1.0
 * @category models
 */
export type Listeners<Ctx> = {
  readonly [S in Exclude<Signal, RequestStart | SignalsLost> as `on${S["_tag"]}`]?:
    | ((session: SessionService, ctx: Ctx, signal: S) => Effect.Effect<void>)
    | undefined
} & {
  readonly onRequestStart?:
    | ((session: SessionService, ctx: Ctx, signal: RequestStart, headers: HeaderEditor) => Effect.Effect<void>)
    | undefined
}

/**
 * The listener context of a config without `ctx`.
 *
 * @since 0.1.0
 * @category models
 */
export interface DefaultContext {
  readonly traceRequestCtx: unknown
}

/**
 * Marks a trace config.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = typeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = "~effect-http-session/Tracing/TraceConfig"

/**
 * Listeners with a shared context (aiohttp: `TraceConfig`), or `metrics`. Any number of sessions can use the same
 * config.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceConfig {
  readonly [TypeId]: TypeId
}

/**
 * Creates a trace config for the option `traceConfigs` of a session. `ctx` (aiohttp: `trace_config_ctx_factory`) is
 * called once per request with its `traceRequestCtx`, and all listeners of the request receive the result. Write `ctx`
 * before the listeners, so that TypeScript infers their types from it.
 *
 * The request waits for the effect of each listener; all configs receive a signal in order. If a listener dies, its
 * request fails with the defect and releases everything. Listeners put requests on a slower path through the client;
 * `metrics`, streams and spans do not.
 *
 * **Example** (How long requests take)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Session, Tracing } from "effect-http-session"
 *
 * const elapsed = Tracing.traceConfig({
 *   ctx: () => ({ start: 0 }),
 *   onRequestStart: (_session, ctx, signal) =>
 *     Effect.sync(() => {
 *       ctx.start = signal.time
 *     }),
 *   onRequestEnd: (_session, ctx, signal) => Console.log(`Request took ${signal.time - ctx.start} ms`)
 * })
 *
 * export const Timed = Session.layer({ traceConfigs: [elapsed] })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const traceConfig: {
  <Ctx>(options: { readonly ctx: (traceRequestCtx: unknown) => Ctx } & Listeners<NoInfer<Ctx>>): TraceConfig
  (options: { readonly ctx?: undefined } & Listeners<DefaultContext>): TraceConfig
} = (options: { readonly ctx?: ((traceRequestCtx: unknown) => unknown) | undefined }): TraceConfig => {
  const listeners = new Map<string, Listener>()
  for (const [name, listener] of Object.entries(options)) {
    if (!name.startsWith("on") || listener === undefined) continue
    // The overloads determine the signal and context of each listener.
    listeners.set(name, listener as Listener)
  }
  return new Config(listeners, options.ctx ?? ((traceRequestCtx) => ({ traceRequestCtx })), undefined)
}

/**
 * Records OpenTelemetry's HTTP client metrics through effect/Metric: `http.client.request.duration` (seconds, in the
 * recommended buckets) and `http.client.active_requests`; with `all` also `http.client.open_connections` by state,
 * `http.client.connection.duration`, `http.client.request.body.size`, `http.client.response.body.size` and
 * `dns.lookup.duration`. The number of attribute values is bounded: after a thousand servers, the address of every
 * further server is "_OTHER". Unlike listeners, metrics do not put requests on a slower path.
 *
 * @since 0.1.0
 * @category constructors
 */
export const metrics = (options?: {
  /** Whether to record all metrics, not just durations and active requests. Default `false`. */
  readonly all?: boolean | undefined
}): TraceConfig => new Config(new Map(), () => undefined, makeMetrics(options?.all === true))

/**
 * How a session makes spans. Each attempt is a span of kind "client" that follows OpenTelemetry's conventions. The
 * session makes spans if tracing is enabled and the request has a parent span or the program replaces Effect's native
 * tracer.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanOptions {
  /** Names of the request headers to record. Default none. */
  readonly requestHeaders?: ReadonlyArray<string> | undefined
  readonly responseHeaders?: ReadonlyArray<string> | undefined
  /** Query parameters to redact, in addition to those with secret names (see SECURITY.md). */
  readonly redactedParams?: ReadonlyArray<string> | undefined
  /** Whether to record phases as child spans instead of events. Default `false`. */
  readonly phases?: boolean | undefined
}

/**
 * Runs `self`, and returns its value with the signals of all its requests, in any session. No signal is dropped, and
 * bodies are kept in memory: use it for few requests. Signals that do not belong to a request are not included.
 *
 * **Example** (The phases of a request, drawn)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { ClientResponse, Session, Tracing } from "effect-http-session"
 *
 * export const program = Session.get("https://example.com/").pipe(
 *   ClientResponse.text,
 *   Tracing.collect,
 *   Effect.flatMap(([, signals]) => Console.log(Tracing.waterfall(signals, { width: 80 })))
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const collect = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<readonly [value: A, signals: ReadonlyArray<Signal>], E, R> =>
  Effect.suspend(() => {
    const signals: Array<Signal> = []
    return Effect.map(
      collectInto(self, { signal: (signal) => signals.push(signal) }),
      (value) => [value, signals.slice()] as const
    )
  })

/**
 * Draws the phases of requests as text, with one line per attempt and one bar per phase, on a common scale. `width` is
 * in columns, 80 by default.
 *
 * @since 0.1.0
 * @category combinators
 */
export const waterfall = (signals: Iterable<Signal>, options?: { readonly width?: number | undefined }): string =>
  draw(signals, options?.width ?? 80)

/**
 * Draws requests as a page of HTML: all attempts on one time axis with a coloured bar per phase, connections and their
 * reuse, retries, redirects and failures. Pointing at a row shows its details, and a click shows its headers. The page
 * needs neither scripts nor a network, and follows the light or dark mode of the browser.
 *
 * Secrets are redacted as in `Har`, and every text of the signals is escaped. `title` is "Requests" by default.
 *
 * **Example** (A page about the requests of an effect)
 *
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect } from "effect"
 * import { ClientResponse, Session, Tracing } from "effect-http-session"
 *
 * export const program = Effect.gen(function* () {
 *   const [, signals] = yield* Session.get("https://example.com/").pipe(ClientResponse.text, Tracing.collect)
 *   const fs = yield* FileSystem.FileSystem
 *   yield* fs.writeFileString("waterfall.html", Tracing.waterfallHtml(signals))
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const waterfallHtml = (signals: Iterable<Signal>, options?: { readonly title?: string | undefined }): string =>
  drawHtml(signals, options?.title ?? "Requests")

/**
 * Draws one request as an SVG: each attempt with a bar and a time per phase, on one axis, with tooltips. `requestId`
 * chooses the request, by default the first; `width` is in pixels, from 400 to 4000, 800 by default. Secrets are redacted
 * and texts escaped like in `waterfallHtml`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const waterfallSvg = (
  signals: Iterable<Signal>,
  options?: { readonly requestId?: number | undefined; readonly width?: number | undefined }
): string => drawSvg(signals, options?.requestId, options?.width ?? 800)
