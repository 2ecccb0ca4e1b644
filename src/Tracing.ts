/**
 * What happens inside: one set of signals, seen as callbacks and as a stream. Spans, metrics and `timings` are made
 * of the same.
 */
import type * as Headers from "@effect/platform/Headers"
import type { Cause } from "effect/Cause"
import type * as Effect from "effect/Effect"
import type { HeaderValue } from "./ClientRequest.js"
import type { ResponseHead } from "./ClientResponse.js"
import type { ClientError } from "./Errors.js"
import type { Address } from "./Resolver.js"
import type { SessionService } from "./Session.js"
import type { Certificate, TlsInfo } from "./Ssl.js"

/** What every signal tells. Signals are plain data and may be kept; URLs and headers in them are redacted. */
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

/** A request as its signals show it. */
export interface RequestSignal extends SignalBase {
  readonly method: string
  readonly url: string
}

/** A request begins; its headers are those given, without the automatic ones. */
export interface RequestStart extends RequestSignal {
  readonly _tag: "RequestStart"
  readonly headers: Headers.Headers
}
/** The head is about to be written. */
export interface RequestHeadersSent extends RequestSignal {
  readonly _tag: "RequestHeadersSent"
  readonly headers: Headers.Headers
}
/** A chunk of the body is about to be written, before compression. */
export interface RequestChunkSent extends RequestSignal {
  readonly _tag: "RequestChunkSent"
  readonly chunk: Uint8Array
  readonly transferred: number
  readonly total?: number | undefined
}
/** A chunk of the body has been handed out, after decoding. Comes after `RequestEnd`. */
export interface ResponseChunkReceived extends RequestSignal {
  readonly _tag: "ResponseChunkReceived"
  readonly chunk: Uint8Array
  readonly transferred: number
  readonly total?: number | undefined
}
/** A 1xx response other than 101 has come. */
export interface ResponseInformational extends RequestSignal {
  readonly _tag: "ResponseInformational"
  readonly status: number
  readonly headers: Headers.Headers
}
/** A redirect has come; method and URL are still the old ones. */
export interface RequestRedirect extends RequestSignal {
  readonly _tag: "RequestRedirect"
  readonly response: ResponseHead
  readonly location: string
}
/** The same request will be sent again. */
export interface RequestRetry extends RequestSignal {
  readonly _tag: "RequestRetry"
  readonly reason: "StaleConnection" | "Retry" | "Digest" | "TokenRefresh" | "Hedge"
  readonly delay: number
  readonly error?: ClientError | undefined
}
/** The final head has come (the body has not). */
export interface RequestEnd extends RequestSignal {
  readonly _tag: "RequestEnd"
  readonly response: ResponseHead
}
/** The request failed, died or was interrupted before its final head. */
export interface RequestException extends RequestSignal {
  readonly _tag: "RequestException"
  readonly cause: Cause<unknown>
}
/** The body has ended, well or not. */
export interface ResponseEnd extends RequestSignal {
  readonly _tag: "ResponseEnd"
  /** Bytes on the wire, and after decoding. */
  readonly received: number
  readonly decoded: number
  readonly cause?: Cause<unknown> | undefined
}

