/**
 * The interfaces by which the transport emits signals. A request has a `Trace` only if it is observed; without one, no
 * signal is built.
 */
import type * as Effect from "effect/Effect"
import type { Signal, SignalBase, SignalsLost } from "../../Tracing.js"

/** The fields of a signal, except those that its request adds. */
export type Facts<S extends Signal = Signal> = S extends Signal ? Omit<S, keyof SignalBase> : never

/** A signal of a request. Excludes `SignalsLost`, which a reader of a stream gets if it is too slow. */
export type RequestSignal = Exclude<Signal, SignalsLost>

/** The fields of a signal that can be emitted. */
export type SignalFields = Facts<RequestSignal>

/** Emits the signals of one request. */
export interface Trace {
  /**
   * Delivers a signal to streams and spans synchronously; `time` defaults to now. Listeners run at the next `emit`, in
   * the request's fiber.
   */
  readonly offer: (fields: SignalFields, time?: number) => void
  /** Delivers a signal and runs the listeners. */
  readonly emit: (fields: SignalFields) => Effect.Effect<void>
}

/** Emits the signals of a connector that do not belong to a request. */
export interface TraceHub {
  /** Whether the connector's streams have readers. Check it before building a signal. */
  readonly active: () => boolean
  /** Delivers a signal, such as the close of an idle connection. */
  readonly offer: (fields: SignalFields) => void
}
