/**
 * The seam between sessions and transports: the exchange of one hop, the connection that serves it, and its route. A
 * session does not know sockets; a transport does not know cookies, redirects or decoders.
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type { ClientRequest } from "../../ClientRequest.js"
import type { ConnectionInfo } from "../../ClientResponse.js"
import type { ClearDnsCache, Counts } from "../../Connector.js"
import type { ClientError, Details } from "../../Errors.js"
import type { Ssl } from "../../Ssl.js"
import type { Phase } from "../../Timeouts.js"
import type { ConnectionClosed } from "../../Tracing.js"
import type { Retryability } from "../errors/retryability.js"
import type { Origin } from "../http/origin.js"
import type { Limits } from "../limits.js"
import type { Deadlines } from "./deadlines.js"
import type { IncomingBody } from "./incomingBody.js"
import type { NetworkStream } from "./networkStream.js"
import type { Hub } from "./signalHub.js"
import type { Trace } from "./trace.js"

/**
 * Whether connections speak HTTP/2: never, if ALPN selects it, always over TLS, or also without TLS by prior knowledge.
 */
export type Http2Mode = false | "auto" | "require" | "prior-knowledge"

/** A proxy whose URL and options were validated. */
export interface ProxyRoute {
  readonly kind: "http" | "https" | "socks4a" | "socks5" | "socks5h"
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  /** The URL without credentials, for errors and signals. */
  readonly url: string
  /** The value of Proxy-Authorization, or the SOCKS credentials. Never shown. */
  readonly authorization: string | undefined
  /**
   * Computes the value of Proxy-Authorization for each CONNECT, for challenge-response schemes. Not used for requests
   * in absolute form.
   */
  readonly answer?: (() => string) | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  /** Headers for CONNECT only. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** TLS settings for an https proxy. */
  readonly ssl: Ssl
  /** Identifies the credentials if `authorization` or `answer` varies from request to request. */
  readonly identity?: string | undefined
  /** Identifies the proxy with all settings that connections must not mix. Secrets are hashed. */
  readonly key: string
}

/** The origin of a request and the way to it. Only requests with equal keys may share a connection. */
export interface Route {
  readonly origin: Origin
  readonly proxy: ProxyRoute | undefined
  /** The setting of the request, or `true` for that of the connector. */
  readonly ssl: Ssl
  /** The name for SNI and verification, if it differs from the origin's host. */
  readonly serverHostname: string | undefined
  /** Whether an http proxy needs CONNECT even for plain http: true for WebSockets. */
  readonly tunnel: boolean
  /** The version of HTTP that the request requires; "any" lets the transport choose. */
  readonly version: "any" | "1" | "2"
  /** The User-Agent of CONNECT. It is not a part of the key, so that requests with different ones share connections. */
  readonly userAgent?: string | undefined
  readonly key: string
}

/** The destination of a streamed request body. */
export interface RequestSink {
  /** Takes bytes. `false` asks the body to wait for `onDrain`. The bytes must stay unchanged until then. */
  readonly write: (chunk: Uint8Array) => boolean
  onDrain: (() => void) | undefined
  readonly end: () => void
  /** Call when the body has failed. The connection closes without ending the message. */
  readonly fail: (error: ClientError) => void
}

/** A running request body. */
export interface RequestSource {
  /** Stops the body, because the response has arrived or the exchange has failed. */
  readonly cancel: () => void
}

/** The body of a request. `start` is called once per attempt. */
export type RequestBody =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "Stream"
      /** The length in bytes; `undefined` for chunked coding. */
      readonly length: number | undefined
      readonly replayable: boolean
      readonly start: (sink: RequestSink) => RequestSource
    }

/** A serialized request. */
export interface WireRequest {
  readonly method: string
  /** The target in origin form, such as "/path?query", or "*". A transport makes it absolute for a forwarding proxy. */
  readonly target: string
  /** Validated header lines, each with CRLF, including Host and framing, as latin1 code units. */
  readonly head: string
  readonly version: "1.0" | "1.1"
  readonly body: RequestBody | undefined
  /** Whether the body waits for 100 Continue. */
  readonly expectContinue: boolean
  /** The protocol of the Upgrade header, if there is one. Only then is status 101 accepted. */
  readonly upgrade: string | undefined
  /** Whether the request has Connection: close. */
  readonly close: boolean
  /** Lower-case names of the headers that were given as `Redacted`. */
  readonly secret: ReadonlySet<string>
  /** The cached text of the whole head, set when it is first written, because a request may be sent many times. */
  text: string | undefined
  /** The same for HTTP/2. */
  http2: Http2Fields | undefined
}

/** The head of a request for HTTP/2. */
export interface Http2Fields {
  /** Names and values in turn: names in lower case, pseudo-headers first. */
  readonly fields: ReadonlyArray<string>
  /** The encoded fields, if they can be sent again on a connection whose encoder has this `revision`. */
  readonly block: Uint8Array | undefined
  readonly revision: number
}

/** The head of a response of any transport. */
export interface Head {
  readonly status: number
  /** Empty for HTTP/2. */
  readonly reason: string
  readonly version: "1.0" | "1.1" | "2"
  /** Number of header lines. */
  readonly count: number
  /** The name of a header line, as received. */
  readonly name: (index: number) => string
  /**
   * The value of a header line, decoded as UTF-8 if it is valid, otherwise as latin1; without surrounding white space.
   */
  readonly value: (index: number) => string
  /** The first value of a header by lower-case name. */
  readonly get: (name: string) => string | undefined
  readonly getAll: (name: string) => ReadonlyArray<string>
  /** The values of Content-Type, joined by ", "; `undefined` if the server sent none. */
  readonly typeText: string | undefined
  readonly raw: () => ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /** The length of the body, if there is a body and the head declares its length. */
  readonly contentLength: number | undefined
  /**
   * Whether the end of the body is explicit, so that truncation is detected. Otherwise the body ends when the
   * connection closes.
   */
  readonly lengthVerified: boolean
  /**
   * Whether a gzip or deflate body may lack its trailer or final block. `false` if only the end of the connection ends
   * the body, which does not prove that it is complete, and for strict connectors.
   */
  readonly toleratesTruncatedCoding: boolean
  /** Tolerated deviations, as bits of `deviations.ts`. */
  readonly deviations: number
}

