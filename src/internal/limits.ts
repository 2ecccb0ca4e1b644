/**
 * The time limits of one request as numbers.
 */
import * as Duration from "effect/Duration"
import type { Input, Name, Timeouts } from "../Timeouts.js"
import { defaults } from "../Timeouts.js"

/** Milliseconds; `Infinity` is off. */
export type Limits = { readonly [K in Name]: number }

const names = Object.keys(defaults) as ReadonlyArray<Name>

/** The limits that `total` covers where it is on, and that are bounded themselves where it is off. */
const bounded: ReadonlySet<Name> = new Set<Name>(["connect", "send", "headers", "body"])

const fallback = 5 * 60_000

const isTimeouts = (input: Input): input is Timeouts =>
  typeof input === "object" && !Array.isArray(input) && !Duration.isDuration(input)

/** What is given, by name. */
export const toTimeouts = (input: Input | undefined): Timeouts =>
  input === undefined ? {} : isTimeouts(input) ? input : { total: input }

/** A request's limits over the session's, one by one. */
export const merge = (base: Timeouts, over: Timeouts): Timeouts => {
  const out: { [K in Name]?: Duration.DurationInput } = {}
  for (const name of names) {
    const value = over[name] ?? base[name]
    if (value !== undefined) out[name] = value
  }
  return out
}

/** Decodes limits and fills in what is not given. */
export const resolve = (given: Timeouts): Limits => {
  const out = {} as { [K in Name]: number }
  for (const name of names) {
    const value = given[name]
    out[name] = Math.max(0, Duration.toMillis(Duration.decode(value ?? defaults[name])))
  }
  if (out.total === Infinity) {
    for (const name of bounded) {
      if (given[name as Name] === undefined) out[name] = fallback
    }
  }
  return out
}
