/**
 * How signals leave the transport. There is a `Trace` only where somebody watches: without one no signal is built.
 */
import type * as Effect from "effect/Effect"
import type { Signal, SignalBase, SignalsLost } from "../../Tracing.js"

/** A signal without what its request adds. */
export type Facts<S extends Signal = Signal> = S extends Signal ? Omit<S, keyof SignalBase> : never

/** What can be told. */
export type Told = Facts<Exclude<Signal, SignalsLost>>

/** The watchers of one request. */
export interface Trace {
  /** Tells streams and spans at once, of what was just now if `time` does not say when; listeners are run by the request's fiber at its next `emit`. For callbacks. */
  readonly offer: (facts: Told, time?: number) => void
  /** The same, and runs the listeners. For effects. */
  readonly emit: (facts: Told) => Effect.Effect<void>
}

/** The stream readers of a connector. */
export interface TraceHub {
  /** Whether anybody reads: asked before a signal of no request is built. */
  readonly active: () => boolean
  /** A signal that belongs to no request, such as an idle connection that closes. */
  readonly offer: (facts: Told) => void
}
