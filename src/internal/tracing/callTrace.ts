/**
 * The watchers of one call: what happens is told to streams, collectors and spans at once, and to listeners by the
 * request's fiber.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ClientResponse, ResponseHead } from "../../ClientResponse.js"
import { redactUrl } from "../redact.js"
import type { Prepared } from "../request/preparedRequest.js"
import type { Response } from "../response/response.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Hub, SignalSink } from "../transport/signalHub.js"
import type { Told, Trace } from "../transport/trace.js"
import { HopTrace, type RequestSignal } from "./hopTrace.js"
import { type ListenedCall, Listeners } from "./listeners.js"
import { shownFields, shownResponse } from "./shownMessages.js"
import type { Spans } from "./spans.js"
import type { Configs, Observer } from "./traceConfig.js"

const noObservers: ReadonlyArray<Observer> = []

/** The call that is watched. */
export interface TracedCall extends ListenedCall {
  readonly core: ListenedCall["core"] & {
    readonly id: string
    readonly closed: boolean
    readonly hub: Hub
    readonly transport: { readonly hub: Hub }
  }
  readonly id: number
  readonly attempt: number
  readonly startedAt: number
}

export class CallTrace implements Trace {
  /** Whether there are listeners, which are run between the steps of a hop. */
  readonly listening: boolean
  readonly observers: ReadonlyArray<Observer>
  readonly spans: Spans | undefined
  readonly deadlines: Deadlines
  /** Runs the listeners of what has been told. */
  readonly listen: Effect.Effect<void>
  readonly call: TracedCall
  private readonly configs: Configs | undefined
  private readonly sink: SignalSink | undefined
  private readonly listeners: Listeners | undefined
  /** Almost always there is one. */
  private first: HopTrace | undefined = undefined
  private others: Array<HopTrace> | undefined = undefined
  private final: HopTrace | undefined = undefined
  private state: "unseen" | "begun" | "over" = "unseen"

  constructor(call: TracedCall, configs: Configs | undefined, spans: Spans | undefined, sink: SignalSink | undefined) {
    this.call = call
    this.configs = configs
    this.spans = spans
    this.sink = sink
    this.deadlines = call.deadlines
    this.observers = configs?.observers ?? noObservers
    this.listeners = configs !== undefined && configs.listening.length > 0 ? new Listeners(call, configs) : undefined
    this.listening = this.listeners !== undefined
    this.listen = this.listeners?.listen ?? Effect.void
  }

  // What is told.

  now(): number {
    return this.deadlines.now()
  }

  /** Whether anybody wants signals: spans and metrics alone do without. */
  get telling(): boolean {
    const { core } = this.call
    return this.listening || this.sink !== undefined || core.hub.reading() || core.transport.hub.reading()
  }

  /** Whether anybody wants to know of bodies. */
  get wantsBody(): boolean {
    return this.telling || this.observers.some((observer) => observer.body !== undefined)
  }

  /** Whether anybody wants the bytes of the body. */
  get wantsChunks(): boolean {
    const { core } = this.call
    return (
      this.configs?.chunks === true || this.sink !== undefined || core.hub.reading() || core.transport.hub.reading()
    )
  }

  urlOf(request: Prepared): string {
    return request.target.shownUrl
  }

  build(facts: Told, time: number, attempt: number, request: Prepared): RequestSignal {
    const { core, id } = this.call
    return { time, sessionId: core.id, requestId: id, attempt, hop: request.hop, ...facts }
  }

  deliver(signal: RequestSignal): void {
    if (this.state === "unseen") return
    const { core } = this.call
    if (core.hub.reading()) core.hub.deliver(signal)
    if (core.transport.hub.reading()) core.transport.hub.deliver(signal)
    this.sink?.signal(signal)
    if (this.listeners === undefined) return
    this.listeners.add(signal)
    if (this.state === "over") this.listeners.pump()
  }

  offer(facts: Told, time = this.now()): void {
    this.flush()
    this.tell(facts, time)
  }

