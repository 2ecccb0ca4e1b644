/**
 * Repeats the last hop of a request. Skips the earlier redirects, and sends nothing that they dropped, such as
 * credentials.
 */

import type * as Effect from "effect/Effect"
import type { ClientResponse } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import { withRestore } from "../../effect/guard.js"
import { isReplayable } from "../../request/body/replayable.js"
import { removeHeader, setHeader } from "../../request/edits.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import type { Call } from "../call.js"
import { Hop } from "../hop.js"
import { type FromResponse, openFor } from "../responseLifetime.js"

/** The request of a response's hop, and its call. */
export interface LastHop {
  readonly call: Call
  /** The request before the middlewares, which run again. */
  readonly request: PreparedRequest
}

/**
 * The last hop of a response, if it can be repeated as a GET: it was a GET before and after the middlewares, and its
 * body can be read again. `undefined` for a response that does not come from a session.
 */
export const lastHopOf = (response: ClientResponse): LastHop | undefined => {
  if (!(response instanceof Response) || !(response.source instanceof Hop)) return undefined
  const { call, request: sent } = response.source
  const { request } = call
  return request.method === "GET" && sent.method === "GET" && isReplayable(request.body) ? { call, request } : undefined
}

/** The missing part of a file. */
export interface Rest {
  /** Position of the first byte. */
  readonly offset: number
  /** For If-Range. */
  readonly validator: string
}

/** The value of a Range header from an offset to the end. */
export const rangeFrom = (offset: number): string => `bytes=${offset}-`

/** Headers that request the rest of a file if it has not changed, and the whole file otherwise. */
export const headersOf = ({ offset, validator }: Rest): { readonly range: string; readonly "if-range": string } => ({
  range: rangeFrom(offset),
  "if-range": validator
})

/** Requests the rest, or everything without `rest`, and runs `f` with the response. */
export const sendAgain = <A, E, R>(
  { call, request }: LastHop,
  rest: Rest | undefined,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  withRestore((fiber, restore) => {
    const whole = removeHeader(removeHeader(request, "Range"), "If-Range")
    const headers = rest === undefined ? undefined : headersOf(rest)
    const ranged =
      headers === undefined
        ? whole
        : setHeader(setHeader(whole, "Range", headers.range), "If-Range", headers["if-range"])
    // `f` checks the status itself, because 416 means that the file must be requested from its beginning.
    const withAnyStatus =
      ranged.raiseForStatus === true ? ranged.derive({ given: { ...ranged.given, raiseForStatus: false } }) : ranged
    return openFor(call.core, fiber, restore, withAnyStatus, f, call.history)
  })
