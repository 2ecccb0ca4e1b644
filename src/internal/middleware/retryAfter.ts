/** Reads how long a server wants clients to wait: Retry-After (RFC 9110 section 10.2.3) and rate-limit headers. */
import * as Option from "effect/Option"
import type { ClientResponse } from "../../ClientResponse.js"
import { parseHttpDate } from "../http/httpDate.js"

/** Seconds with or without a fraction. `Number` converts too many digits to `Infinity`. */
const decimal = /^(?:\d+(?:\.\d*)?|\.\d+)$/

/** Parses seconds to whole milliseconds, rounded up. */
const seconds = (text: string): number | undefined => (decimal.test(text) ? secondsToMillis(Number(text)) : undefined)

/** Rounds up, but first to microseconds, so that 299.997 seconds are 299997 milliseconds. */
const secondsToMillis = (value: number): number => Math.ceil(Math.round(value * 1_000_000) / 1000)

/** Retry-After is a number of seconds or a date. */
const fromRetryAfter = (text: string, now: number): number | undefined => {
  const delay = seconds(text)
  if (delay !== undefined) return delay
  const date = parseHttpDate(text, now)
  return date === undefined ? undefined : Math.max(0, date - now)
}

/** From these on, a number is not a delay but a time in seconds, or in milliseconds, since the epoch. */
const epochSeconds = 1_000_000_000
const epochMillis = 1_000_000_000_000

const fromReset = (text: string, now: number): number | undefined => {
  if (!decimal.test(text)) return parseDelay(text, now)
  const value = Number(text)
  if (value >= epochMillis) return Math.max(0, Math.ceil(value) - now)
  return value >= epochSeconds ? Math.max(0, secondsToMillis(value) - now) : secondsToMillis(value)
}

const parseDelay = (text: string, now: number): number | undefined => {
  const date = parseHttpDate(text, now)
  return date === undefined ? undefined : Math.max(0, date - now)
}

/** The longest `t` of all items without remaining quota in a RateLimit field (draft-ietf-httpapi-ratelimit-headers). */
const fromRateLimit = (text: string): number | undefined => {
  let longest: number | undefined
  for (const item of text.split(",")) {
    const time = /;\s*t=([\d.]+)/.exec(item)?.[1]
    const remaining = /;\s*r=(\d+(?:\.\d*)?)/.exec(item)?.[1]
    const delay = time === undefined ? undefined : seconds(time)
    if (delay === undefined || (remaining !== undefined && Number(remaining) > 0)) continue
    longest = Math.max(longest ?? 0, delay)
  }
  return longest
}

const resetHeaders = ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"] as const

/** Milliseconds to wait from `now`, or `undefined` if the response does not specify it. */
export const retryAfter = (response: ClientResponse, now: number): number | undefined => {
  const field = Option.getOrUndefined(response.header("retry-after"))
  const wait = field === undefined ? undefined : fromRetryAfter(field.trim(), now)
  if (wait !== undefined) return wait
  // With any other status, the failure has nothing to do with a rate limit.
  if (response.status !== 429 && response.status !== 503) return undefined
  for (const name of resetHeaders) {
    const value = Option.getOrUndefined(response.header(name))
    const reset = value === undefined ? undefined : fromReset(value.trim(), now)
    if (reset !== undefined) return reset
  }
  const limits = response.headerValues("ratelimit")
  return limits.length === 0 ? undefined : fromRateLimit(limits.join(","))
}
