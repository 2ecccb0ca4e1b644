/**
 * What one hop tells: its attempts one after the other, each with a span, and the body that it brings.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ResponseHead } from "../../ClientResponse.js"
import type { BodyError, ClientError } from "../../Errors.js"
import type { Signal, SignalsLost } from "../../Tracing.js"
import type { Pairs } from "../http/headerFields.js"
import { isRedirect } from "../http/methods.js"
import type { BodyContext } from "../request/body/bodyWriter.js"
import type { Prepared } from "../request/preparedRequest.js"
import type { BodyWatch } from "../response/body/bodyReader.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Told, Trace } from "../transport/trace.js"
import type { Connection, Head, Route, WireRequest } from "../transport/transport.js"
import { shownHead, shownLines } from "./shownMessages.js"
import { type AttemptSpan, carriesTrace, errorType, type Spans, SpanTimeline } from "./spans.js"
import { Timeline } from "./timeline.js"
import type { AttemptEnd, AttemptFacts, Observer } from "./traceConfig.js"

/** A signal of a request: all but the one that a reader gets when it was too slow. */
export type RequestSignal = Exclude<Signal, SignalsLost>

const none: ReadonlyArray<(end: AttemptEnd) => void> = []

/** The watchers of the call that a hop belongs to. */
export interface HopWatcher {
  readonly call: { readonly core: { readonly id: string }; readonly id: number }
  readonly deadlines: Deadlines
  readonly spans: Spans | undefined
  readonly observers: ReadonlyArray<Observer>
  readonly listening: boolean
  readonly telling: boolean
  readonly wantsBody: boolean
  readonly wantsChunks: boolean
  readonly listen: Effect.Effect<void>
  readonly listenInTime: Effect.Effect<void>
  readonly listenBeside: Effect.Effect<void>
  readonly now: () => number
  readonly urlOf: (request: Prepared) => string
  readonly build: (facts: Told, time: number, attempt: number, request: Prepared) => RequestSignal
  readonly deliver: (signal: RequestSignal) => void
  readonly isFinal: (hop: HopTrace) => boolean
}

export class HopTrace implements Trace, BodyWatch {
  /** Counts everything that was put on the wire for the call. */
  attempt: number
  readonly request: Prepared
  readonly onChunk: BodyContext["onChunk"]
  /** Its response, once the head is there. */
  response: ResponseHead | undefined = undefined
  /** When the head of its response arrived. */
  headAt: number | undefined = undefined
  private readonly call: HopWatcher
  private timeline: SpanTimeline | undefined = undefined
  private marked: Timeline | undefined = undefined
  /** Of the attempt that goes on. */
  span: AttemptSpan | undefined = undefined
  private facts: AttemptFacts | undefined = undefined
  private ends: ReadonlyArray<(end: AttemptEnd) => void> = none
  private bare: WireRequest | undefined = undefined
  /** What has happened since the head came, until it is told what became of that. */
  private held: Array<RequestSignal> | undefined = undefined
  private holding = false
  private watching: BodyWatch | undefined = undefined
  private transferred = 0
  private sent = 0
  private total: number | undefined = undefined
  // Of a body that was read before its response was given out; negative while it has not come to its end.
  private received = -1
  private decoded = 0
  private bodyError: BodyError | undefined = undefined

  constructor(call: HopWatcher, request: Prepared, attempt: number) {
    this.call = call
    this.request = request
    this.attempt = attempt
    this.onChunk =
      call.telling && request.body._tag !== "Empty"
        ? (chunk, transferred) => this.chunkSent(chunk, transferred)
        : undefined
    this.begin()
  }

  get listening(): boolean {
    return this.call.listening
  }

  offer(facts: Told, time?: number): void {
    if (!this.call.telling) return
    this.hand(this.built(facts, time ?? this.now()))
  }

  /** What happens while bytes are handled happens when they came. */
  private now(): number {
    return this.marked?.readAt ?? this.call.now()
  }

