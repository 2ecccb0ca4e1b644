/** The cookies of one hop: those it sends, and those its response sets. */
import * as Effect from "effect/Effect"
import type { Jar } from "../cookies/jar.js"
import { needsSuffixes, type Rejection } from "../cookies/rules.js"
import type { CookieTarget } from "../cookies/target.js"
import { fromWire, setCookieLines, toWire } from "../cookies/wire.js"
import type { Pairs } from "../http/headerFields.js"
import { zonedAddress } from "../http/origin.js"
import { loadSuffixes } from "../http/publicSuffix.js"
import type { Target } from "../http/target.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import type { Trace } from "../transport/trace.js"
import type { Head } from "../transport/transport.js"
import type { Call } from "./call.js"

const none: Pairs = []

/** The members of a call that cookies use. */
export type Caller = Pick<Call, "core" | "clock">
/** The parts of a target that a jar matches cookies against. */
const cookieTarget = ({ origin, target }: Target): CookieTarget => {
  const query = target.indexOf("?")
  return {
    scheme: origin.scheme,
    // The same link-local address belongs to another host on another interface, so the zone is part of the host.
    host: zonedAddress(origin),
    port: origin.port,
    ip: origin.ip,
    path: query === -1 ? target : target.slice(0, query)
  }
}

/**
 * The hosts for which the session's own cookies were added to the jar. Derived sessions with the same cookies share it.
 */
const seededHosts = (call: Caller, request: PreparedRequest): Set<string> => {
  const byCookies = call.core.seededHosts
  const key = request.defaults.options.cookies ?? request.defaults
  const hosts = byCookies.get(key) ?? new Set()
  byCookies.set(key, hosts)
  return hosts
}

/**
 * The session's own cookies that must be added to the jar before this hop. Each host gets them once; with `baseUrl`,
 * only its host gets them, and the target of a redirect never does. Call `markSeeded` after adding them.
 */
export const cookiesToSeed = (call: Caller, request: PreparedRequest): Pairs => {
  const { base, cookies } = request.defaults
  const { host } = request.target.origin
  if (cookies.length === 0 || request.hop > 0 || (base !== undefined && base.origin.host !== host)) return none
  return seededHosts(call, request).has(host) ? none : cookies
}

/** Records that the session's own cookies were added for the host of a request. */
export const markSeeded = (call: Caller, request: PreparedRequest): void => {
  seededHosts(call, request).add(request.target.origin.host)
}

/**
 * The session's own cookies that a strict jar does not store, because the host is an IP address. A dummy jar is
 * excluded, as it stores nothing on purpose.
 */
const cookiesOutsideJar = (call: Caller, { settings }: Jar, request: PreparedRequest): string | undefined => {
  const { host, ip } = request.target.origin
  if (ip === 0 || settings.unsafe || settings.maxCookies === 0) return undefined
  if (isSecureHome(request) && request.target.origin.scheme === "http") return undefined
  if (!seededHosts(call, request).has(host)) return undefined
  return request.defaults.cookies.map(([name, value]) => `${toWire(name)}=${toWire(value)}`).join("; ")
}

/** Whether `baseUrl` is https, so that the session's cookies must not be sent in clear text. */
export const isSecureHome = (request: PreparedRequest): boolean => request.defaults.base?.origin.scheme === "https"

/** The cookies for a hop, after adding the session's own cookies to the jar for a new host. */
const withSessionCookies = (call: Caller, jar: Jar, request: PreparedRequest): string | undefined => {
  const target = cookieTarget(request.target)
  const secure = isSecureHome(request) ? true : undefined
  const seeds = cookiesToSeed(call, request)
  for (const [name, value] of seeds) {
    jar.put({ name: toWire(name), value: toWire(value), secure }, { ...target, path: "/" }, call.clock())
  }
  if (seeds.length > 0) markSeeded(call, request)
  const outsideJar = cookiesOutsideJar(call, jar, request)
  const fromJar = jar.header(target, call.clock())
  return outsideJar === undefined || fromJar === undefined ? (outsideJar ?? fromJar) : `${outsideJar}; ${fromJar}`
}

/** The cookies of the jar for a hop, as octets. Does not include the request's own cookies. */
export const cookieHeader = (call: Caller, jar: Jar, request: PreparedRequest): string | undefined => {
  if (request.defaults.cookies.length > 0) return withSessionCookies(call, jar, request)
  return jar.isEmpty ? undefined : jar.header(cookieTarget(request.target), call.clock())
}

/**
 * Stores the cookies that a response sets, and reports rejected cookies to the trace. Returns an effect only if the
 * Public Suffix List must be loaded first.
 */
export const storeCookies = (
  call: Caller,
  jar: Jar,
  request: PreparedRequest,
  head: Head,
  trace: Pick<Trace, "offer"> | undefined
): Effect.Effect<void> | undefined => {
  if (head.get("set-cookie") === undefined) return undefined
  const onRejected =
    trace === undefined
      ? undefined
      : ({ domain, name, reason }: Rejection): void => {
          const { method, target } = request
          trace.offer({ _tag: "CookieRejected", method, url: target.shownUrl, name: fromWire(name), domain, reason })
        }
  const lines = setCookieLines(head)
  const store = (): void => jar.storeWire(lines, cookieTarget(request.target), call.clock(), onRejected)
  if (jar.settings.maxCookies > 0 && needsSuffixes(lines)) return Effect.map(loadSuffixes, store)
  store()
  return undefined
}
