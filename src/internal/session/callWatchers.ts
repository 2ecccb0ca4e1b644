/** Decides whether a request is observed. Most are not; they have no trace, and build no signals. */

import { type FiberState, servicesOf } from "../effect/fiberState.js"
import { CallTrace } from "../tracing/callTrace.js"
import { CurrentSink } from "../tracing/collecting.js"
import { spansOf } from "../tracing/spans.js"
import { configsOf } from "../tracing/traceConfig.js"
import type { SignalSink } from "../transport/signalHub.js"
import type { Call } from "./call.js"

/** Creates the trace of a request, or returns `undefined` if the request is not observed. */
export const watch = (call: Call, state: FiberState): CallTrace | undefined => {
  const { core, request } = call
  const { defaults } = request
  const configs = configsOf(defaults)
  const spans = spansOf(state, request, defaults.spans)
  const sink: SignalSink | undefined = servicesOf(state).unsafeMap.get(CurrentSink.key)
  if (
    configs === undefined &&
    spans === undefined &&
    sink === undefined &&
    !core.hub.reading() &&
    !core.transport.hub.reading()
  ) {
    return undefined
  }
  return new CallTrace(call, configs, spans, sink)
}
