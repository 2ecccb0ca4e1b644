/** The trace of one hop: emits the signals of its attempts and of the response body, and updates their spans. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ResponseHead } from "../../ClientResponse.js"
import type { BodyError, ClientError } from "../../Errors.js"
import type { RequestRetry } from "../../Tracing.js"
import type { Pairs } from "../http/headerFields.js"
import { isRedirect } from "../http/methods.js"
import type { BodyContext } from "../request/body/bodyWriter.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { TracedRequest } from "../request/tracedRequest.js"
import type { BodyWatch } from "../response/body/bodyReader.js"
import type { SignalFields, Trace } from "../transport/trace.js"
import type { Connection, Head, Route, WireRequest } from "../transport/transport.js"
import type { AttemptSpan } from "./attemptSpan.js"
import { HopSignals } from "./hopSignals.js"
import { shownHead, shownLines } from "./shownMessages.js"
import type { SignalDelivery } from "./signalDelivery.js"
import { carriesTrace, type Spans } from "./spans.js"
import { SpanTimeline } from "./spanTimeline.js"
import { errorType } from "./telemetryNames.js"
import { Timeline } from "./timeline.js"
import type { AttemptEnd, AttemptFacts } from "./traceConfig.js"

const none: ReadonlyArray<(end: AttemptEnd) => void> = []

export class HopTrace implements Trace, BodyWatch {
  readonly request: PreparedRequest
  readonly onChunk: BodyContext["onChunk"]
  /** The response, once its head has arrived. */
  response: ResponseHead | undefined = undefined
  /** When the head of the response arrived. */
  headAt: number | undefined = undefined
  /** Whether the request ended with the response of this hop. The trace of the call sets it. */
  isFinal = false
  private readonly delivery: SignalDelivery
  private readonly signals: HopSignals
  private readonly spans: Spans | undefined
  private timeline: SpanTimeline | undefined = undefined
  /** The span of the current attempt. */
  span: AttemptSpan | undefined = undefined
  private facts: AttemptFacts | undefined = undefined
  /** Called when the current attempt ends. Empty once they were called. */
  private endCallbacks: ReadonlyArray<(end: AttemptEnd) => void> = none
  /** The request without the propagation headers of the span, for the next attempt. */
  private wireWithoutTrace: WireRequest | undefined = undefined
  /** The connection of the current attempt. */
  private connection: Connection | undefined = undefined
  private watching: BodyWatch | undefined = undefined
  private transferred = 0
  private sent = 0
  private total: number | undefined = undefined
  // Totals of a body that ended before its response was final. `received` is negative until the body has ended.
  private received = -1
  private decoded = 0
  private bodyError: BodyError | undefined = undefined

  constructor(delivery: SignalDelivery, spans: Spans | undefined, request: PreparedRequest, attempt: number) {
    this.delivery = delivery
    this.spans = spans
    this.request = request
    this.signals = new HopSignals(delivery, request, attempt)
    this.onChunk =
      delivery.hasSubscribers && request.body._tag !== "Empty"
        ? (chunk, transferred) => this.chunkSent(chunk, transferred)
        : undefined
    this.begin()
  }

  /** Number of the current attempt, counted over the whole call. */
  get attempt(): number {
    return this.signals.attempt
  }

  get listening(): boolean {
    return this.delivery.listening
  }

  offer(fields: SignalFields, time?: number): void {
    this.signals.offer(fields, time)
  }

  emit(fields: SignalFields): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.offer(fields)
      return this.delivery.listen
    })
  }

  /** Runs the listeners, for effects that read the body; `undefined` without listeners. */
  get listen(): Effect.Effect<void> | undefined {
    return this.delivery.listening ? this.delivery.listenInTime : undefined
  }

  /** Delivers the buffered signals. */
  flush(): void {
    this.signals.flush()
  }

  // The attempt.

  private begin(): void {
    const { delivery, request } = this
    this.span = this.spans?.attempt(request, this.attempt)
    if (delivery.observers.length === 0) return
    const { origin } = request.target
    const facts: AttemptFacts = {
      method: request.method,
      host: origin.host,
      port: origin.port,
      scheme: origin.scheme,
      template: request.given.urlTemplate,
      time: delivery.now()
    }
    this.facts = facts
    this.endCallbacks = delivery.observers.map((observer) => observer.attempt(facts))
  }

  /** Reports the end of the current attempt to the observers, once. */
  private reportEnd(end: AttemptEnd): void {
    const { endCallbacks } = this
    this.endCallbacks = none
    for (const callback of endCallbacks) callback(end)
  }

  /** The timeline of the hop, which also drives the phases of the span. */
  marks(startedAt: number): Timeline {
    const { deadlines } = this.delivery
    if (this.span !== undefined) this.timeline = new SpanTimeline(deadlines, startedAt, this)
    const marks = this.timeline ?? new Timeline(deadlines, startedAt)
    this.signals.marks = marks
    return marks
  }

  /** The propagation headers of the span, if they replace trace headers of the request. */
  get override(): Pairs | undefined {
    return this.span !== undefined && carriesTrace(this.request.fields.pairs) ? this.span.propagatedPairs : undefined
  }

  /** The request with the propagation headers of the span, unless it has its own. */
  propagated(wire: WireRequest): WireRequest {
    if (this.span === undefined || carriesTrace(this.request.fields.pairs)) return wire
    this.wireWithoutTrace = wire
    return this.withTrace(wire, this.span)
  }

  private withTrace(wire: WireRequest, span: AttemptSpan): WireRequest {
    const lines = span.propagation
    if (lines === "") return wire
    return new TracedRequest(wire, lines)
  }

  connected(connection: Connection, route: Route): void {
    this.connection = connection
    this.span?.connected(connection, route)
  }

  /** Emits the signals before a head is written, and with it a body in memory. */
  sending(wire: WireRequest): void {
    this.span?.sending(wire.head, this.request.secretHeaders)
    if (!this.delivery.hasSubscribers) return
    const { delivery, request } = this
    this.signals.enqueue({
      _tag: "RequestHeadersSent",
      time: delivery.now(),
      sessionId: delivery.call.core.id,
      requestId: delivery.call.id,
      attempt: this.attempt,
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      headers: shownLines(wire.head, request.secretHeaders)
    })
    if (wire.body?._tag !== "Bytes" || wire.body.bytes.length === 0) return
    const { bytes } = wire.body
    this.emitChunkSent(bytes, bytes.length, bytes.length)
  }

  /** Like `sending`, but runs the listeners first. */
  beforeSending(wire: WireRequest): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.sending(wire)
      return this.delivery.listen
    })
  }

  private emitChunkSent(chunk: Uint8Array, transferred: number, total: number | undefined): void {
    this.sent = transferred
    this.offer({
      _tag: "RequestChunkSent",
      method: this.request.method,
      url: this.request.target.shownUrl,
      chunk,
      transferred,
      ...(total === undefined ? undefined : { total })
    })
  }

  private chunkSent(chunk: Uint8Array, transferred: number): Effect.Effect<void> {
    const { body } = this.request
    return Effect.suspend(() => {
      this.emitChunkSent(chunk, transferred, "contentLength" in body ? body.contentLength : undefined)
      return this.delivery.listenBeside
    })
  }

  informational(head: Head): void {
    if (!this.delivery.hasSubscribers) return
    this.offer({
      _tag: "ResponseInformational",
      method: this.request.method,
      url: this.request.target.shownUrl,
      status: head.status,
      headers: shownHead(head)
    })
  }

  /** Call with the head of the response. */
  head(head: Head, response: ResponseHead): void {
    this.response = response
    const { request } = this
    this.headAt = this.signals.now()
    this.signals.hold()
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
    this.reportEnd({ time: this.headAt, status, version, error })
    this.observeSize("request", this.sent)
  }

  /** Call when the request is sent again after an attempt without a response. Returns the request to send. */
  resent(wire: WireRequest, reason: RequestRetry["reason"], error: ClientError, attempt: number): WireRequest {
    this.failed(Cause.fail(error))
    if (this.delivery.hasSubscribers) {
      this.offer({
        _tag: "RequestRetry",
        method: this.request.method,
        url: this.request.target.shownUrl,
        reason,
        delay: 0,
        error
      })
    }
    this.signals.attempt = attempt
    this.begin()
    return this.wireWithoutTrace === undefined || this.span === undefined
      ? wire
      : this.withTrace(this.wireWithoutTrace, this.span)
  }

  /** Call when an attempt ends without a response. */
  failed(cause: Cause.Cause<unknown>): void {
    this.timeline?.finish()
    this.span?.failed(cause)
    if (this.endCallbacks.length === 0) return
    const error = Cause.isInterruptedOnly(cause) ? undefined : errorType(cause)
    this.reportEnd({ time: this.delivery.now(), error })
  }

  // The response body.

  get bodyWatch(): BodyWatch | undefined {
    if (!this.delivery.wantsBody) return undefined
    this.watching ??= this.delivery.wantsChunks
      ? this
      : { end: (received, decoded, error) => this.end(received, decoded, error) }
    return this.watching
  }

  chunk(chunk: Uint8Array): void {
    if (!this.isFinal) return
    this.transferred += chunk.length
    const { delivery, request } = this
    this.signals.enqueue({
      _tag: "ResponseChunkReceived",
      time: this.signals.now(),
      sessionId: delivery.call.core.id,
      requestId: delivery.call.id,
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
    this.observeSize("response", received)
    if (this.isFinal) this.emitResponseEnd()
  }

  private observeSize(direction: "request" | "response", bytes: number): void {
    const { facts } = this
    if (facts === undefined) return
    for (const observer of this.delivery.observers) observer.body?.(facts, direction, bytes)
  }

  /** Emits the end of the body, if it has ended. */
  emitResponseEnd(): void {
    if (this.received < 0 || !this.delivery.hasSubscribers) return
    const { bodyError: error, connection, delivery, request } = this
    const streamId = connection?.info.streamId
    const signal = {
      _tag: "ResponseEnd" as const,
      time: this.signals.now(),
      sessionId: delivery.call.core.id,
      requestId: delivery.call.id,
      attempt: this.attempt,
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      received: this.received,
      decoded: this.decoded,
      ...(streamId === undefined ? undefined : { streamId })
    }
    this.signals.enqueue(error === undefined ? signal : { ...signal, cause: Cause.fail(error) })
  }
}
