/**
 * Which call a `next` belongs to, for the middlewares of this package: they tell signals and make responses.
 */
import type { Next } from "../../Middleware.js"
import type { Call } from "./call.js"

const calls = new WeakMap<Next, Call>()

/** Remembers whose it is. */
export const bind = (next: Next, call: Call): Next => {
  calls.set(next, call)
  return next
}

/** The call, unless somebody has made the function himself. */
export const callOf = (next: Next): Call | undefined => calls.get(next)
