/**
 * What a jar has to know of a request's target.
 */
import type { CookieTarget } from "../cookies/target.js"
import type { Target } from "../http/target.js"

export const cookieTarget = ({ origin, target }: Target): CookieTarget => {
  const query = target.indexOf("?")
  return {
    scheme: origin.scheme,
    host: origin.host,
    port: origin.port,
    ip: origin.ip,
    path: query === -1 ? target : target.slice(0, query)
  }
}
