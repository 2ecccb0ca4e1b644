/** Groups signals into attempts with phases, for the waterfall and HAR archives. */
import type * as Headers from "@effect/platform/Headers"
import type { ResponseHead } from "../../ClientResponse.js"
import type { TlsInfo } from "../../Ssl.js"
import type { Phase } from "../../Timeouts.js"
import type { Signal } from "../../Tracing.js"
import { parseUrl } from "../http/whatwg.js"
import { errorType } from "./telemetryNames.js"

/** A phase of an attempt, in monotonic milliseconds. */
export interface Span {
  readonly phase: Phase
  readonly start: number
  readonly end: number
}

const requestKey = ({ requestId, sessionId }: Signal): string => `${sessionId} ${requestId}`

/** The data of one attempt, collected from its signals. */
export class Attempt {
  method: string
  url: string
  readonly hop: number
  readonly number: number
  /** Equal for all attempts of a request, and for no other request. */
  readonly request: string
  readonly start: number
  end: number
  readonly phases: Array<Span> = []
  requestHeaders: Headers.Headers | undefined = undefined
  response: ResponseHead | undefined = undefined
  /** The tag of the error. */
  error: string | undefined = undefined
  location: string | undefined = undefined
  remoteAddress: string | undefined = undefined
  /** The stream of an attempt over HTTP/2, known once the body has ended. */
  streamId: number | undefined = undefined
  connectionId: number | undefined = undefined
  /** Milliseconds for which the connection was idle before; `undefined` for a new connection. */
  idle: number | undefined = undefined
  /** The reason of the next attempt and the delay before it, if the request was sent again. */
  retry: { readonly reason: string; readonly delay: number } | undefined = undefined
  tls: TlsInfo | undefined = undefined
  readonly sent: Array<Uint8Array> = []
  readonly received: Array<Uint8Array> = []
  sentBytes = 0
  /** Sizes of the response body as received and after decoding, known once the body has ended. */
  receivedBytes: number | undefined = undefined
  decodedBytes: number | undefined = undefined
  private open: { readonly phase: Phase; readonly start: number } | undefined = undefined
  private lastChunk: number | undefined = undefined

  constructor(method: string, url: string, signal: Signal, start: number) {
    this.method = method
    this.url = url
    this.hop = signal.hop
    this.number = signal.attempt
    this.request = requestKey(signal)
    this.start = start
    this.end = signal.time
  }

  /** Ends the current phase and starts the next. */
  private enter(phase: Phase | undefined, time: number): void {
    const { open } = this
    if (open !== undefined && (time > open.start || open.phase !== "connect")) {
      this.phases.push({ phase: open.phase, start: open.start, end: time })
    }
    this.open = phase === undefined ? undefined : { phase, start: time }
    this.end = Math.max(this.end, time)
  }

  /** Splits the time until the response into sending, up to the last chunk, and waiting for the headers. */
  private answered(time: number): void {
    const { open } = this
    if (open?.phase === "send") {
      const sent = this.lastChunk ?? open.start
      this.phases.push({ phase: "send", start: open.start, end: sent })
      this.phases.push({ phase: "headers", start: sent, end: time })
      this.open = undefined
      this.end = Math.max(this.end, time)
    } else this.enter(undefined, time)
  }

  add(signal: Signal): void {
    const { time } = signal
    switch (signal._tag) {
      case "ConnectionQueuedStart":
        this.enter("queue", time)
        return
      case "ConnectionQueuedEnd":
        this.enter(undefined, time)
        return
      case "ConnectionCreateStart":
      case "DnsResolveHostEnd":
        this.enter("connect", time)
        return
      case "DnsResolveHostStart":
        this.enter("dns", time)
        return
      case "ProxyConnectStart":
        this.enter("proxy", time)
        return
      case "TlsHandshakeStart":
        this.enter("tls", time)
        return
      case "TlsHandshakeEnd":
        if (!signal.proxy) this.tls = signal.tls
        this.enter(undefined, time)
        return
      case "ProxyConnectEnd":
        this.enter(undefined, time)
        return
      case "ConnectionCreateEnd":
        this.connectionId = signal.connectionId
        this.remoteAddress = signal.remoteAddress
        this.enter(undefined, time)
        return
      case "ConnectionReuseconn":
        this.connectionId = signal.connectionId
        this.idle = signal.idle
        return
      case "RequestHeadersSent":
        this.requestHeaders = signal.headers
        this.enter("send", time)
        return
      default:
        this.addOutcome(signal)
        return
    }
  }

  private addOutcome(signal: Signal): void {
    const { time } = signal
    switch (signal._tag) {
      case "RequestChunkSent":
        this.sent.push(signal.chunk)
        this.sentBytes = signal.transferred
        this.lastChunk = time
        return
      case "ResponseChunkReceived":
        this.received.push(signal.chunk)
        return
      case "RequestRedirect":
        this.response = signal.response
        this.location = signal.location
        this.answered(time)
        return
      case "RequestRetry":
        this.response = signal.response
        this.error = signal.response === undefined ? (signal.error?._tag ?? signal.reason) : undefined
        this.retry = { reason: signal.reason, delay: signal.delay }
        this.answered(time)
        return
      case "RequestException":
        this.error = errorType(signal.cause)
        this.answered(time)
        return
      case "RequestEnd":
        this.response = signal.response
        this.answered(time)
        this.enter("body", time)
        return
      case "ResponseEnd":
        this.receivedBytes = signal.received
        this.decodedBytes = signal.decoded
        this.streamId = signal.streamId
        if (signal.cause !== undefined) this.error = errorType(signal.cause)
        this.enter(undefined, time)
        return
    }
  }

  /** Milliseconds spent in a phase, or `undefined` if it did not occur. */
  spent(phase: Phase): number | undefined {
    let total: number | undefined
    for (const span of this.phases) if (span.phase === phase) total = (total ?? 0) + span.end - span.start
    return total
  }
}

interface TracedRequest {
  readonly attempts: Map<number, Attempt>
  last: Attempt | undefined
}

/** The attempts of all requests, in the order in which they started. */
export const attemptsOf = (signals: Iterable<Signal>): ReadonlyArray<Attempt> => {
  const requests = new Map<string, TracedRequest>()
  const all: Array<Attempt> = []
  for (const signal of signals) {
    if (signal.requestId === undefined) continue
    const key = requestKey(signal)
    let request = requests.get(key)
    if (request === undefined) {
      request = { attempts: new Map(), last: undefined }
      requests.set(key, request)
    }
    const attempt = request.attempts.get(signal.attempt) ?? begin(request, signal)
    if (attempt === undefined) continue
    if (!request.attempts.has(signal.attempt)) {
      request.attempts.set(signal.attempt, attempt)
      request.last = attempt
      all.push(attempt)
    }
    if (signal._tag === "RequestHeadersSent") {
      attempt.method = signal.method
      attempt.url = signal.url
    }
    attempt.add(signal)
  }
  return all
}

/** Starts an attempt. If its first signal has no URL, the attempt has the URL of the last redirect. */
const begin = (request: TracedRequest, signal: Signal): Attempt | undefined => {
  const { last } = request
  if ("method" in signal) return new Attempt(signal.method, signal.url, signal, signal.time)
  if (last === undefined) return undefined
  return new Attempt(last.method, urlAfter(last), signal, signal.time)
}

/** The URL of the attempt after `last`: the target of its redirect, or the same URL. */
const urlAfter = (last: Attempt): string =>
  (last.location === undefined ? undefined : parseUrl(last.location, last.url)?.href) ?? last.url