  // The signals of every request are written out: to put one together by a spread costs more than all else.
  private built(facts: Told, time: number): RequestSignal {
    const { call, request } = this
    switch (facts._tag) {
      case "ConnectionReuseconn":
        return {
          _tag: "ConnectionReuseconn",
          time,
          sessionId: call.call.core.id,
          requestId: call.call.id,
          attempt: this.attempt,
          hop: request.hop,
          connectionId: facts.connectionId,
          idle: facts.idle
        }
      case "ConnectionReleased":
        return {
          _tag: "ConnectionReleased",
          time,
          sessionId: call.call.core.id,
          requestId: call.call.id,
          attempt: this.attempt,
          hop: request.hop,
          connectionId: facts.connectionId,
          deviations: facts.deviations
        }
      default:
        return call.build(facts, time, this.attempt, request)
    }
  }

  private hand(signal: RequestSignal): void {
    if (!this.holding) this.call.deliver(signal)
    else if (this.held === undefined) this.held = [signal]
    else this.held.push(signal)
  }

  emit(facts: Told): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.offer(facts)
      return this.call.listen
    })
  }

  /** For effects that read the body, if there are listeners. */
  get listen(): Effect.Effect<void> | undefined {
    return this.call.listening ? this.call.listenInTime : undefined
  }

  /** What was held back comes now. */
  flush(): void {
    const { held } = this
    this.holding = false
    this.held = undefined
    if (held !== undefined) for (const signal of held) this.call.deliver(signal)
  }

  // The attempt.

  private begin(): void {
    const { call, request } = this
    this.span = call.spans?.attempt(request, this.attempt)
    if (call.observers.length === 0) return
    const { origin } = request.target
    const facts: AttemptFacts = {
      method: request.method,
      host: origin.host,
      port: origin.port,
      scheme: origin.scheme,
      template: request.given.urlTemplate,
      time: call.now()
    }
    this.facts = facts
    this.ends = call.observers.map((observer) => observer.attempt(facts))
  }

  private over(end: AttemptEnd): void {
    const { ends } = this
    this.ends = none
    for (const tell of ends) tell(end)
  }

  /** The phases of the hop, told to its spans. */
  marks(startedAt: number): Timeline {
    const { deadlines } = this.call
    if (this.span === undefined) this.marked = new Timeline(deadlines, startedAt)
    else {
      this.timeline = new SpanTimeline(deadlines, startedAt, this)
      this.marked = this.timeline
    }
    return this.marked
  }

  /** Headers that have to replace the request's own. */
  get override(): Pairs | undefined {
    return this.span !== undefined && carriesTrace(this.request.fields.pairs) ? this.span.propagatedPairs : undefined
  }

  /** With the headers that tell the server of the span. */
  propagated(wire: WireRequest): WireRequest {
    if (this.span === undefined || carriesTrace(this.request.fields.pairs)) return wire
    this.bare = wire
    return this.withTrace(wire, this.span)
  }

  private withTrace(wire: WireRequest, span: AttemptSpan): WireRequest {
    const lines = span.propagation
    if (lines === "") return wire
    return {
      method: wire.method,
      target: wire.target,
      head: wire.head + lines,
      version: wire.version,
      body: wire.body,
      expectContinue: wire.expectContinue,
      upgrade: wire.upgrade,
      close: wire.close,
      text: undefined
    }
  }

  connected(connection: Connection, route: Route): void {
    this.span?.connected(connection, route)
  }

  /** The head is about to be written, and with it a body that is there. */
  sending(wire: WireRequest): void {
    this.span?.sending(wire.head, this.request.secretHeaders)
    if (!this.call.telling) return
    const { call, request } = this
    this.hand({
      _tag: "RequestHeadersSent",
      time: call.now(),
      sessionId: call.call.core.id,
      requestId: call.call.id,
      attempt: this.attempt,
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      headers: shownLines(wire.head, request.secretHeaders)
    })
    if (wire.body?._tag !== "Bytes" || wire.body.bytes.length === 0) return
    const { bytes } = wire.body
    this.tellChunk(bytes, bytes.length, bytes.length)
  }

  /** The same where there are listeners, which come first. */
  beforeSending(wire: WireRequest): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.sending(wire)
      return this.call.listen
    })
  }

  private tellChunk(chunk: Uint8Array, transferred: number, total: number | undefined): void {
    this.sent = transferred
    this.offer({
      _tag: "RequestChunkSent",
      method: this.request.method,
      url: this.call.urlOf(this.request),
      chunk,
      transferred,
      ...(total === undefined ? undefined : { total })
    })
  }

  private chunkSent(chunk: Uint8Array, transferred: number): Effect.Effect<void> {
    const { body } = this.request
    return Effect.suspend(() => {
      this.tellChunk(chunk, transferred, "contentLength" in body ? body.contentLength : undefined)
      return this.call.listenBeside
    })
  }

  informational(head: Head): void {
    if (!this.call.telling) return
    this.offer({
      _tag: "ResponseInformational",
      method: this.request.method,
      url: this.call.urlOf(this.request),
      status: head.status,
      headers: shownHead(head)
    })
  }

  /** The head of the final response has come. */
  head(head: Head, response: ResponseHead): void {
    this.response = response
    const { request } = this
    this.headAt = this.now()
    this.holding = true
    const encoded = head.get("content-encoding") !== undefined
    this.total = encoded ? undefined : head.contentLength
    const refused =
      isRedirect(head.status) &&
      request.follow &&
      request.hop >= request.maxRedirects &&
      head.get("location") !== undefined
    this.span?.head(head, refused)
    const { status, version } = head
    const error = status >= 400 || refused ? String(status) : undefined
    this.over({ time: this.headAt, status, version, error })
    this.tellSize("request", this.sent)
  }

  /** The connection has ended without a byte of the response: the same is sent again, with these lines. */
  resent(
    wire: WireRequest,
    reason: "StaleConnection" | "Disconnected",
    error: ClientError,
    attempt: number
  ): WireRequest {
    this.failed(Cause.fail(error))
    if (this.call.telling) {
      this.offer({
        _tag: "RequestRetry",
        method: this.request.method,
        url: this.call.urlOf(this.request),
        reason,
        delay: 0,
        error
      })
    }
    this.attempt = attempt
    this.begin()
    return this.bare === undefined || this.span === undefined ? wire : this.withTrace(this.bare, this.span)
  }

  /** No response has come, and none will. */
  failed(cause: Cause.Cause<unknown>): void {
    this.timeline?.finish()
    this.span?.failed(cause)
    if (this.ends.length === 0) return
    const error = Cause.isInterruptedOnly(cause) ? undefined : errorType(cause)
    this.over({ time: this.call.now(), error })
  }

  // The body of the response.

  get bodyWatch(): BodyWatch | undefined {
    if (!this.call.wantsBody) return undefined
    this.watching ??= this.call.wantsChunks
      ? this
      : { end: (received, decoded, error) => this.end(received, decoded, error) }
    return this.watching
  }

  chunk(chunk: Uint8Array): void {
    if (!this.call.isFinal(this)) return
    this.transferred += chunk.length
    const { call, request } = this
    this.hand({
      _tag: "ResponseChunkReceived",
      time: this.now(),
      sessionId: call.call.core.id,
      requestId: call.call.id,
      attempt: this.attempt,
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      chunk,
      transferred: this.transferred,
      total: this.total
    })
  }

  end(received: number, decoded: number, error: BodyError | undefined): void {
    if (this.received >= 0) return
    this.received = received
    this.decoded = decoded
    this.bodyError = error
    this.tellSize("response", received)
    if (this.call.isFinal(this)) this.tellOutcome()
  }

  private tellSize(direction: "request" | "response", bytes: number): void {
    const { facts } = this
    if (facts === undefined) return
    for (const observer of this.call.observers) observer.body?.(facts, direction, bytes)
  }

  /** Tells how the body has ended, if it has. */
  tellOutcome(): void {
    if (this.received < 0 || !this.call.telling) return
    const { bodyError: error, call, request } = this
    const signal = {
      _tag: "ResponseEnd" as const,
      time: this.now(),
      sessionId: call.call.core.id,
      requestId: call.call.id,
      attempt: this.attempt,
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      received: this.received,
      decoded: this.decoded
    }
    this.hand(error === undefined ? signal : { ...signal, cause: Cause.fail(error) })
  }
}
