/**
 * The cookies of one hop: what it sends, and what its response sets.
 */
import type { Jar } from "../cookies/jar.js"
import { setCookieLines } from "../cookies/wire.js"
import type { Head } from "../transport/Transport.js"
import type { Call } from "./call.js"
import { cookieTarget } from "./cookieTarget.js"
import type { Prepared } from "./prepared.js"

/** Puts the session's own cookies into the jar, once for each host that a request names; redirects name none. */
const seed = (call: Call, jar: Jar, request: Prepared): void => {
  const { base, cookies } = request.defaults
  const { host } = request.target.origin
  if (request.hop > 0 || (base !== undefined && base.origin.host !== host) || call.core.seeded.has(host)) return
  call.core.seeded.add(host)
  const target = { ...cookieTarget(request.target), path: "/" }
  for (const [name, value] of cookies) jar.put({ name, value }, target, call.clock())
}

/** What the jar has for a hop, as octets; the request's own cookies are not in it. */
export const cookieHeader = (call: Call, jar: Jar, request: Prepared): string | undefined => {
  if (request.defaults.cookies.length > 0) seed(call, jar, request)
  return jar.isEmpty ? undefined : jar.header(cookieTarget(request.target), call.clock())
}

/** Stores what a response sets. */
export const storeCookies = (call: Call, jar: Jar, request: Prepared, head: Head): void => {
  if (head.get("set-cookie") === undefined) return
  jar.storeWire(setCookieLines(head), cookieTarget(request.target), call.clock())
}
