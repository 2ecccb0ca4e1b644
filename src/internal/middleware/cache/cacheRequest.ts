/** Decides whether the cache may answer a request, and computes its key. */
import * as Effect from "effect/Effect"
import type { ClientResponse } from "../../../ClientResponse.js"
import { type ClientError, InvalidURL } from "../../../Errors.js"
import type { Middleware, Next } from "../../../Middleware.js"
import { sameOrigin } from "../../http/origin.js"
import { referencesIn, resolveLocation } from "../../http/target.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"
import { Response } from "../../response/response.js"
import type { Sent } from "../../response/responseSource.js"
import { foresee } from "../../session/foreseen.js"
import { type Directives, parseDirectives } from "./cacheControl.js"
import type { Query } from "./cacheStore.js"
import { valuesOf } from "./freshness.js"
import { hash, type InnerCredentials, identityOf, innerOf, sameIdentity } from "./identity.js"

/** Headers for conditions and ranges. A request with one of them bypasses the cache. */
const conditional = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]

export const directivesOf = (request: PreparedRequest): Directives => {
  const fields = valuesOf(request.headers, "cache-control")
  if (fields.length > 0) return parseDirectives(fields)
  // Pragma: no-cache counts if Cache-Control is absent (RFC 9111 section 5.4).
  return /\bno-cache\b/i.test(valuesOf(request.headers, "pragma").join(",")) ? new Map([["no-cache", ""]]) : new Map()
}

/** Whether the cache may answer the request at all. */
export const isAnswerable = (request: PreparedRequest, directives: Directives): boolean =>
  (request.method === "HEAD" || request.method === "GET") &&
  request.body._tag === "Empty" &&
  request.fault === undefined &&
  !directives.has("no-store") &&
  !conditional.some((name) => request.header(name)._tag === "Some")

/** A GET or HEAD that a stored response may answer. */
export interface Lookup extends Query {
  /** The request to send if no stored response can be used. */
  readonly request: PreparedRequest
  readonly next: Next
  readonly directives: Directives
  readonly inner: InnerCredentials
  /** The key of a flight. Equal for requests that the same response answers, whatever its Vary header. */
  readonly likeness: string
}

/**
 * The lookup for a request. `undefined` if the request will fail, or if its cookies cannot be determined in advance.
 */
export const lookupOf = (
  original: PreparedRequest,
  next: Next,
  directives: Directives,
  cache: Middleware
): Effect.Effect<Lookup | undefined, ClientError> =>
  Effect.map(foresee(original, next), (foreseen) => {
    if (foreseen === undefined) return undefined
    const { request, sent } = foreseen
    const inner = innerOf(request.middlewares, cache)
    const identity = identityOf(sent, inner)
    const likeness = hash(JSON.stringify([sent.url, identity, sent.head]))
    return { request, next, directives, inner, sent, identity, likeness }
  })

/**
 * The request as it was sent, if it has the user and the peer of the lookup. Otherwise an inner middleware, a listener
 * or another cookie has changed it, and its response must not be stored.
 */
export const sentAsForeseen = (lookup: Lookup, response: ClientResponse): Sent | undefined => {
  const sent = response instanceof Response ? response.sent : undefined
  return sent !== undefined && sameIdentity(lookup.sent, sent, lookup.inner) ? sent : undefined
}

/** The URLs whose stored responses an unsafe request invalidates (RFC 9111 section 4.4). */
export const invalidatedBy = (request: PreparedRequest, response: ClientResponse): ReadonlySet<string> => {
  const urls = new Set([request.url])
  for (const name of ["location", "content-location"]) {
    const [value] = referencesIn(response.rawHeaders, name)
    if (value === undefined) continue
    // A later request may write its percent-encoding in either form.
    for (const requote of [false, true]) {
      const target = resolveLocation(value, request.target, requote)
      if (target instanceof InvalidURL || !sameOrigin(target.origin, request.target.origin)) continue
      urls.add(target.url)
    }
  }
  return urls
}
