/**
 * The stream readers of a connector or a session.
 */
import * as Stream from "effect/Stream"
import type { Signal } from "../../Tracing.js"
import type { TraceHub } from "./trace.js"

export interface Hub extends TraceHub {
  readonly stream: Stream.Stream<Signal>
}

export const makeHub = (): Hub => ({ active: () => false, offer: () => {}, stream: Stream.empty })
