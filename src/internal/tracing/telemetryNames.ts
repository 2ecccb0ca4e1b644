/** Names of low cardinality for spans and metrics. */
import * as Cause from "effect/Cause"
import { StreamResetError } from "../../Errors.js"

/** The methods in span names and attributes (RFC 9110, and PATCH). Any other counts as unknown. */
export const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "TRACE",
  "CONNECT"
])

/** The name of an error, for the attribute `error.type` and for logs. */
export const errorType = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  if (typeof error === "object" && error !== null) {
    if (error instanceof StreamResetError) return `http2.${error.code.toLowerCase()}`
    if ("_tag" in error && typeof error._tag === "string") return error._tag
    if (error instanceof Error) return error.name
  }
  return "_OTHER"
}
