/** The spans that HTTP clients of Effect make. */
import { Effect } from "effect"
import { HttpClient } from "effect/http"

/** The name of the span of a GET. */
export const getSpanName = "GET"

/** Shows the headers of requests and responses in spans. */
export const withHeaderAttributes = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, HttpClient.TracerHeaderFilter, () => true)

/** Whether a request has no trace context, by its header. A disabled tracer of Effect 4 makes spans with the id "noop". */
export const isUntraced = (traceparent: string | undefined): boolean =>
  traceparent === undefined || traceparent.includes("noop")
