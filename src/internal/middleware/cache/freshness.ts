/** Decides with http-cache-semantics whether a response may be stored and how long it is fresh. */
import CachePolicy from "http-cache-semantics"
import { parseHttpDate } from "../../http/httpDate.js"
import { type Directives, parseDirectives, seconds } from "./cacheControl.js"

/** Header lines in order. */
export type Lines = ReadonlyArray<readonly [name: string, value: string]>

/** The values of a header by lower-case name. */
export const valuesOf = (lines: Lines, name: string): ReadonlyArray<string> =>
  lines.filter((line) => line[0].toLowerCase() === name).map((line) => line[1])

/** Headers as the library expects them: lower-case names, repeated lines joined, Cache-Control normalized. */
const toRecord = (lines: Lines, now: number): { readonly [name: string]: string } => {
  const out: Record<string, string> = Object.create(null)
  for (const [name, value] of lines) {
    const key = name.toLowerCase()
    const before = out[key]
    out[key] = before === undefined ? value : `${before}, ${value}`
  }
  const directives = parseDirectives(valuesOf(lines, "cache-control"))
  if (directives.size > 0) {
    out["cache-control"] = [...directives]
      .map(([name, value]) => (value === "" || value.includes(",") ? name : `${name}=${value}`))
      .join(", ")
  }
  // The library parses Expires with Date.parse, which reads "0" as the year 2000.
  const expires = out.expires
  if (expires !== undefined && parseHttpDate(expires, now) === undefined) out.expires = "invalid"
  // The first value counts, and only if it is a number of seconds (RFC 9111 section 5.1).
  const age = out.age?.split(",", 1)[0]?.trim() ?? ""
  out.age = /^\d{1,15}$/.test(age) ? age : "0"
  return out
}

/** Age and freshness lifetime in seconds. */
export interface Freshness {
  readonly age: number
  readonly lifetime: number
  readonly storable: boolean
}

/** `immutable` does not make a response fresh (RFC 8246). */
const settings = { shared: false, immutableMinTimeToLive: 0 }

/**
 * The age in seconds at arrival by the Date header, because caches on the way may omit Age (RFC 9111 section 4.2.3).
 */
const apparentAge = (lines: Lines, receivedAt: number): number => {
  const [date] = valuesOf(lines, "date")
  const sent = date === undefined ? undefined : parseHttpDate(date, receivedAt)
  return sent === undefined ? 0 : Math.max(0, Math.floor((receivedAt - sent) / 1000))
}

/** The freshness of a response at `now`. Times are in milliseconds since the epoch. */
export const freshness = (status: number, lines: Lines, receivedAt: number, now: number): Freshness => {
  let time = receivedAt
  class Policy extends CachePolicy {
    override now(): number {
      return time
    }
  }
  const request = { method: "GET", url: "", headers: {} }
  const policy = new Policy(request, { status, headers: toRecord(lines, receivedAt) }, settings)
  const apparent = apparentAge(lines, receivedAt)
  const initial = Math.max(policy.age(), apparent)
  time = Math.max(receivedAt, now)
  return { age: initial + (time - receivedAt) / 1000, lifetime: policy.maxAge(), storable: policy.storable() }
}

/** Whether a stored response can be used without revalidation (RFC 9111 sections 4.2 and 5.2.1). */
export const satisfies = (fresh: Freshness, response: Directives, request: Directives): boolean => {
  const { age, lifetime } = fresh
  if (request.has("no-cache") || response.has("no-cache")) return false
  const maxAge = seconds(request, "max-age")
  if (maxAge !== undefined && age > maxAge) return false
  const minFresh = seconds(request, "min-fresh")
  if (minFresh !== undefined && lifetime - age < minFresh) return false
  if (lifetime > age) return true
  if (response.has("must-revalidate") || !request.has("max-stale")) return false
  return request.get("max-stale") === "" || age - lifetime <= (seconds(request, "max-stale") ?? 0)
}

/** Whether a stale response may be used instead of an error (RFC 5861 section 4). */
export const standsIn = (fresh: Freshness, response: Directives, request: Directives): boolean => {
  if (response.has("must-revalidate") || response.has("no-cache") || request.has("no-cache")) return false
  const allowed = Math.max(seconds(response, "stale-if-error") ?? -1, seconds(request, "stale-if-error") ?? -1)
  return allowed >= 0 && fresh.age - fresh.lifetime <= allowed
}

/** Whether a stale response may be used while it is revalidated (RFC 5861 section 3). */
export const answersMeanwhile = (fresh: Freshness, response: Directives, request: Directives): boolean => {
  if (response.has("must-revalidate") || response.has("no-cache")) return false
  if (["no-cache", "max-age", "min-fresh"].some((name) => request.has(name))) return false
  return fresh.age - fresh.lifetime <= (seconds(response, "stale-while-revalidate") ?? -1)
}
