/** Marks the middlewares of this package that add credentials, so that the cache can keep users apart. */
import type { Middleware } from "../../Middleware.js"

/**
 * "fixed": the header differs per request but always stands for the same credentials. "changing": the credentials may
 * change to another user's.
 */
type Kind = "fixed" | "changing"

const kinds = new WeakMap<Middleware, Kind>()

/** Marks a middleware. */
export const addsCredentials = (middleware: Middleware, kind: Kind): Middleware => {
  kinds.set(middleware, kind)
  return middleware
}

/** The mark of a middleware, if any. */
export const credentialsOf = (middleware: Middleware): Kind | undefined => kinds.get(middleware)
