/**
 * The seam between a session and whatever carries its requests: what one hop is, who answers it, and where it goes.
 * A session knows no sockets; a transport knows no cookies, redirects or decoders.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { Counts } from "../../Connector.js"
import type { ClientError, Details } from "../../Errors.js"
import type { Ssl } from "../../Ssl.js"
import type { Phase } from "../../Timeouts.js"
import type { ConnectionClosed } from "../../Tracing.js"
import type { Origin } from "../http/origin.js"
import type { Limits } from "../limits.js"
import type { Deadlines } from "./deadlines.js"
import type { IncomingBody } from "./incomingBody.js"
import type { Wire } from "./networkStream.js"
import type { Hub } from "./signalHub.js"
import type { Trace } from "./trace.js"

/** A proxy, parsed and ready to be dialled. */
export interface ProxyRoute {
  readonly kind: "http" | "https" | "socks4a" | "socks5" | "socks5h"
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  /** Without credentials, for errors and signals. */
  readonly url: string
  /** The value of Proxy-Authorization, or SOCKS credentials. Never shown. */
  readonly authorization: string | undefined
  /** Makes that value anew for each CONNECT: of schemes that answer a challenge. Absolute-form requests do not get it. */
  readonly answer?: (() => string) | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  /** Sent with CONNECT only. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** For TLS to an https proxy. */
  readonly ssl: Ssl
  /** Names the credentials where `authorization` or `answer` differs from request to request. */
  readonly identity?: string | undefined
  /** Everything above that must not be mixed, secrets hashed. */
  readonly key: string
}

/** Where a request goes and by what way. Requests with equal keys may share a connection, no others. */
export interface Route {
  readonly origin: Origin
  readonly proxy: ProxyRoute | undefined
  /** The request's, or `true` for the connector's setting. */
  readonly ssl: Ssl
  /** For SNI and verification in place of the origin's host. */
  readonly serverHostname: string | undefined
  /** Whether an http proxy has to be passed by CONNECT even for plain http: WebSockets. */
  readonly tunnel: boolean
  /** Sent with CONNECT. Connections are shared whatever it is. */
  readonly userAgent?: string | undefined
  readonly key: string
}

/** What a streamed request body writes to. */
export interface RequestSink {
  /** `false` asks to wait for `onDrain`. The bytes may be used until `onDrain` is called. */
  readonly write: (chunk: Uint8Array) => boolean
  onDrain: (() => void) | undefined
  readonly end: () => void
  /** The body failed: nothing more is sent, and the connection is closed without a clean end. */
  readonly fail: (error: ClientError) => void
}

/** A streamed request body that runs. */
export interface RequestSource {
  /** No more is wanted: the response has come, or the exchange has failed. */
  readonly cancel: () => void
}

/** A request body on its way. `start` is called once for each attempt. */
export type RequestBody =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "Stream"
      /** `undefined`: chunked. */
      readonly length: number | undefined
      readonly replayable: boolean
      readonly start: (sink: RequestSink) => RequestSource
    }

/** What goes on the wire. */
export interface WireRequest {
  readonly method: string
  /** Origin form, such as "/path?query", or "*". An http proxy makes it absolute. */
  readonly target: string
  /** Checked header lines with CRLF after each, Host and framing included, as latin1 code units. */
  readonly head: string
  readonly version: "1.0" | "1.1"
  readonly body: RequestBody | undefined
  /** Whether the body waits for 100 Continue. */
  readonly expectContinue: boolean
  /** The protocol of an Upgrade header, if there is one; only then is 101 taken. */
  readonly upgrade: string | undefined
  /** Whether Connection: close was asked for. */
  readonly close: boolean
  /** The whole head as an origin gets it, once it has been written: a request may be sent many times. */
  text: string | undefined
}

/** A response's head, whoever made it. */
export interface Head {
  readonly status: number
  readonly reason: string
  readonly version: "1.0" | "1.1"
  /** Number of header lines. */
  readonly count: number
  /** As received. */
  readonly name: (index: number) => string
  /** UTF-8 where it is valid, else latin1; without white space around. */
  readonly value: (index: number) => string
  /** The first of that lower-case name. */
  readonly get: (name: string) => string | undefined
  readonly getAll: (name: string) => ReadonlyArray<string>
  readonly raw: () => ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /** The body's length, if the head says it and there is a body. */
  readonly contentLength: number | undefined
  /** Whether the message says where its body ends, so that a cut shows; otherwise the connection's end is its end. */
  readonly lengthVerified: boolean
  /** Deviations that were tolerated, as bits of `deviations.ts`. */
  readonly deviations: number
}

