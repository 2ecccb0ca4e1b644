/**
 * Signals emitted during a request, as callbacks or as a stream. Spans, metrics and `timings` cover the same events.
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
 * The fields that all signals share. Signals are plain data and may be kept; URLs and headers in them are redacted.
 *
 * @since 0.1.0
 * @category models
 */
export interface SignalBase {
  /** In monotonic milliseconds. */
  readonly time: number
  readonly sessionId: string
  /** Constant for a request; `undefined` for signals that do not belong to a request. */
  readonly requestId: number | undefined
  /** Counted from 1, over everything that was sent for the request. */
  readonly attempt: number
  /** Redirects followed so far. */
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
 * A request starts. Its headers are those given, without automatic ones.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestStart extends RequestSignal {
  readonly _tag: "RequestStart"
  readonly headers: Headers.Headers
}
/**
 * The request head is about to be written.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestHeadersSent extends RequestSignal {
  readonly _tag: "RequestHeadersSent"
  readonly headers: Headers.Headers
}
/**
 * A chunk of the request body is about to be written; not yet compressed.
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
 * A chunk of the response body was delivered, decoded. Follows `RequestEnd`.
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
 * A redirect arrived; method and URL are those before it.
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
 * The same request will be sent again.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestRetry extends RequestSignal {
  readonly _tag: "RequestRetry"
  readonly reason: /** A reused connection ended before a byte of the response, or before the request was written. */
    | "StaleConnection"
    /** The same of a new connection. */
    | "Disconnected"
    /** The server has refused the request over HTTP/2 and done nothing with it. */
    | "Refused"
    /** The server wants the request over HTTP/1.1 (HTTP_1_1_REQUIRED). */
    | "Http11Required"
    /** 417 to `Expect: 100-continue`: the request goes out without it. */
    | "ExpectationFailed"
    | "Retry"
    | "Digest"
    | "TokenRefresh"
    | "Hedge"
  readonly delay: number
  /** The error of the attempt, if it failed. */
  readonly error?: ClientError | undefined
  /** The response of the attempt without secrets, if it received one. Its status and headers show the reason. */
  readonly response?: ResponseHead | undefined
}
/**
 * The head of the final response arrived, but not its body.
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
  /** Size as received, and after decoding. */
  readonly received: number
  readonly decoded: number
  readonly cause?: Cause<unknown> | undefined
  /** The stream of the request on an HTTP/2 connection (RFC 9113 section 5.1.1). */
  readonly streamId?: number | undefined
}
/**
 * The jar rejects a cookie that a response sets. Does not contain the value. Emitted before the `RequestRedirect` or
 * `RequestEnd` of the response, and only by jars of this package.
 *
 * @since 0.1.0
 * @category signals
 */
export interface CookieRejected extends RequestSignal {
  readonly _tag: "CookieRejected"
  /** The first 256 octets of the name; "" if the line has no name or is malformed. */
  readonly name: string
  /** The Domain attribute, otherwise the host. */
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
 * The request got a slot.
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
 * A connection is being opened. DNS, proxy and TLS signals before `ConnectionCreateEnd` belong to it.
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
 * The connection is open, including proxy and TLS.
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
  /** Addresses that failed before, with their codes. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly code: string }>
  /** What the connection speaks, by its name in ALPN (RFC 7301). */
  readonly protocol: "http/1.1" | "h2"
}
/**
 * A request uses a connection that was open: an idle one, or a stream of an HTTP/2 connection in use, whose `idle` is 0
 * (aiohttp's spelling).
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionReuseconn extends SignalBase {
  readonly _tag: "ConnectionReuseconn"
  readonly connectionId: number
  /** In milliseconds. */
  readonly idle: number
}
/**
 * The connection was returned to the pool. Over HTTP/2: the stream has ended; the connection may have others.
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
 * The connection was closed. Without `requestId` it was idle.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionClosed extends SignalBase {
  readonly _tag: "ConnectionClosed"
  readonly connectionId: number
  readonly reason:
    | "ConnectionClose"
    /** The response had a deviation that rules out reusing the connection. */
    | "Deviation"
    | "ForceClose"
    /** The server took no more requests over HTTP/2 (GOAWAY). */
    | "GoAway"
    | "IdleTimeout"
    | "PeerClosed"
    /** The server did not answer a PING of HTTP/2 in time. */
    | "PingTimeout"
    /** It had reached `maxConnectionAge`, `clearDnsCache` retired it, or the server requires HTTP/1.1. */
    | "Retired"
    /** Its stream ids were used up, or too many of its streams were reset in a row (HTTP/2). */
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
 * The resolver was called.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsResolveHostStart extends SignalBase {
  readonly _tag: "DnsResolveHostStart"
  readonly host: string
}
/**
 * The resolver answered.
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
 * The addresses were cached, or (`coalesced`) another request is already looking them up.
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
 * The addresses were not cached.
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
  /** Whether the peer is the proxy. */
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
 * A CONNECT or SOCKS request was sent to a proxy.
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
 * `count` signals were dropped since this reader's previous one, because the reader is too slow. Only in `signals`
 * streams.
 *
 * @since 0.1.0
 * @category signals
 */
