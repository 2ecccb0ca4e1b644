/** The trace of one call: emits the signals of its start, redirects and end, and owns the traces of its hops. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ClientResponse } from "../../ClientResponse.js"
import { redactUrl } from "../redact.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Response } from "../response/response.js"
import type { SignalSink } from "../transport/signalHub.js"
import type { SignalFields, Trace } from "../transport/trace.js"
import { HopTrace } from "./hopTrace.js"
import { shownFields, shownResponse } from "./shownMessages.js"
import { SignalDelivery, type TracedCall } from "./signalDelivery.js"
import type { Spans } from "./spans.js"
import type { Configs } from "./traceConfig.js"

export class CallTrace implements Trace {
  /** Whether there are listeners, which run between the steps of a hop. */
  readonly listening: boolean
  private readonly call: TracedCall
  private readonly delivery: SignalDelivery
  private readonly spans: Spans | undefined
  /** The trace of the first hop. Most calls have only one. */
  private firstHop: HopTrace | undefined = undefined
  private otherHops: Array<HopTrace> | undefined = undefined

  constructor(call: TracedCall, configs: Configs | undefined, spans: Spans | undefined, sink: SignalSink | undefined) {
    this.call = call
    this.delivery = new SignalDelivery(call, configs, sink)
    this.spans = spans
    this.listening = this.delivery.listening
  }

  offer(fields: SignalFields, time = this.delivery.now()): void {
    this.flush()
    this.emitAt(fields, time)
  }

  emit(fields: SignalFields): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.offer(fields)
      return this.delivery.listen
    })
  }

  private emitAt(fields: SignalFields, time: number, attempt = Math.max(1, this.call.attempt)): void {
    const { delivery } = this
    if (delivery.hasSubscribers) delivery.deliver(delivery.build(fields, time, attempt, this.call.request))
  }

  private flush(): void {
    this.firstHop?.flush()
    if (this.otherHops !== undefined) for (const hop of this.otherHops) hop.flush()
  }

  /** Emits the start of the request, unless the session is closed. */
  begin(): void {
    const { call, delivery } = this
    const { request } = call
    if (call.core.closed) return
    delivery.state = "begun"
    delivery.listeners?.begin()
    if (!delivery.hasSubscribers) return
    delivery.deliver({
      _tag: "RequestStart",
      time: call.startedAt,
      sessionId: call.core.id,
      requestId: call.id,
      attempt: Math.max(1, call.attempt),
      hop: request.hop,
      method: request.method,
      url: request.target.shownUrl,
      headers: shownFields(request.fields)
    })
  }

  /** Like `begin`, for a call with listeners: passes the request to `send` with the headers that they set. */
  start<A, E>(send: (request: PreparedRequest) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    const { delivery } = this
    const { request } = this.call
    this.begin()
    if (delivery.state === "unseen") return send(request)
    return Effect.flatMap(delivery.listen, () => send(delivery.listeners?.edited(request) ?? request))
  }

  /** Creates the trace of a hop before it is sent. */
  hop(request: PreparedRequest): HopTrace {
    this.flush()
    const hop = new HopTrace(this.delivery, this.spans, request, this.call.attempt + 1)
    if (this.firstHop === undefined) this.firstHop = hop
    else {
      this.otherHops ??= []
      this.otherHops.push(hop)
    }
    return hop
  }

  /** The trace of the hop that received a response. */
  private traceOf(response: ClientResponse): HopTrace | undefined {
    if (this.firstHop?.response === response) return this.firstHop
    return this.otherHops?.find((hop) => hop.response === response)
  }

  /** Emits a redirect. */
  redirected(response: Response, location: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { request } = this.call
      const hop = this.traceOf(response)
      if (this.delivery.hasSubscribers) {
        this.emitAt(
          {
            _tag: "RequestRedirect",
            method: request.method,
            url: request.target.shownUrl,
            response: shownResponse(response),
            location: redactUrl(location)
          },
          hop?.headAt ?? this.delivery.now(),
          hop?.attempt
        )
      }
      this.flush()
      return this.delivery.listen
    })
  }

  /** Emits the final head. With listeners, returns an effect that runs them, with which the request must continue. */
  ended(response: ClientResponse): Effect.Effect<ClientResponse> | undefined {
    if (this.listening) {
      return Effect.suspend(() => {
        this.emitRequestEnd(response)
        return Effect.as(this.delivery.listen, response)
      })
    }
    this.emitRequestEnd(response)
    return undefined
  }

  /** Emits the final head if `ended` has not, for example for a response that a middleware made. */
  settled(response: ClientResponse): void {
    if (this.delivery.state === "begun") this.emitRequestEnd(response)
  }

  private emitRequestEnd(response: ClientResponse): void {
    const { call, delivery } = this
    if (delivery.state !== "begun") return
    const hop = this.traceOf(response)
    if (hop !== undefined) hop.isFinal = true
    if (delivery.hasSubscribers) {
      delivery.deliver({
        _tag: "RequestEnd",
        time: hop?.headAt ?? delivery.now(),
        sessionId: call.core.id,
        requestId: call.id,
        attempt: hop?.attempt ?? Math.max(1, call.attempt),
        hop: call.request.hop,
        method: response.method,
        url: hop === undefined ? redactUrl(response.url) : hop.request.target.shownUrl,
        response: shownResponse(response)
      })
    }
    delivery.state = "over"
    this.flush()
    if (hop === undefined) this.emitMadeResponseEnd(response)
    else hop.emitResponseEnd()
  }

  /** Emits the end of a body that a middleware made, which is complete without a received byte. */
  private emitMadeResponseEnd(response: ClientResponse): void {
    const { method, url } = response
    this.emitAt({ _tag: "ResponseEnd", method, url: redactUrl(url), received: 0, decoded: 0 }, this.delivery.now())
  }

  /** Emits a failure. Listeners run, like finalizers, before the request fails with `cause`. */
  failed<E>(cause: Cause.Cause<E>): Effect.Effect<never, E> {
    const { delivery } = this
    this.firstHop?.failed(cause)
    if (this.otherHops !== undefined) for (const hop of this.otherHops) hop.failed(cause)
    if (delivery.state === "begun") {
      const { method, target } = this.call.request
      this.flush()
      this.emitAt({ _tag: "RequestException", method, url: target.shownUrl, cause }, delivery.now())
      delivery.state = "over"
    }
    const { listeners } = delivery
    if (listeners === undefined) return Effect.failCause(cause)
    const fullCause: Cause.Cause<E> = listeners.defect === undefined ? cause : Cause.sequential(listeners.defect, cause)
    return Effect.matchCauseEffect(listeners.listenToFailure, {
      onFailure: (listenerCause) => Effect.failCause(Cause.sequential(fullCause, listenerCause)),
      onSuccess: () => Effect.failCause(fullCause)
    })
  }

  /** Runs the remaining listeners after the response was released. */
  get finish(): Effect.Effect<void> {
    const { listeners } = this.delivery
    if (listeners === undefined) return Effect.void
    return Effect.flatMap(this.delivery.listenInTime, () =>
      listeners.defect === undefined ? Effect.void : Effect.failCause(listeners.defect)
    )
  }
}