/** When phases began and ended, in the request's time; `undefined` where they did not take place. */
export interface Marks {
  /** The phase that began last. */
  readonly current: Phase
  /** Ends the phase before, if it has not ended. */
  readonly start: (phase: Phase, now?: number) => void
  /** `now`: on the deadlines' time, where it is known. */
  readonly end: (phase: Phase, now?: number) => void
  /** While bytes are handled that have come: when they came. */
  readAt: number | undefined
}

/** What getting and using a connection has to know of a request. */
export interface ExchangeContext {
  readonly limits: Limits
  readonly deadlines: Deadlines
  /** On the deadlines' time: the request as a whole has to have ended by then. */
  readonly expiresAt: number
  readonly trace: Trace | undefined
  readonly marks: Marks
  /** Method, redacted URL, attempt: what every error tells. */
  readonly details: (phase: Phase | undefined) => Details
}

/** One request on its way over one connection, and what it is told. Exactly one of `onHead` (or `onUpgrade`) and
 * `onError` is called, once; what goes wrong after `onHead` fails the body. */
export interface Exchange extends ExchangeContext {
  readonly wire: WireRequest
  readonly route: Route
  /** What `wire` was made of: for transports that are no network. */
  readonly request?: ClientRequest | undefined
  /** Called as soon as a connection is taken for this exchange, before anything can be interrupted. */
  readonly onConnection: (connection: Connection) => void
  readonly onInformational: (head: Head) => void
  readonly onHead: (head: Head, body: IncomingBody) => void
  /** 101 for an exchange with `upgrade`: the wire is the exchange's from here; its end gives the slot back. */
  readonly onUpgrade: (head: Head, wire: Wire, rest: Uint8Array) => void
  /** `stale`: a reused connection ended before a single byte of the response, so nothing says it was acted upon. */
  readonly onError: (error: ClientError, stale: boolean) => void
  /** In place of `onError`, by transports that run programs: one has died. */
  readonly onDefect?: ((cause: Cause.Cause<never>) => void) | undefined
  /** The connection is through with the exchange: the body has ended, well or not, or nobody wants it. */
  readonly onDone: () => void
  /** Why it has been ended, if it has: whoever is about to make it wait looks here first. */
  readonly failure: ClientError | undefined
  /** Set by whoever makes the exchange wait; called when its time runs out or its session closes. */
  onAbort: ((error: ClientError) => void) | undefined
  /**
   * Set by the transport while it looks for a connection: releases the slot of an exchange whose fiber does not end,
   * because a listener in it is uninterruptible. Idempotent.
   */
  onLeave?: (() => void) | undefined
}

/** A connection taken from a transport. */
export interface Connection {
  readonly info: ConnectionInfo
  /** Writes the request and reads its response; afterwards gives the connection back or closes it. */
  readonly exchange: (exchange: Exchange) => void
  /** Ends the exchange that is under way with an error, and the connection with it. */
  readonly cut: (error: ClientError) => void
  /** The same, and nothing more is called. Idempotent. */
  readonly abort: (reason: ConnectionClosed["reason"]) => void
}

/** What makes connections for a session. */
export interface Transport {
  /** A free idle connection at once, or `undefined`; `exchange.onConnection` has it. */
  readonly takeIdle: (exchange: Exchange) => Connection | undefined
  /** Waits for a slot, takes an idle connection unless it must be `fresh`, or opens one; `exchange.onConnection` has it
   * before the effect succeeds. */
  readonly acquire: (exchange: Exchange, fresh: boolean) => Effect.Effect<Connection, ClientError>
  readonly hub: Hub
  readonly stats: () => Counts & { readonly perKey: ReadonlyMap<string, Counts> }
  /**
   * A digest of what decides which peer answers by a route and how far it is trusted: TLS settings, proxy, connector.
   * Answers may be shared only between equal ones. It is stable across processes unless user code takes part.
   */
  readonly peerKey: (route: Route) => string
  /** How long requests in flight may go on when it closes; milliseconds. */
  readonly gracefulShutdownTimeout: number
  readonly closed: () => boolean
  readonly closeIdle: Effect.Effect<void>
  /** Resolves when every socket is closed. */
  readonly close: Effect.Effect<void>
  readonly clearDnsCache: (host?: string, port?: number) => Effect.Effect<void>
}
