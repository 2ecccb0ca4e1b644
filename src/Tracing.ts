/**
 * What happens inside: one set of signals, seen as callbacks and as a stream. Spans, metrics and `timings` are made
 * of the same.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type { Cause } from "effect/Cause"
import * as Effect from "effect/Effect"
import type { HeaderValue } from "./ClientRequest.js"
import type { Deviation, ResponseHead } from "./ClientResponse.js"
import type { ClientError } from "./Errors.js"
import { collectInto } from "./internal/tracing/collecting.js"
import { makeMetrics } from "./internal/tracing/metrics.js"
import { Config, type Listener, typeId } from "./internal/tracing/traceConfig.js"
import { draw } from "./internal/tracing/waterfall.js"
import type { Address } from "./Resolver.js"
import type { SessionService } from "./Session.js"
import type { Certificate, TlsInfo } from "./Ssl.js"

/**
 * What every signal tells. Signals are plain data and may be kept; URLs and headers in them are redacted.
 *
 * @since 0.1.0
 * @category models
 */
export interface SignalBase {
  /** Monotonic milliseconds. */
  readonly time: number
  readonly sessionId: string
  /** The same from start to end of a request; `undefined` for what a connector does by itself. */
  readonly requestId: number | undefined
  /** From 1; counts everything that was put on the wire for the request. */
  readonly attempt: number
  /** Redirects followed so far. */
  readonly hop: number
}

/**
 * A request as its signals show it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestSignal extends SignalBase {
  readonly method: string
  readonly url: string
}

/**
 * A request begins; its headers are those given, without the automatic ones.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestStart extends RequestSignal {
  readonly _tag: "RequestStart"
  readonly headers: Headers.Headers
}
/**
 * The head is about to be written.
 *
 * @since 0.1.0
 * @category signals
 */
export interface RequestHeadersSent extends RequestSignal {
  readonly _tag: "RequestHeadersSent"
  readonly headers: Headers.Headers
}
/**
 * A chunk of the body is about to be written, before compression.
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
 * A chunk of the body has been handed out, after decoding. Comes after `RequestEnd`.
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
 * A 1xx response other than 101 has come.
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
 * A redirect has come; method and URL are still the old ones.
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
  readonly reason: "StaleConnection" | "Retry" | "Digest" | "TokenRefresh" | "Hedge"
  /** Milliseconds before the next attempt. */
  readonly delay: number
  /** What the attempt failed with, if it did. */
  readonly error?: ClientError | undefined
  /** The response of the attempt, without secrets, if it got one: its status and headers say why it is repeated. */
  readonly response?: ResponseHead | undefined
}
/**
 * The final head has come (the body has not).
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
 * The body has ended, well or not.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ResponseEnd extends RequestSignal {
  readonly _tag: "ResponseEnd"
  /** Bytes on the wire, and after decoding. */
  readonly received: number
  readonly decoded: number
  readonly cause?: Cause<unknown> | undefined
}

/**
 * Waits for a slot.
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
 * It has a slot.
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
 * A connection is opened: what follows until its end is part of that.
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
 * The connection is open, proxy and TLS included.
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
  /** Addresses that were tried before, with their codes. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly code: string }>
}
/**
 * An idle connection was taken (aiohttp's spelling).
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionReuseconn extends SignalBase {
  readonly _tag: "ConnectionReuseconn"
  readonly connectionId: number
  /** Milliseconds. */
  readonly idle: number
}
/**
 * The connection is idle again.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionReleased extends SignalBase {
  readonly _tag: "ConnectionReleased"
  readonly connectionId: number
  /** Deviations that were tolerated in the response; normally the empty list. */
  readonly deviations: ReadonlyArray<Deviation>
}
/**
 * The connection has ended. Without `requestId` it was idle.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ConnectionClosed extends SignalBase {
  readonly _tag: "ConnectionClosed"
  readonly connectionId: number
  readonly reason:
    | "ConnectionClose"
    /** The response had a deviation after which a connection is not used again. */
    | "Deviation"
    | "ForceClose"
    | "IdleTimeout"
    | "PeerClosed"
    | "UnreadBody"
    | "Unsolicited"
    | "Upgraded"
    | "Error"
    | "Interrupted"
    | "Shutdown"
  readonly requests: number
  /** Deviations that were tolerated in the response that the close follows; normally the empty list. */
  readonly deviations: ReadonlyArray<Deviation>
}

/**
 * The resolver is asked.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsResolveHostStart extends SignalBase {
  readonly _tag: "DnsResolveHostStart"
  readonly host: string
}
/**
 * The resolver has answered.
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
 * The addresses are known, or (`coalesced`) are being asked for by another request.
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
 * The addresses are not known.
 *
 * @since 0.1.0
 * @category signals
 */
