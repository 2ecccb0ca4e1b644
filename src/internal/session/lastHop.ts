/**
 * Sends the last hop of a request again: neither the requests before its redirects, nor anything that those dropped.
 */
import * as Effect from "effect/Effect"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"
import { isReplayable } from "../request/body/replayable.js"
import { removeHeader, setHeader } from "../request/edits.js"
import type { Prepared } from "../request/preparedRequest.js"
import { Response } from "../response/response.js"
import type { Call } from "./call.js"
import { Hop } from "./hop.js"
import { type FromResponse, openFor } from "./responseLifetime.js"

/** The request that a response answers, and the call that it belongs to. */
export interface LastHop {
  readonly call: Call
  /** As the middlewares received it: they run again. */
  readonly request: Prepared
}

/**
 * The last hop of a response, where a second GET can follow it: it was a GET, also after the middlewares, and its body
 * can be read again. A response that is not of a session has none.
 */
export const lastHopOf = (response: ClientResponse): LastHop | undefined => {
  if (!(response instanceof Response) || !(response.source instanceof Hop)) return undefined
  const { call, request: sent } = response.source
  const { request } = call
  return request.method === "GET" && sent.method === "GET" && isReplayable(request.body) ? { call, request } : undefined
}

/** The part of a file that is asked for. */
export interface Rest {
  /** Of the first byte. */
  readonly offset: number
  /** For If-Range. */
  readonly validator: string
}

/** The Range that begins at an offset. */
export const rangeFrom = (offset: number): string => `bytes=${offset}-`

/** What asks for the rest of a file, if it is still the same file. */
export const headersOf = ({ offset, validator }: Rest): { readonly range: string; readonly "if-range": string } => ({
  range: rangeFrom(offset),
  "if-range": validator
})

/** Asks for a part of what the hop asked for, or for all of it, and runs `f` with the response. */
export const sendAgain = <A, E, R>(
  { call, request }: LastHop,
  rest: Rest | undefined,
  f: FromResponse<A, E, R>
): Effect.Effect<A, E | ClientError, R> =>
  Effect.withFiberRuntime((fiber) => {
    const whole = removeHeader(removeHeader(request, "Range"), "If-Range")
    const headers = rest === undefined ? undefined : headersOf(rest)
    const ranged =
      headers === undefined
        ? whole
        : setHeader(setHeader(whole, "Range", headers.range), "If-Range", headers["if-range"])
    // `f` sees each status itself, 416 too.
    const judged =
      ranged.raiseForStatus === true ? ranged.derive({ given: { ...ranged.given, raiseForStatus: false } }) : ranged
    return openFor(call.core, fiber, judged, f, call.history)
  })
