/** The members of the option `traceConfigs`: configs with listeners, and observers, which run no effects. */
import type * as Effect from "effect/Effect"
import type { SessionOptions, SessionService } from "../../Session.js"
import type { HeaderEditor, Signal, TraceConfig, TypeId } from "../../Tracing.js"
import type { Defaults } from "../request/preparedRequest.js"
import type { Hub, SignalSink } from "../transport/signalHub.js"

export const typeId: TypeId = "~effect-http-session/Tracing/TraceConfig"

/** A listener of any signal. It gets `headers` only for RequestStart. */
export type Listener = (
  session: SessionService,
  ctx: unknown,
  signal: Signal,
  headers: HeaderEditor
) => Effect.Effect<void>

/** The end of an attempt. */
export interface AttemptEnd {
  readonly time: number
  readonly status?: number | undefined
  readonly version?: string | undefined
  /** The value of the attribute `error.type`. */
  readonly error?: string | undefined
}

/** The facts of one attempt. */
export interface AttemptFacts {
  readonly method: string
  readonly host: string
  readonly port: number
  readonly scheme: string
  readonly template: string | undefined
  /** In monotonic milliseconds. */
  readonly time: number
}

/** Observes requests without running effects, so that they take the fast path. */
export interface Observer {
  /** Called when an attempt starts. The returned function is called when the attempt ends. */
  readonly attempt: (facts: AttemptFacts) => (end: AttemptEnd) => void
  /** Called with the size of a body when the body has ended. */
  readonly body: ((facts: AttemptFacts, direction: "request" | "response", bytes: number) => void) | undefined
  /** Observes the connector of the session. */
  readonly connections: (() => ConnectionSink) | undefined
}

/** Receives the signals of a connector. */
export interface ConnectionSink extends SignalSink {
  /** Called after the last signal. */
  readonly stop: () => void
}

/** The value that `Tracing.traceConfig` and `Tracing.metrics` return. */
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

/** The configs of a session. */
export interface Configs {
  readonly session: SessionService
  readonly listening: ReadonlyArray<Config>
  readonly observers: ReadonlyArray<Observer>
  /** Whether a config has a listener for response chunks. */
  readonly chunks: boolean
}

const configsByDefaults = new WeakMap<Defaults, Configs>()

const connectorWatches = new WeakMap<Hub, { readonly stop: () => void; sessions: number }>()

const watch = (hub: Hub, sink: ConnectionSink): (() => void) => {
  const unwatch = hub.watch(sink)
  return () => {
    unwatch()
    sink.stop()
  }
}

/** Observes a connector once, even if several sessions observe it. */
const connectionsOf = (hub: Hub, make: () => ConnectionSink): (() => void) => {
  const watching = connectorWatches.get(hub) ?? { stop: watch(hub, make()), sessions: 0 }
  connectorWatches.set(hub, watching)
  watching.sessions++
  return () => {
    if (--watching.sessions > 0) return
    watching.stop()
    connectorWatches.delete(hub)
  }
}

/** Binds the configs of a session to its defaults. Throws if one of them is invalid. */
export const bindConfigs = (
  core: { readonly transport: { readonly hub: Hub }; readonly cleanups: Array<() => void> },
  defaults: Defaults,
  session: SessionService,
  traceConfigs: SessionOptions["traceConfigs"]
): void => {
  if (traceConfigs === undefined || traceConfigs.length === 0) return
  const configs: Array<Config> = []
  for (const config of traceConfigs) {
    if (!(config instanceof Config))
      throw new TypeError(
        'Invalid option "traceConfigs": expected configs made by Tracing.traceConfig or Tracing.metrics'
      )
    configs.push(config)
  }
  for (const { observer } of configs) {
    if (observer?.connections !== undefined) core.cleanups.push(connectionsOf(core.transport.hub, observer.connections))
  }
  configsByDefaults.set(defaults, {
    session,
    listening: configs.filter((config) => config.listeners.size > 0),
    observers: configs.flatMap(({ observer }) => (observer === undefined ? [] : [observer])),
    chunks: configs.some((config) => config.listeners.has("onResponseChunkReceived"))
  })
}

/** The configs of the session of a request; `undefined` if it has none. */
export const configsOf = (defaults: Defaults): Configs | undefined =>
  defaults.traced ? configsByDefaults.get(defaults) : undefined