/** Waits for a slot. */
export interface ConnectionQueuedStart extends SignalBase {
  readonly _tag: "ConnectionQueuedStart"
  readonly host: string
  readonly port: number
  readonly waiting: number
}
export interface ConnectionQueuedEnd extends SignalBase {
  readonly _tag: "ConnectionQueuedEnd"
  readonly host: string
  readonly port: number
}
export interface ConnectionCreateStart extends SignalBase {
  readonly _tag: "ConnectionCreateStart"
  readonly host: string
  readonly port: number
}
export interface ConnectionCreateEnd extends SignalBase {
  readonly _tag: "ConnectionCreateEnd"
  readonly host: string
  readonly port: number
  readonly connectionId: number
  readonly remoteAddress: string
  /** Addresses that were tried before, with their codes. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly code: string }>
}
/** An idle connection was taken (aiohttp's spelling). */
export interface ConnectionReuseconn extends SignalBase {
  readonly _tag: "ConnectionReuseconn"
  readonly connectionId: number
  /** Milliseconds. */
  readonly idle: number
}
export interface ConnectionReleased extends SignalBase {
  readonly _tag: "ConnectionReleased"
  readonly connectionId: number
}
export interface ConnectionClosed extends SignalBase {
  readonly _tag: "ConnectionClosed"
  readonly connectionId: number
  readonly reason:
    | "ConnectionClose"
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
}

export interface DnsResolveHostStart extends SignalBase {
  readonly _tag: "DnsResolveHostStart"
  readonly host: string
}
export interface DnsResolveHostEnd extends SignalBase {
  readonly _tag: "DnsResolveHostEnd"
  readonly host: string
  readonly addresses: ReadonlyArray<Address>
}
/** The addresses are known, or (`coalesced`) are being asked for by another request. */
export interface DnsCacheHit extends SignalBase {
  readonly _tag: "DnsCacheHit"
  readonly host: string
  readonly coalesced: boolean
}
export interface DnsCacheMiss extends SignalBase {
  readonly _tag: "DnsCacheMiss"
  readonly host: string
}

export interface TlsHandshakeStart extends SignalBase {
  readonly _tag: "TlsHandshakeStart"
  readonly host: string
  /** Whether the peer is the proxy. */
  readonly proxy: boolean
}
export interface TlsHandshakeEnd extends SignalBase {
  readonly _tag: "TlsHandshakeEnd"
  readonly host: string
  readonly proxy: boolean
  readonly tls: TlsInfo
}
/** The peer's certificate ends within the connector's `certificateWarning`. */
export interface TlsCertificateExpiring extends SignalBase {
  readonly _tag: "TlsCertificateExpiring"
  readonly host: string
  readonly certificate: Certificate
}
export interface ProxyConnectStart extends SignalBase {
  readonly _tag: "ProxyConnectStart"
  readonly proxy: string
}
export interface ProxyConnectEnd extends SignalBase {
  readonly _tag: "ProxyConnectEnd"
  readonly proxy: string
}

/** So many signals were dropped since this reader's last one, because it is slow. Only in `signals`. */
export interface SignalsLost extends SignalBase {
  readonly _tag: "SignalsLost"
  readonly count: number
}

/** Everything that can be seen. The order is aiohttp's; docs/tracing draws it. */
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

/** The headers of a request that is about to start. */
export interface HeaderEditor {
  readonly set: (name: string, value: HeaderValue) => Effect.Effect<void>
  readonly remove: (name: string) => Effect.Effect<void>
}

/**
 * `onRequestStart`, `onConnectionCreateEnd` and so on: one for each signal but `SignalsLost`. They run in the request's
 * fiber, in order, before it goes on; one that dies fails its own request. Signals of no request, such as an idle
 * connection that closes, are seen in streams only. `onRequestStart` can edit the headers.
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

/** The context of a config without `ctx`. */
export interface DefaultContext {
  readonly traceRequestCtx: unknown
}

export declare const TypeId: TypeId
export type TypeId = "~effect-http-session/Tracing/TraceConfig"

/** Listeners with the context they share (aiohttp: `TraceConfig`). */
export interface TraceConfig {
  readonly [TypeId]: TypeId
}

/**
 * Listeners for the `traceConfigs` of a session. `ctx` (aiohttp: `trace_config_ctx_factory`) is called once for each
 * request with its `traceRequestCtx`; what it returns goes to all listeners of that request. Write `ctx` first, so that
 * its type is known to the listeners.
 */
export declare const traceConfig: {
  <Ctx>(options: { readonly ctx: (traceRequestCtx: unknown) => Ctx } & Listeners<NoInfer<Ctx>>): TraceConfig
  (options: { readonly ctx?: undefined } & Listeners<DefaultContext>): TraceConfig
}

/** Records OpenTelemetry's HTTP client metrics through effect/Metric. */
export declare const metrics: (options?: {
  /** Default: duration and active requests; the rest as well with `true`. */
  readonly all?: boolean | undefined
}) => TraceConfig

/** How a session makes spans. They are made where Effect's tracer is enabled. */
export interface SpanOptions {
  /** Headers to record, by name. Default none. */
  readonly requestHeaders?: ReadonlyArray<string> | undefined
  readonly responseHeaders?: ReadonlyArray<string> | undefined
  /** Query parameters whose values are replaced, beside the well-known signatures. */
  readonly redactedParams?: ReadonlyArray<string> | undefined
  /** Child spans for the phases that take place. Default `false`: events. */
  readonly phases?: boolean | undefined
}

/** Gives the signals of all requests made inside, whichever session made them, beside the value. */
export declare const collect: <A, E, R>(
  self: Effect.Effect<A, E, R>
) => Effect.Effect<readonly [value: A, signals: ReadonlyArray<Signal>], E, R>

/** Draws the phases of one or more requests for a terminal. */
export declare const waterfall: (signals: Iterable<Signal>, options?: { readonly width?: number | undefined }) => string
