/**
 * Middlewares of this package that add credentials to the requests that pass them.
 */
import type { Middleware } from "../../Middleware.js"

/**
 * "fixed": the Authorization header that it adds always stands for the same credentials, though its value differs.
 * "changing": its credentials may become those of another user.
 */
type Kind = "fixed" | "changing"

const kinds = new WeakMap<Middleware, Kind>()

/** Marks a middleware. */
export const addsCredentials = (middleware: Middleware, kind: Kind): Middleware => {
  kinds.set(middleware, kind)
  return middleware
}

/** How it is marked, if it is. */
export const credentialsOf = (middleware: Middleware): Kind | undefined => kinds.get(middleware)