/** Records the start and end of the phases of a hop. */
export interface Marks {
  /** The phase that started last. */
  readonly current: Phase
  /** Starts a phase, and ends the previous one if it has not ended. */
  readonly start: (phase: Phase, now?: number) => void
  /** Ends a phase. `now` is the current time of the deadlines, if the caller knows it. */
  readonly end: (phase: Phase, now?: number) => void
  /** The time at which bytes arrived, while they are processed. */
  readAt: number | undefined
}

/** The parts of an exchange that getting a connection requires. */
export interface ExchangeContext {
  readonly limits: Limits
  readonly deadlines: Deadlines
  /** The time of day on the request's Clock, in milliseconds since the epoch. */
  readonly clock: () => number
  /** When the total limit of the request ends, in the time of the deadlines. */
  readonly expiresAt: number
  readonly trace: Trace | undefined
  readonly marks: Marks
  /** The method, the redacted URL and the attempt, for errors. */
  readonly details: (phase: Phase | undefined) => Details
}

/**
 * One request on one connection, with its callbacks. The transport calls exactly one of `onHead`, `onUpgrade` and
 * `onError`, once. A failure after `onHead` fails the body.
 */
export interface Exchange extends ExchangeContext {
  readonly wireRequest: WireRequest
  readonly route: Route
  /** The request of `wireRequest`, for transports without a network. */
  readonly request?: ClientRequest | undefined
  /** Called when this exchange takes a connection, before anything can interrupt it. */
  readonly onConnection: (connection: Connection) => void
  readonly onInformational: (head: Head) => void
  readonly onHead: (head: Head, body: IncomingBody) => void
  /**
   * Called for status 101 if the request has `upgrade`. The exchange then owns the stream, and frees the slot by
   * closing it.
   */
  readonly onUpgrade: (head: Head, wire: NetworkStream, rest: Uint8Array) => void
  /**
   * Called when the exchange has failed. `repeatable` decides whether the request may be sent again: "unsent" with any
   * method, because nothing of it was written; "sent" with an idempotent method, because the connection ended before
   * the first byte of a response; or "never". `rotated` is true if the server served requests on the connection before
   * it refused all later ones, as servers do after a number of requests.
   */
  readonly onError: (error: ClientError, repeatable: Retryability, rotated?: boolean) => void
  /** Called instead of `onError` if a program that the transport runs has died. */
  readonly onDefect?: ((cause: Cause.Cause<never>) => void) | undefined
  /** Called when the connection is done with the exchange: the body has ended or failed, or was discarded. */
  readonly onDone: () => void
  /** Why the exchange was aborted, if it was. Check it before waiting for something. */
  readonly failure: ClientError | undefined
  /** Called when the time limit expires or the session closes. The code that makes the exchange wait sets it. */
  onAbort: ((error: ClientError) => void) | undefined
  /**
   * Set by the transport while it acquires a connection. The owner of the exchange calls it when its fiber was interrupted,
   * or was aborted inside an uninterruptible listener; it frees the slot. Idempotent.
   */
  onLeave?: (() => void) | undefined
}

/** A connection taken from a transport. */
export interface Connection {
  readonly info: ConnectionInfo
  /**
   * Writes the request and reads the response, then returns the connection to the pool or closes it. `now` is the
   * current time of the exchange's deadlines, if the caller knows it.
   */
  readonly start: (exchange: Exchange, now?: number) => void
  /** Fails the current exchange and closes the connection. */
  readonly cut: (error: ClientError) => void
  /** Closes the connection without further callbacks. Idempotent. */
  readonly abort: (reason: ConnectionClosed["reason"]) => void
}

/** Provides connections to a session. */
export interface Transport {
  /**
   * Takes an idle connection without waiting, if there is one, and calls `exchange.onConnection`. `now` is the current
   * time of the exchange's deadlines.
   */
  readonly takeIdle: (exchange: Exchange, now: number) => Connection | undefined
  /**
   * Waits for a slot, then takes an idle connection or opens one; `fresh` excludes idle ones. A request that is
   * `resent` gets a stream before others. Calls `exchange.onConnection` before the effect succeeds.
   */
  readonly acquire: (exchange: Exchange, fresh: boolean, resent?: boolean) => Effect.Effect<Connection, ClientError>
  readonly hub: Hub
  readonly stats: () => Counts & { readonly perKey: ReadonlyMap<string, Counts> }
  /**
   * A digest of all settings that determine which peer answers on a route and how it is trusted: those of TLS, the
   * proxy and the connector. Only requests with equal digests may share stored responses. The digest is the same in all
   * processes, unless a setting is a function or an object of the program.
   */
  readonly peerKey: (route: Route) => string
  /** Milliseconds that requests in flight get to finish when the transport closes. */
  readonly gracefulShutdownTimeout: number
  readonly closed: () => boolean
  readonly closeIdle: Effect.Effect<void>
  /** Completes when every socket is closed. */
  readonly close: Effect.Effect<void>
  readonly clearDnsCache: ClearDnsCache
  /** The mode for requests that do not require a version. */
  readonly http2: Http2Mode
  /** Whether each connection serves one request, which has `Connection: close`. */
  readonly forceClose: boolean
}
