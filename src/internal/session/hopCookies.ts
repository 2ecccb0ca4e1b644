/**
 * The cookies of one hop: what it sends, and what its response sets.
 */
import type { Jar } from "../cookies/jar.js"
import type { CookieTarget } from "../cookies/target.js"
import { setCookieLines, toWire } from "../cookies/wire.js"
import type { Pairs } from "../http/headerFields.js"
import { zonedAddress } from "../http/origin.js"
import type { Target } from "../http/target.js"
import type { Prepared } from "../request/preparedRequest.js"
import type { Head } from "../transport/transport.js"
import type { Call } from "./call.js"

const none: Pairs = []

/** What cookies need of a call. */
export type Caller = Pick<Call, "core" | "clock">
/** The part of a request's target that a jar matches cookies against. */
const cookieTarget = ({ origin, target }: Target): CookieTarget => {
  const query = target.indexOf("?")
  return {
    scheme: origin.scheme,
    // The same address is another host behind another interface.
    host: zonedAddress(origin),
    port: origin.port,
    ip: origin.ip,
    path: query === -1 ? target : target.slice(0, query)
  }
}

/** Hosts that have got the session's own cookies; sessions derived with the same ones do not set them anew. */
const seededHosts = (call: Caller, request: Prepared): Set<string> => {
  const { seeded } = call.core
  const key = request.defaults.options.cookies ?? request.defaults
  const known = seeded.get(key) ?? new Set()
  seeded.set(key, known)
  return known
}

/**
 * The session's own cookies, where the jar has to get them: once for each host that a request names, with a baseUrl for
 * its host alone. Redirects name none. `seeded` tells that it has got them.
 */
export const toSeed = (call: Caller, request: Prepared): Pairs => {
  const { base, cookies } = request.defaults
  const { host } = request.target.origin
  if (cookies.length === 0 || request.hop > 0 || (base !== undefined && base.origin.host !== host)) return none
  return seededHosts(call, request).has(host) ? none : cookies
}

export const seeded = (call: Caller, request: Prepared): void => {
  seededHosts(call, request).add(request.target.origin.host)
}

/** What a strict jar does not keep, as it is for an IP address; a dummy one keeps nothing on purpose. */
const besideJar = (call: Caller, { settings }: Jar, request: Prepared): string | undefined => {
  const { host, ip } = request.target.origin
  if (ip === 0 || settings.unsafe || settings.maxCookies === 0) return undefined
  if (isSecureHome(request) && request.target.origin.scheme === "http") return undefined
  if (!seededHosts(call, request).has(host)) return undefined
  return request.defaults.cookies.map(([name, value]) => `${toWire(name)}=${toWire(value)}`).join("; ")
}

/** What belongs to an https origin does not go in clear. */
export const isSecureHome = (request: Prepared): boolean => request.defaults.base?.origin.scheme === "https"

const withOwn = (call: Caller, jar: Jar, request: Prepared): string | undefined => {
  const target = cookieTarget(request.target)
  const secure = isSecureHome(request) ? true : undefined
  const seeds = toSeed(call, request)
  for (const [name, value] of seeds) {
    jar.put({ name: toWire(name), value: toWire(value), secure }, { ...target, path: "/" }, call.clock())
  }
  if (seeds.length > 0) seeded(call, request)
  const own = besideJar(call, jar, request)
  const kept = jar.header(target, call.clock())
  return own === undefined || kept === undefined ? (own ?? kept) : `${own}; ${kept}`
}

/** What the jar has for a hop, as octets; the request's own cookies are not in it. */
export const cookieHeader = (call: Caller, jar: Jar, request: Prepared): string | undefined => {
  if (request.defaults.cookies.length > 0) return withOwn(call, jar, request)
  return jar.isEmpty ? undefined : jar.header(cookieTarget(request.target), call.clock())
}

/** Stores what a response sets. */
export const storeCookies = (call: Caller, jar: Jar, request: Prepared, head: Head): void => {
  if (head.get("set-cookie") === undefined) return
  jar.storeWire(setCookieLines(head), cookieTarget(request.target), call.clock())
}
