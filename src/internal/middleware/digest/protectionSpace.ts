/**
 * Where the credentials of a Digest challenge belong (RFC 7616 section 3.3, "domain").
 */

import type { Target } from "../../http/target.js"
import { parseUrl } from "../../http/whatwg.js"
import type { Prepared } from "../../request/preparedRequest.js"

/** A place and what lies below it. */
export interface Place {
  /** Scheme, host and port, as `Origin.key` has them. */
  readonly origin: string
  readonly path: string
}

const originKey = (url: URL): string => {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
  return `${url.protocol}//${url.hostname}:${port}`
}

/** Places of one challenge: each may hold as much of the request's path as there is. */
const maxPlaces = 100

const pathOf = (target: Target): string => target.target.split("?", 1)[0] ?? "/"

/**
 * The places that a challenge of this request's names; the whole origin where it names none. Plain http never gets the
 * credentials of https.
 */
export const placesOf = (request: Prepared, domain: ReadonlyArray<string>): ReadonlyArray<Place> => {
  const { origin } = request.target
  const out: Array<Place> = []
  for (const text of domain.slice(0, maxPlaces)) {
    const url = parseUrl(text, request.url)
    if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) continue
    if (origin.scheme === "https" && url.protocol === "http:") continue
    out.push({ origin: originKey(url), path: url.pathname })
  }
  return out.length === 0 ? [{ origin: origin.key, path: "/" }] : out
}

/** Whether a request leads to one of the places: by whole segments of its path. */
export const within = (places: ReadonlyArray<Place>, request: Prepared): boolean => {
  const { target } = request
  const path = pathOf(target)
  return places.some(
    (place) =>
      place.origin === target.origin.key &&
      (path === place.path || path.startsWith(place.path.endsWith("/") ? place.path : `${place.path}/`))
  )
}
