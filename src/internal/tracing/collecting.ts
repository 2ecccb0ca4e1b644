/** Collects the signals of all requests that an effect sends. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { SignalSink } from "../transport/signalHub.js"

/** The collector of the fiber; `undefined` without one. */
export class CurrentSink extends Context.Reference<CurrentSink>()("effect-http-session/Tracing/CurrentSink", {
  defaultValue: (): SignalSink | undefined => undefined
}) {}

/** Passes the signals of requests that `self` sends to `sink`, and to the collectors around it. */
export const collectInto = <A, E, R>(self: Effect.Effect<A, E, R>, sink: SignalSink): Effect.Effect<A, E, R> =>
  Effect.flatMap(CurrentSink, (outer) =>
    Effect.provideService(
      self,
      CurrentSink,
      outer === undefined
        ? sink
        : {
            signal: (signal) => {
              sink.signal(signal)
              outer.signal(signal)
            }
          }
    )
  )
