/**
 * Which call a `next` belongs to, for the middlewares of this package: they tell signals and make responses.
 */
import type { Next } from "../../Middleware.js"
import type { Defaults } from "../request/sessionDefaults.js"
import type { Call } from "./call.js"
import type { SessionCore } from "./sessionCore.js"

const calls = new WeakMap<Next, Call>()

/** Remembers whose it is. */
export const bind = (next: Next, call: Call): Next => {
  calls.set(next, call)
  return next
}

/** The call, unless somebody has made the function himself. */
export const callOf = (next: Next): Call | undefined => calls.get(next)

const cores = new WeakMap<Defaults, SessionCore>()

/** Remembers the session whose requests begin with these defaults. */
export const bindCore = (defaults: Defaults, core: SessionCore): void => {
  cores.set(defaults, core)
}

/** The session of a request; `undefined` for a request that was made without one. */
export const coreOf = (defaults: Defaults): SessionCore | undefined => cores.get(defaults)