  emit(facts: Told): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.offer(facts)
      return this.listen
    })
  }

  private tell(facts: Told, time: number, attempt = Math.max(1, this.call.attempt)): void {
    if (this.telling) this.deliver(this.build(facts, time, attempt, this.call.request))
  }

  private flush(): void {
    this.first?.flush()
    if (this.others !== undefined) for (const hop of this.others) hop.flush()
  }

  // Listeners.

  /** `listen` under the total limit, which is no longer the call's own once that is over. */
  get listenInTime(): Effect.Effect<void> {
    return Effect.suspend(() => (this.state === "over" ? (this.listeners?.listenInTime ?? Effect.void) : this.listen))
  }

  /** `listen` for other fibers than the request's. */
  get listenBeside(): Effect.Effect<void> {
    return this.listeners?.listenBeside ?? Effect.void
  }

  // The call.

  /** Tells that the request begins. A closed session tells nothing. */
  begin(): void {
    const { call } = this
    const { request } = call
    if (call.core.closed) return
    this.state = "begun"
    this.listeners?.begin()
    if (!this.telling) return
    this.deliver({
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

  /** The same for listeners, and hands the request to `send` as they want it. */
  start<A, E>(send: (request: Prepared) => Effect.Effect<A, E>): Effect.Effect<A, E> {
    const { request } = this.call
    this.begin()
    if (this.state === "unseen") return send(request)
    return Effect.flatMap(this.listen, () => send(this.listeners?.edited(request) ?? request))
  }

  /** The trace of a hop that is about to be sent. */
  hop(request: Prepared): HopTrace {
    this.flush()
    const hop = new HopTrace(this, request, this.call.attempt + 1)
    if (this.first === undefined) this.first = hop
    else {
      this.others ??= []
      this.others.push(hop)
    }
    return hop
  }

  /** The trace of the hop that brought a response. */
  private traceOf(response: ClientResponse): HopTrace | undefined {
    if (this.first?.response === response) return this.first
    return this.others?.find((hop) => hop.response === response)
  }

  /** Whether the hop has brought what the request has ended with. */
  isFinal(hop: HopTrace): boolean {
    return this.final === hop
  }

  /** A redirect has come. */
  redirected(response: Response, location: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { request } = this.call
      const hop = this.traceOf(response)
      if (this.telling) {
        this.tell(
          {
            _tag: "RequestRedirect",
            method: request.method,
            url: this.urlOf(request),
            response: shownResponse(response),
            location: redactUrl(location)
          },
          hop?.headAt ?? this.now(),
          hop?.attempt
        )
      }
      this.flush()
      return this.listen
    })
  }

  /** The final head has come. With listeners, what has to be done before the request goes on. */
  ended(response: ClientResponse): Effect.Effect<ClientResponse> | undefined {
    if (this.listening) {
      return Effect.suspend(() => {
        this.tellEnd(response)
        return Effect.as(this.listen, response)
      })
    }
    this.tellEnd(response)
    return undefined
  }

  /** The same for responses that went by no step of ours. */
  settled(response: ClientResponse): void {
    if (this.state === "begun") this.tellEnd(response)
  }

  private tellEnd(response: ClientResponse): void {
    if (this.state !== "begun") return
    const hop = this.traceOf(response)
    this.final = hop
    if (this.telling) {
      const { call } = this
      const head: ResponseHead = shownResponse(response)
      this.deliver({
        _tag: "RequestEnd",
        time: hop?.headAt ?? this.now(),
        sessionId: call.core.id,
        requestId: call.id,
        attempt: hop?.attempt ?? Math.max(1, call.attempt),
        hop: call.request.hop,
        method: response.method,
        url: hop === undefined ? redactUrl(response.url) : hop.request.target.shownUrl,
        response: head
      })
    }
    this.state = "over"
    this.flush()
    hop?.tellOutcome()
  }

  /** The request has failed; listeners hear of it as finalizers do. */
  failed<E>(cause: Cause.Cause<E>): Effect.Effect<never, E> {
    this.first?.failed(cause)
    if (this.others !== undefined) for (const hop of this.others) hop.failed(cause)
    if (this.state === "begun") {
      const { request } = this.call
      this.flush()
      this.tell({ _tag: "RequestException", method: request.method, url: this.urlOf(request), cause }, this.now())
      this.state = "over"
    }
    const { listeners } = this
    if (listeners === undefined) return Effect.failCause(cause)
    const whole: Cause.Cause<E> = listeners.defect === undefined ? cause : Cause.sequential(listeners.defect, cause)
    return Effect.matchCauseEffect(listeners.listenToFailure, {
      onFailure: (also) => Effect.failCause(Cause.sequential(whole, also)),
      onSuccess: () => Effect.failCause(whole)
    })
  }

  /** The response has been given back: listeners hear the rest. */
  get finish(): Effect.Effect<void> {
    const { listeners } = this
    if (listeners === undefined) return Effect.void
    return Effect.flatMap(this.listenInTime, () =>
      listeners.defect === undefined ? Effect.void : Effect.failCause(listeners.defect)
    )
  }
}
