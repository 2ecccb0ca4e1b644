/**
 * The signal streams of a connector or a session. Each reader has a bounded buffer, so that a slow reader loses signals
 * instead of blocking requests.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Signal, SignalsLost } from "../../Tracing.js"
import { cancellable } from "../effect/callback.js"
import { type Pull, pullStream } from "../effect/pullStream.js"
import * as Deadlines from "./deadlines.js"
import type { SignalFields, TraceHub } from "./trace.js"

/** Most signals in the buffer of a reader. */
const capacity = 4096

/** Most bytes of body chunks in the buffer of a reader. */
const maxBytes = 4 * 1024 * 1024

/** Receives every signal synchronously. */
export interface SignalSink {
  readonly signal: (signal: Signal) => void
  /** Called when the hub ends, or at once if it has ended. */
  readonly end?: () => void
}

const bytesOf = (signal: Signal | undefined): number =>
  signal !== undefined && (signal._tag === "ResponseChunkReceived" || signal._tag === "RequestChunkSent")
    ? signal.chunk.length
    : 0

/** Milliseconds between two wake-ups of a reader. */
const wakeInterval = 1

/** The buffer of one reader. A full buffer drops its oldest signals. */
export class SignalBuffer implements SignalSink {
  /** The time on the reader's Clock. */
  readonly now: () => number
  private items: Array<Signal | undefined> = []
  private first = 0
  private bytes = 0
  private lost = 0
  private wake: (() => void) | undefined = undefined
  private wokenAt = Number.NEGATIVE_INFINITY
  private immediate: NodeJS.Immediate | undefined = undefined
  private timer: NodeJS.Timeout | undefined = undefined
  private ended = false

  constructor(now: () => number) {
    this.now = now
  }

  signal(signal: Signal): void {
    this.items.push(signal)
    this.bytes += bytesOf(signal)
    while (this.items.length - this.first > capacity || this.bytes > maxBytes) this.drop()
    this.scheduleWake()
  }

  /** Ends the stream after the signals of this event-loop turn. */
  end(): void {
    this.ended = true
    this.scheduleWake()
  }

  private scheduleWake(): void {
    if (this.wake === undefined || this.immediate !== undefined || this.timer !== undefined) return
    if (performance.now() - this.wokenAt < wakeInterval) this.timer = setTimeout(this.wakeReader, wakeInterval)
    else this.immediate = setImmediate(this.wakeReader)
  }

  /** Wakes the reader: at most once per `wakeInterval`, because waking a reader costs more than many signals. */
  private readonly wakeReader = (): void => {
    const { wake } = this
    this.wokenAt = performance.now()
    this.cancelWake()
    this.wake = undefined
    wake?.()
  }

  private cancelWake(): void {
    clearImmediate(this.immediate)
    clearTimeout(this.timer)
    this.immediate = undefined
    this.timer = undefined
  }

  private drop(): void {
    this.bytes -= bytesOf(this.items[this.first])
    this.items[this.first++] = undefined
    this.lost++
    if (this.first < capacity) return
    this.items = this.items.slice(this.first)
    this.first = 0
  }

  private take(): ReadonlyArray<Signal> {
    const out: Array<Signal> = []
    if (this.lost > 0) out.push(this.loss())
    for (let index = this.first; index < this.items.length; index++) {
      const signal = this.items[index]
      if (signal !== undefined) out.push(signal)
    }
    this.items = []
    this.first = 0
    this.bytes = 0
    return out
  }

  private loss(): SignalsLost {
    const count = this.lost
    this.lost = 0
    return { _tag: "SignalsLost", time: this.now(), sessionId: "", requestId: undefined, attempt: 0, hop: 0, count }
  }

  /** All buffered signals. Waits while the buffer is empty, and fails with `None` at the end. */
  readonly pull: Pull<Signal, never> = Effect.suspend(() => {
    if (this.items.length > this.first || this.lost > 0) return Effect.succeed(this.take())
    if (this.ended) return Effect.fail(Option.none())
    return Effect.zipRight(
      this.wait,
      Effect.suspend(() => this.pull)
    )
  })

  private readonly wait: Effect.Effect<void> = cancellable<void>((resume) => {
    if (this.items.length > this.first || this.lost > 0 || this.ended) {
      resume(Effect.void)
      return
    }
    this.wake = () => resume(Effect.void)
    return () => {
      this.wake = undefined
      this.cancelWake()
    }
  })
}

/** The readers of a connector, or of a session on it. */
export interface Hub extends TraceHub {
  readonly stream: Stream.Stream<Signal>
  /** Whether signals of requests have readers. */
  readonly reading: () => boolean
  /** Delivers a signal of a request. */
  readonly deliver: (signal: Signal) => void
  /** Delivers all signals to `sink` until the hub ends. The returned function cancels this. Idempotent per sink. */
  readonly watch: (sink: SignalSink) => () => void
  /** Ends all streams, including those that start later. */
  readonly end: () => void
  /** Delivers signals that do not belong to a request to the readers of a session's hub, too. */
  readonly attach: (hub: Hub) => () => void
}

class SignalHub implements Hub {
  /** The sinks as an array, because every signal iterates over them. */
  private sinks: ReadonlyArray<SignalSink> = []
  private readonly attached = new Set<Hub>()
  private readonly parent: Hub | undefined
  private detach: (() => void) | undefined = undefined
  private ended = false

  constructor(parent: Hub | undefined) {
    this.parent = parent
  }

  readonly reading = (): boolean => this.sinks.length > 0

  readonly active = (): boolean => this.sinks.length > 0 || this.attached.size > 0

  readonly deliver = (signal: Signal): void => {
    for (const sink of this.sinks) sink.signal(signal)
  }

  readonly offer = (facts: SignalFields): void => {
    const signal: Signal = { time: this.now(), sessionId: "", requestId: undefined, attempt: 0, hop: 0, ...facts }
    this.deliver(signal)
    for (const hub of this.attached) hub.deliver(signal)
  }

  /** The time of signals that do not belong to a request: that of a reader's Clock. */
  private now(): number {
    for (const sink of this.sinks) if (sink instanceof SignalBuffer) return sink.now()
    return performance.now()
  }

  readonly watch = (sink: SignalSink): (() => void) => {
    if (!this.sinks.includes(sink)) this.sinks = [...this.sinks, sink]
    if (this.ended) sink.end?.()
    if (this.parent !== undefined) this.detach ??= this.parent.attach(this)
    return () => {
      this.sinks = this.sinks.filter((other) => other !== sink)
      if (this.sinks.length > 0) return
      this.detach?.()
      this.detach = undefined
    }
  }

  readonly end = (): void => {
    this.ended = true
    for (const sink of this.sinks) sink.end?.()
  }

  readonly attach = (hub: Hub): (() => void) => {
    this.attached.add(hub)
    return () => {
      this.attached.delete(hub)
    }
  }

  readonly stream: Stream.Stream<Signal> = Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.map(Clock.clockWith(Effect.succeed), (clock) => {
          const buffer = new SignalBuffer(Deadlines.of(clock).now)
          return { buffer, stop: this.watch(buffer) }
        }),
        ({ stop }) => Effect.sync(stop)
      ),
      ({ buffer }) => pullStream(buffer.pull)
    )
  )
}

/** Creates the hub of a connector, or of a session on it, whose readers also get the signals of the connector. */
export const makeHub = (connector?: Hub): Hub => new SignalHub(connector)
