/** Marks the middlewares of this package that add credentials, so that the cache does not mix responses of users. */
import type { Middleware } from "../../Middleware.js"

/**
 * "fixed" credentials belong to one user, even if the header differs per request. "changing" credentials may later
 * belong to another user.
 */
type Kind = "fixed" | "changing"

const kinds = new WeakMap<Middleware, Kind>()

export const addsCredentials = (middleware: Middleware, kind: Kind): Middleware => {
  kinds.set(middleware, kind)
  return middleware
}

export const credentialsOf = (middleware: Middleware): Kind | undefined => kinds.get(middleware)