export interface DnsCacheMiss extends SignalBase {
  readonly _tag: "DnsCacheMiss"
  readonly host: string
}

/**
 * A TLS handshake begins.
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
 * The peer is verified.
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
 * The peer's certificate ends within the connector's `certificateWarning`.
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
 * A proxy is asked for a way through: CONNECT, or SOCKS.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ProxyConnectStart extends SignalBase {
  readonly _tag: "ProxyConnectStart"
  readonly proxy: string
}
/**
 * There is one.
 *
 * @since 0.1.0
 * @category signals
 */
export interface ProxyConnectEnd extends SignalBase {
  readonly _tag: "ProxyConnectEnd"
  readonly proxy: string
}

/**
 * So many signals were dropped since this reader's last one, because it is slow. Only in `signals`.
 *
 * @since 0.1.0
 * @category signals
 */
export interface SignalsLost extends SignalBase {
  readonly _tag: "SignalsLost"
  readonly count: number
}

/**
 * Everything that can be seen. The order is aiohttp's; docs/tracing draws it.
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
 * The headers of a request that is about to start.
 *
 * @since 0.1.0
 * @category models
 */
export interface HeaderEditor {
  readonly set: (name: string, value: HeaderValue) => Effect.Effect<void>
  readonly remove: (name: string) => Effect.Effect<void>
}

/**
 * `onRequestStart`, `onConnectionCreateEnd` and so on: one for each signal but `SignalsLost`. They run in the request's
 * fiber, in order, before it goes on; one that dies fails its own request. Signals of no request, such as an idle
 * connection that closes, are seen in streams only. `onRequestStart` can edit the headers.
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
 * The context of a config without `ctx`.
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
 * Listeners with the context they share (aiohttp: `TraceConfig`), or `metrics`. One can be used by any number of
 * sessions.
 *
 * @since 0.1.0
 * @category models
 */
export interface TraceConfig {
  readonly [TypeId]: TypeId
}

/**
 * Listeners for the `traceConfigs` of a session. `ctx` (aiohttp: `trace_config_ctx_factory`) is called once for each
 * request with its `traceRequestCtx`; what it returns goes to all listeners of that request. Write `ctx` first, so that
 * its type is known to the listeners.
 *
 * Each listener is an effect that is awaited at its point; a signal goes through all configs in their order. One that
 * dies fails its own request with its defect, and nothing is left of that. With listeners a request takes a slower
 * path; `metrics`, streams and spans need none.
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
    // The overloads say which signal and which context it takes; it gets no others.
    listeners.set(name, listener as Listener)
  }
  return new Config(listeners, options.ctx ?? ((traceRequestCtx) => ({ traceRequestCtx })), undefined)
}

/**
 * Records OpenTelemetry's HTTP client metrics through effect/Metric: `http.client.request.duration` (seconds, in the
 * advised buckets) and `http.client.active_requests`; with `all` also `http.client.open_connections` by state,
 * `http.client.connection.duration`, `http.client.request.body.size`, `http.client.response.body.size` and
 * `dns.lookup.duration`. Attributes are bounded: of servers beyond the first thousand the address is "_OTHER".
 * Requests stay on their fast path.
 *
 * @since 0.1.0
 * @category constructors
 */
export const metrics = (options?: {
  /** Default: duration and active requests; the rest as well with `true`. */
  readonly all?: boolean | undefined
}): TraceConfig => new Config(new Map(), () => undefined, makeMetrics(options?.all === true))

/**
 * How a session makes spans: one of kind "client" for each attempt, by OpenTelemetry's conventions, where Effect's
 * tracer is enabled and either is not the native one or there is a parent span.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpanOptions {
  /** Headers to record, by name. Default none. */
  readonly requestHeaders?: ReadonlyArray<string> | undefined
  readonly responseHeaders?: ReadonlyArray<string> | undefined
  /** Query parameters whose values are replaced, beside those with names of secrets (SECURITY.md lists the rule). */
  readonly redactedParams?: ReadonlyArray<string> | undefined
  /** Child spans for the phases that take place. Default `false`: events. */
  readonly phases?: boolean | undefined
}

/**
 * Gives the signals of all requests made inside, whichever session made them, beside the value. None is lost, and
 * bodies are kept with them: it is for a few requests. Signals of no request are not among them.
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
 * Draws the phases of one or more requests for a terminal: a line for each attempt, a bar for each phase, on one scale.
 * `width` is in columns, 80 by default.
 *
 * @since 0.1.0
 * @category combinators
 */
export const waterfall = (signals: Iterable<Signal>, options?: { readonly width?: number | undefined }): string =>
  draw(signals, options?.width ?? 80)