export interface SignalsLost extends SignalBase {
  readonly _tag: "SignalsLost"
  readonly count: number
}

/**
 * Every signal. They are emitted in aiohttp's order; docs/tracing.md has a diagram.
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
 * A body that is being transferred.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transfer {
  readonly requestId: number
  readonly method: string
  /** Redacted, like the URLs of signals. */
  readonly url: string
  readonly direction: "upload" | "download"
  /** Bytes so far: of an upload before `compress`, of a download after decoding. */
  readonly transferred: number
  /** Number of all bytes, if known: of a download if it has a Content-Length and no Content-Encoding. */
  readonly total: Option<number>
}

/**
 * A snapshot of what a session does, counted from the start of `session.activity`. Requests that started before are not
 * counted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Activity {
  /** Milliseconds since the stream started. */
  readonly elapsed: number
  /** Requests that wait for their final head, and responses whose body has not ended. WebSockets are not counted. */
  readonly active: number
  /** Final responses, of any status. */
  readonly answered: number
  /** Requests that failed or were interrupted before their final head, and bodies that broke. */
  readonly failed: number
  /** Requests that were sent again, for any reason of `RequestRetry`. */
  readonly retries: number
  readonly redirects: number
  /** Bytes of request bodies, before `compress`. */
  readonly sent: number
  /** Bytes of response bodies that were read, after decoding. */
  readonly received: number
  /** Bytes per second, over the last three seconds. */
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
 * Edits the headers of a request that is about to start.
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
 * in the request's fiber, in order, and the request waits for them; one that dies fails its own request. Signals that
 * do not belong to a request, such as the close of an idle connection, only appear in streams. `onRequestStart` can
 * edit the headers.
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
 * Creates listeners for the option `traceConfigs` of a session. `ctx` (aiohttp: `trace_config_ctx_factory`) is called
 * once per request with its `traceRequestCtx`; all listeners of the request receive the result. Write `ctx` first, so
 * that the listeners' types can be inferred from it.
 *
 * Each listener is an effect that the request waits for. A signal passes through all configs in order. A listener that
 * dies fails its request with the defect, and everything is released. Listeners put requests on a slower path;
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
 * `dns.lookup.duration`. Cardinality is bounded: after a thousand servers, the address of further ones is "_OTHER".
 * Requests stay on their fast path.
 *
 * @since 0.1.0
 * @category constructors
 */
export const metrics = (options?: {
  /** Whether to record all metrics, not just durations and active requests. Default `false`. */
  readonly all?: boolean | undefined
}): TraceConfig => new Config(new Map(), () => undefined, makeMetrics(options?.all === true))

/**
 * How a session makes spans: one of kind "client" per attempt, by OpenTelemetry's conventions, if Effect's tracer is
 * enabled and either is not the native one or there is a parent span.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanOptions {
  /** Request headers to record, by name. Default none. */
  readonly requestHeaders?: ReadonlyArray<string> | undefined
  readonly responseHeaders?: ReadonlyArray<string> | undefined
  /** Query parameters to redact, in addition to those with secret names (see SECURITY.md). */
  readonly redactedParams?: ReadonlyArray<string> | undefined
  /** Records phases as child spans. Default `false`: as events. */
  readonly phases?: boolean | undefined
}

/**
 * Returns the signals of all requests made inside `self`, in any session, together with its value. Signals are not
 * dropped, and bodies are kept in memory, so use it for few requests. Excludes signals that do not belong to a request.
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
 * Draws the phases of requests as text: a line per attempt with a bar per phase, on a common scale. `width` is in
 * columns, 80 by default.
 *
 * @since 0.1.0
 * @category combinators
 */
export const waterfall = (signals: Iterable<Signal>, options?: { readonly width?: number | undefined }): string =>
  draw(signals, options?.width ?? 80)

/**
 * Draws requests as a page of HTML: all attempts on one time axis with a coloured bar per phase, connections and their
 * reuse, retries, redirects and failures. Pointing at a row shows its details, and a click shows its headers. The file
 * needs neither scripts nor a network, and follows the light or dark setting of the reader.
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
