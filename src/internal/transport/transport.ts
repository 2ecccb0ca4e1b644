/**
 * The seam between sessions and transports: what one hop is, which connection serves it, and where it goes. A session
 * does not know sockets; a transport does not know cookies, redirects or decoders.
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

/** Whether connections speak HTTP/2: never, if ALPN selects it, only so, or also without being asked. */
export type Http2Mode = false | "auto" | "require" | "prior-knowledge"

/** A proxy, parsed and ready to be dialed. */
export interface ProxyRoute {
  readonly kind: "http" | "https" | "socks4a" | "socks5" | "socks5h"
  readonly host: string
  readonly port: number
  readonly ip: 0 | 4 | 6
  /** Without credentials, for errors and signals. */
  readonly url: string
  /** The value of Proxy-Authorization, or SOCKS credentials. Never shown. */
  readonly authorization: string | undefined
  /**
   * Computes the value of Proxy-Authorization for each CONNECT, for challenge-response schemes. Not used for requests
   * in absolute form.
   */
  readonly answer?: (() => string) | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  /** Sent with CONNECT only. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** TLS settings for an https proxy. */
  readonly ssl: Ssl
  /** Identifies the credentials if `authorization` or `answer` varies from request to request. */
  readonly identity?: string | undefined
  /** Identifies everything above that connections must not mix, with secrets hashed. */
  readonly key: string
}

/** The destination of a request and the way to it. Only requests with equal keys may share a connection. */
export interface Route {
  readonly origin: Origin
  readonly proxy: ProxyRoute | undefined
  /** The request's setting, or `true` for the connector's. */
  readonly ssl: Ssl
  /** The name for SNI and verification, if it differs from the origin's host. */
  readonly serverHostname: string | undefined
  /** Whether an http proxy needs CONNECT even for plain http: true for WebSockets. */
  readonly tunnel: boolean
  /** The version of HTTP that the request needs; "any" leaves it to the transport. */
  readonly version: "any" | "1" | "2"
  /** Sent with CONNECT. Connections are shared whatever it is. */
  readonly userAgent?: string | undefined
  readonly key: string
}

/** The destination of a streamed request body. */
export interface RequestSink {
  /** `false` asks to wait for `onDrain`. The bytes must stay unchanged until then. */
  readonly write: (chunk: Uint8Array) => boolean
  onDrain: (() => void) | undefined
  readonly end: () => void
  /** The body failed: nothing more is sent, and the connection closes without ending the message. */
  readonly fail: (error: ClientError) => void
}

/** A running request body. */
export interface RequestSource {
  /** Stops the body: the response has arrived, or the exchange failed. */
  readonly cancel: () => void
}

/** The body of a request. `start` is called once per attempt. */
export type RequestBody =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "Stream"
      /** `undefined` means chunked. */
      readonly length: number | undefined
      readonly replayable: boolean
      readonly start: (sink: RequestSink) => RequestSource
    }

/** A request in the form in which it is sent. */
export interface WireRequest {
  readonly method: string
  /** Origin form, such as "/path?query", or "*". For an http proxy it is made absolute. */
  readonly target: string
  /** Validated header lines, each with CRLF, including Host and framing, as latin1 code units. */
  readonly head: string
  readonly version: "1.0" | "1.1"
  readonly body: RequestBody | undefined
  /** Whether the body waits for 100 Continue. */
  readonly expectContinue: boolean
  /** The protocol of the Upgrade header, if present. Status 101 is accepted only then. */
  readonly upgrade: string | undefined
  /** Whether the request has Connection: close. */
  readonly close: boolean
  /** Lower-case names of headers whose values the user gave as `Redacted`. */
  readonly secret: ReadonlySet<string>
  /** Cache of the whole head for an origin, filled when it is first written; a request may be sent many times. */
  text: string | undefined
  /** The same for HTTP/2. */
  http2: Http2Fields | undefined
}

/** The head of a request in the form of HTTP/2. */
export interface Http2Fields {
  /** Name, value, name, value; names in lower case, pseudo-headers first. */
  readonly fields: ReadonlyArray<string>
  /** The encoded fields, if they can be sent again on a connection whose encoder has this `revision`. */
  readonly block: Uint8Array | undefined
  readonly revision: number
}

/** The head of a response, independent of its source. */
export interface Head {
  readonly status: number
  /** Empty for HTTP/2. */
  readonly reason: string
  readonly version: "1.0" | "1.1" | "2"
  /** Number of header lines. */
  readonly count: number
  /** As received. */
  readonly name: (index: number) => string
  /** Decoded as UTF-8 if valid, otherwise as latin1; without surrounding white space. */
  readonly value: (index: number) => string
  /** The first value of a header by lower-case name. */
  readonly get: (name: string) => string | undefined
  readonly getAll: (name: string) => ReadonlyArray<string>
  /** The values of Content-Type, joined by ", "; `undefined` if the server sent none. */
  readonly typeText: string | undefined
  readonly raw: () => ReadonlyArray<readonly [name: Uint8Array, value: Uint8Array]>
  /** The length of the body, if there is a body and the head specifies it. */
  readonly contentLength: number | undefined
  /**
   * Whether the end of the body is explicit, so that truncation is detected. Otherwise the body ends when the
   * connection closes.
   */
  readonly lengthVerified: boolean
  /**
   * Whether a gzip or deflate body that is complete by its length or chunks may lack its trailer or final block. The end
   * of a connection proves nothing, and strict connectors reject such a body.
   */
  readonly toleratesTruncatedCoding: boolean
  /** Tolerated deviations, as bits of `deviations.ts`. */
  readonly deviations: number
}

