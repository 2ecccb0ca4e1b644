/** The protection space of a Digest challenge (RFC 7616 section 3.3, "domain"): the URLs its credentials apply to. */

import type { Target } from "../../http/target.js"
import { parseUrl } from "../../http/whatwg.js"
import type { PreparedRequest } from "../../request/preparedRequest.js"

/** An origin and a path; covers everything below the path. */
export interface Place {
  /** In the form of `Origin.key`. */
  readonly origin: string
  readonly path: string
}

const originKey = (url: URL): string => {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port)
  return `${url.protocol}//${url.hostname}:${port}`
}

/**
 * Most places read from one challenge. Each can be as long as the URL of the request, so the number bounds the memory.
 */
const maxPlaces = 100

const pathOf = (target: Target): string => target.target.split("?", 1)[0] ?? "/"

/**
 * The places of a challenge, or the whole origin if it does not name any. Credentials for https never apply to plain
 * http.
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

/** Whether the URL of a request is in one of the places, compared by whole path segments. */
export const within = (places: ReadonlyArray<Place>, request: PreparedRequest): boolean => {
  const { target } = request
  const path = pathOf(target)
  return places.some(
    (place) =>
      place.origin === target.origin.key &&
      (path === place.path || path.startsWith(place.path.endsWith("/") ? place.path : `${place.path}/`))
  )
}
