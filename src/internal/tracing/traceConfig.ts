/**
 * What the members of `traceConfigs` are: listeners, or observers that are no effects.
 */
import type * as Effect from "effect/Effect"
import type { SessionOptions, SessionService } from "../../Session.js"
import type { HeaderEditor, Signal, TraceConfig, TypeId } from "../../Tracing.js"
import type { Defaults } from "../request/preparedRequest.js"
import type { Hub, SignalSink } from "../transport/signalHub.js"

export const typeId: TypeId = "~effect-http-session/Tracing/TraceConfig"

/** A listener, whatever it listens to. `headers` is there at the start. */
export type Listener = (
  session: SessionService,
  ctx: unknown,
  signal: Signal,
  headers: HeaderEditor
) => Effect.Effect<void>

/** How an attempt has ended. */
export interface AttemptEnd {
  readonly time: number
  readonly status?: number | undefined
  readonly version?: string | undefined
  /** What it has failed with. */
  readonly error?: string | undefined
}

/** One request on the wire. */
export interface AttemptFacts {
  readonly method: string
  readonly host: string
  readonly port: number
  readonly scheme: string
  readonly template: string | undefined
  /** Monotonic milliseconds. */
  readonly time: number
}

/** Watches without effects, so that requests stay on their fast path. */
export interface Observer {
  /** Told when an attempt begins; what it returns is told when that ends. */
  readonly attempt: (facts: AttemptFacts) => (end: AttemptEnd) => void
  /** Told the bytes of a body when it has ended. */
  readonly body: ((facts: AttemptFacts, direction: "request" | "response", bytes: number) => void) | undefined
  /** For everything that happens on the session's connector. */
  readonly connections: (() => ConnectionSink) | undefined
}

/** Watches the connections of a connector. */
export interface ConnectionSink extends SignalSink {
  /** It is told no more. */
  readonly stop: () => void
}

/** What `Tracing.traceConfig` and `Tracing.metrics` make. */
export class Config implements TraceConfig {
  get "~effect-http-session/Tracing/TraceConfig"(): TypeId {
    return typeId
  }
  readonly listeners: ReadonlyMap<string, Listener>
  readonly ctx: (traceRequestCtx: unknown) => unknown
  readonly observer: Observer | undefined

  constructor(
    listeners: ReadonlyMap<string, Listener>,
    ctx: (traceRequestCtx: unknown) => unknown,
    observer: Observer | undefined
  ) {
    this.listeners = listeners
    this.ctx = ctx
    this.observer = observer
  }
}

/** The configs of a session with the session itself. */
export interface Configs {
  readonly session: SessionService
  readonly listening: ReadonlyArray<Config>
  readonly observers: ReadonlyArray<Observer>
  /** Whether somebody listens to chunks of responses. */
  readonly chunks: boolean
}

const bySession = new WeakMap<Defaults, Configs>()

const watched = new WeakMap<Hub, { readonly stop: () => void; sessions: number }>()

const watch = (hub: Hub, sink: ConnectionSink): (() => void) => {
  const unwatch = hub.watch(sink)
  return () => {
    unwatch()
    sink.stop()
  }
}

/** Connections are counted once for each connector, however many sessions ask for it. */
const connectionsOf = (hub: Hub, make: () => ConnectionSink): (() => void) => {
  const watching = watched.get(hub) ?? { stop: watch(hub, make()), sessions: 0 }
  watched.set(hub, watching)
  watching.sessions++
  return () => {
    if (--watching.sessions > 0) return
    watching.stop()
    watched.delete(hub)
  }
}

/** Remembers whose the configs are. Throws where one is none. */
export const bindConfigs = (
  core: { readonly transport: { readonly hub: Hub }; readonly cleanups: Array<() => void> },
  defaults: Defaults,
  session: SessionService,
  given: SessionOptions["traceConfigs"]
): void => {
  if (given === undefined || given.length === 0) return
  const configs: Array<Config> = []
  for (const config of given) {
    if (!(config instanceof Config)) throw new TypeError("traceConfigs: one was not made by Tracing.traceConfig")
    configs.push(config)
  }
  for (const { observer } of configs) {
    if (observer?.connections !== undefined) core.cleanups.push(connectionsOf(core.transport.hub, observer.connections))
  }
  bySession.set(defaults, {
    session,
    listening: configs.filter((config) => config.listeners.size > 0),
    observers: configs.flatMap(({ observer }) => (observer === undefined ? [] : [observer])),
    chunks: configs.some((config) => config.listeners.has("onResponseChunkReceived"))
  })
}

/** The configs of the session that a request belongs to. */
export const configsOf = (defaults: Defaults): Configs | undefined =>
  defaults.traced ? bySession.get(defaults) : undefined