/** Records the start and end of the phases of a hop. */
export interface Marks {
  /** The phase that started last. */
  readonly current: Phase
  /** Starts a phase, ending the previous one if necessary. */
  readonly start: (phase: Phase, now?: number) => void
  /** `now` is in the time of the deadlines, if known. */
  readonly end: (phase: Phase, now?: number) => void
  /** While received bytes are processed, the time of their arrival. */
  readAt: number | undefined
}

/** The parts of an exchange that are needed to get a connection. */
export interface ExchangeContext {
  readonly limits: Limits
  readonly deadlines: Deadlines
  /** The time of day on the request's Clock; milliseconds since the epoch. */
  readonly clock: () => number
  /** In the time of the deadlines: when the request as a whole must have ended. */
  readonly expiresAt: number
  readonly trace: Trace | undefined
  readonly marks: Marks
  /** Method, redacted URL and attempt, for errors. */
  readonly details: (phase: Phase | undefined) => Details
}

/**
 * One request on one connection, with its callbacks. Exactly one of `onHead`, `onUpgrade` and `onError` is called,
 * once; a failure after `onHead` fails the body.
 */
export interface Exchange extends ExchangeContext {
  readonly wireRequest: WireRequest
  readonly route: Route
  /** The request behind `wire`, for transports without a network. */
  readonly request?: ClientRequest | undefined
  /** Called when a connection is taken for this exchange, before anything can interrupt it. */
  readonly onConnection: (connection: Connection) => void
  readonly onInformational: (head: Head) => void
  readonly onHead: (head: Head, body: IncomingBody) => void
  /**
   * Called for status 101 if the request has `upgrade`. The exchange then owns the stream; closing it frees the slot.
   */
  readonly onUpgrade: (head: Head, wire: NetworkStream, rest: Uint8Array) => void
  /**
   * `repeatable` says whether the same request may be sent again: "unsent" for every method, because nothing of it was
   * written; "sent" for idempotent methods, because the connection ended before the first byte of a response; "never".
   * `rotated` says that the server served requests on the connection and then refused all later ones, as servers do after
   * a number of requests: the refusal is not about this request.
   */
  readonly onError: (error: ClientError, repeatable: Retryability, rotated?: boolean) => void
  /** Called instead of `onError` by transports that run programs, if one of them died. */
  readonly onDefect?: ((cause: Cause.Cause<never>) => void) | undefined
  /** The connection is done with the exchange: the body has ended or failed, or was discarded. */
  readonly onDone: () => void
  /** Why the exchange was aborted, if it was. Check it before waiting. */
  readonly failure: ClientError | undefined
  /** Set by the code that makes the exchange wait; called when the time limit expires or the session closes. */
  onAbort: ((error: ClientError) => void) | undefined
  /**
   * Set by the transport while it acquires a connection. Frees the slot of an exchange whose fiber does not end because
   * a listener in it is uninterruptible. Idempotent.
   */
  onLeave?: (() => void) | undefined
}

/** A connection taken from a transport. */
export interface Connection {
  readonly info: ConnectionInfo
  /**
   * Writes the request and reads the response, then returns the connection to the pool or closes it. `now` is the current
   * time of the exchange's deadlines, if known.
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
   * Returns an idle connection without waiting, or `undefined`. Calls `exchange.onConnection`. `now` is the current time
   * of the exchange's deadlines.
   */
  readonly takeIdle: (exchange: Exchange, now: number) => Connection | undefined
  /**
   * Waits for a slot and takes an idle connection, unless it must be `fresh`, or opens one. A request that is sent `again`
   * is ahead of those that wait for a stream. Calls `exchange.onConnection` before the effect succeeds.
   */
  readonly acquire: (exchange: Exchange, fresh: boolean, again?: boolean) => Effect.Effect<Connection, ClientError>
  readonly hub: Hub
  readonly stats: () => Counts & { readonly perKey: ReadonlyMap<string, Counts> }
  /**
   * A digest of everything that determines which peer answers on a route and how far it is trusted: TLS settings,
   * proxy, connector. Responses may be shared only between equal digests. It is stable across processes unless user
   * code is involved.
   */
  readonly peerKey: (route: Route) => string
  /** Milliseconds that requests in flight get to finish when the transport closes. */
  readonly gracefulShutdownTimeout: number
  readonly closed: () => boolean
  readonly closeIdle: Effect.Effect<void>
  /** Completes when every socket is closed. */
  readonly close: Effect.Effect<void>
  readonly clearDnsCache: ClearDnsCache
  /** What requests without a version speak. */
  readonly http2: Http2Mode
  /** Whether each connection serves one request, which says so by `Connection: close`. */
  readonly forceClose: boolean
}
