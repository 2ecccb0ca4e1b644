/** The protection space of a Digest challenge (RFC 7616 section 3.3, "domain"): the URLs that get its credentials. */

import type { Target } from "../../http/target.js"
import { parseUrl } from "../../http/whatwg.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"

/** All URLs of an origin at or below a path. */
export interface Place {
  /** In the form of `Origin.key`. */
  readonly origin: string
  readonly path: string
}

const originKey = (url: URL): string => {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
  return `${url.protocol}//${url.hostname}:${port}`
}

/** Most places of one challenge. Bounds the memory, as each place can be as long as the URL of the request. */
const maxPlaces = 100

const pathOf = (target: Target): string => target.target.split("?", 1)[0] ?? "/"

/**
 * The places that a challenge names, or the whole origin if it names none. Credentials for https never apply to http.
 */
export const placesOf = (request: PreparedRequest, domain: ReadonlyArray<string>): ReadonlyArray<Place> => {
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

/** Whether the URL of a request is in one of the places. Compares whole path segments. */
export const isWithin = (places: ReadonlyArray<Place>, request: PreparedRequest): boolean => {
  const { target } = request
  const path = pathOf(target)
  return places.some(
    (place) =>
      place.origin === target.origin.key &&
      (path === place.path || path.startsWith(place.path.endsWith("/") ? place.path : `${place.path}/`))
  )
}
