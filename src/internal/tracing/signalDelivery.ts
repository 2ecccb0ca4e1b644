/**
 * Delivers the signals of one call: to readers of streams and collectors at once, and to listeners at the next step of
 * the request's fiber.
 */
import * as Effect from "effect/Effect"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Deadlines } from "../transport/deadlines.js"
import type { Hub, SignalSink } from "../transport/signalHub.js"
import type { RequestSignal, SignalFields } from "../transport/trace.js"
import { type ListenedCall, Listeners } from "./listeners.js"
import type { Configs, Observer } from "./traceConfig.js"

/** The members of a call that tracing uses. */
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

const noObservers: ReadonlyArray<Observer> = []

export class SignalDelivery {
  /** "unseen" until the request begins. It never begins if the session is closed, and delivers no signals then. */
  state: "unseen" | "begun" | "over" = "unseen"
  readonly call: TracedCall
  readonly deadlines: Deadlines
  readonly observers: ReadonlyArray<Observer>
  readonly listeners: Listeners | undefined
  /** Runs the listeners of all signals so far. */
  readonly listen: Effect.Effect<void>
  private readonly wantsResponseChunks: boolean
  private readonly sink: SignalSink | undefined

  constructor(call: TracedCall, configs: Configs | undefined, sink: SignalSink | undefined) {
    this.call = call
    this.deadlines = call.deadlines
    this.observers = configs?.observers ?? noObservers
    this.listeners = configs !== undefined && configs.listening.length > 0 ? new Listeners(call, configs) : undefined
    this.listen = this.listeners?.listen ?? Effect.void
    this.wantsResponseChunks = configs?.chunks === true
    this.sink = sink
  }

  /** Whether there are listeners, which run between the steps of a hop. */
  get listening(): boolean {
    return this.listeners !== undefined
  }

  private get streaming(): boolean {
    const { core } = this.call
    return this.sink !== undefined || core.hub.reading() || core.transport.hub.reading()
  }

  /** Whether signals have a recipient. Spans and metrics do not count, because they do not use signals. */
  get hasSubscribers(): boolean {
    return this.listening || this.streaming
  }

  /** Whether a recipient or an observer needs the end of a body. */
  get wantsBody(): boolean {
    return this.hasSubscribers || this.observers.some((observer) => observer.body !== undefined)
  }

  /** Whether a recipient needs the bytes of a body. */
  get wantsChunks(): boolean {
    return this.wantsResponseChunks || this.streaming
  }

  now(): number {
    return this.deadlines.now()
  }

  build(fields: SignalFields, time: number, attempt: number, request: PreparedRequest): RequestSignal {
    const { core, id } = this.call
    return { time, sessionId: core.id, requestId: id, attempt, hop: request.hop, ...fields }
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

  /** Runs the listeners within the total limit, even after the end of the call, which no longer enforces it. */
  get listenInTime(): Effect.Effect<void> {
    return Effect.suspend(() => (this.state === "over" ? (this.listeners?.listenInTime ?? Effect.void) : this.listen))
  }

  /** Runs the listeners in another fiber than that of the request. */
  get listenBeside(): Effect.Effect<void> {
    return this.listeners?.listenBeside ?? Effect.void
  }
}
