/** Checks, trims, merges and serializes the header fields and cookies of a request; their order stays. */
import * as Redacted from "effect/Redacted"
import type { CookiesInput, HeadersInput } from "../../ClientRequest.js"
import { isIterable, rereadable } from "../iterables.js"
import { kindOf } from "../userResult.js"
import { isIllFormed } from "./percent.js"

/** The name and value of a header line. */
export type Pair = readonly [name: string, value: string]

/** Header lines in order. */
export type Pairs = ReadonlyArray<Pair>

/** Header lines, and the names whose values must not be shown. */
export interface Fields {
  readonly pairs: Pairs
  /** Lower-case names of the headers that were given as `Redacted`. */
  readonly secret: ReadonlySet<string>
}

/** Why an option is rejected. `option` is the name of the option or of the header. */
export interface OptionFault {
  readonly option: string
  readonly description: string
}

const none: ReadonlySet<string> = new Set()

export const noFields: Fields = { pairs: [], secret: none }

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Whether text is a token, as method and header names must be (RFC 9110 section 5.6.2). */
export const isToken = (text: string): boolean => token.test(text)

/** Whether a lower-case name is that of the credentials for the origin. */
export const isAuthorization = (name: string): boolean => name === "authorization"

const forbidden = /[\0-\x08\x0a-\x1f\x7f]/

/** Why a header is invalid; `undefined` if it is valid. */
export const checkField = (name: unknown, value: unknown): string | undefined => {
  if (typeof name !== "string" || !token.test(name)) return "expected the name of a header to be a token"
  if (typeof value !== "string") return `expected the value of a header to be a string, got ${kindOf(value)}`
  if (forbidden.test(value)) return "expected a header value without control characters"
  return isIllFormed(value) ? "expected well-formed text, got an unpaired surrogate" : undefined
}

/** A header name for an error message, which never shows text that is not a token. */
const shownName = (name: unknown): string =>
  typeof name === "string" && token.test(name) ? name.slice(0, 100) : "headers"

const reveal = (value: unknown): unknown => {
  if (!Redacted.isRedacted(value)) return value
  try {
    return Redacted.value(value)
  } catch {
    // The value was wiped.
    return undefined
  }
}

class FieldCollector {
  readonly pairs: Array<Pair> = []
  private names: Set<string> | undefined = undefined
  fault: OptionFault | undefined = undefined

  get secret(): ReadonlySet<string> {
    return this.names ?? none
  }

  add(name: unknown, input: unknown): boolean {
    const value = reveal(input)
    const wrong = checkField(name, value)
    if (wrong !== undefined || typeof name !== "string" || typeof value !== "string") {
      this.fault = { option: shownName(name), description: wrong ?? "expected a string" }
      return false
    }
    this.pairs.push([name, trim(value)])
    if (input !== value) {
      this.names ??= new Set()
      this.names.add(name.toLowerCase())
    }
    return true
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/** Removes white space around a value, because it does not belong to the value (RFC 9110 section 5.5). */
const trim = (value: string): string => {
  let start = 0
  let end = value.length
  while (start < end && isSpace(value.charCodeAt(start))) start++
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--
  return end - start === value.length ? value : value.slice(start, end)
}

/** Checks header lines and returns them or the first fault. Reads the input once. */
export const toFields = (input: HeadersInput | undefined): Fields | OptionFault => {
  if (input === undefined) return noFields
  if (typeof input !== "object" || input === null)
    return { option: "headers", description: `expected a record or pairs, got ${kindOf(input)}` }
  const out = new FieldCollector()
  if (isIterable(input)) {
    for (const entry of rereadable(input)) {
      if (!Array.isArray(entry) || entry.length !== 2)
        return { option: "headers", description: "expected each entry to be a pair of name and value" }
      if (entry[1] !== undefined && !out.add(entry[0], entry[1])) break
    }
  } else {
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) continue
      const added = Array.isArray(value) ? [...value].every((item) => out.add(name, item)) : out.add(name, value)
      if (!added) break
    }
  }
  return out.fault ?? { pairs: out.pairs, secret: out.secret }
}

export const isFault = (value: object): value is OptionFault => "description" in value

/** Merges two sets of fields; `over` replaces the fields of `base` with the same name. */
export const mergeFields = (base: Fields, over: Fields): Fields => {
  if (over.pairs.length === 0) return base
  if (base.pairs.length === 0) return over
  const names = new Set<string>()
  for (const [name] of over.pairs) names.add(name.toLowerCase())
  return {
    pairs: [...base.pairs.filter(([name]) => !names.has(name.toLowerCase())), ...over.pairs],
    secret: union(base.secret, over.secret)
  }
}

const union = (a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> =>
  b.size === 0 ? a : a.size === 0 ? b : new Set([...a, ...b])

/** Removes the fields whose lower-case name satisfies `drop`. */
export const withoutFields = (fields: Fields, drop: (name: string) => boolean): Fields =>
  fields.pairs.some(([name]) => drop(name.toLowerCase()))
    ? { pairs: fields.pairs.filter(([name]) => !drop(name.toLowerCase())), secret: fields.secret }
    : fields

/** The first value of a field by lower-case name. */
export const getField = (pairs: Pairs, name: string): string | undefined => {
  for (const pair of pairs) {
    if (pair[0].length === name.length && pair[0].toLowerCase() === name) return pair[1]
  }
  return undefined
}

/** How many fields have this lower-case name. */
export const countFields = (pairs: Pairs, name: string): number => {
  let count = 0
  for (const pair of pairs) if (pair[0].length === name.length && pair[0].toLowerCase() === name) count++
  return count
}

/** Serializes fields to lines ending in CRLF, with UTF-8 bytes as latin1 code units. */
export const toLines = (pairs: Pairs): string => {
  let out = ""
  for (const [name, value] of pairs) out += `${name}: ${toLatin1(value)}\r\n`
  return out
}

/** The UTF-8 bytes of a text as latin1 code units. */
export const toLatin1 = (text: string): string =>
  /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")

const noCookies: Pairs = []

/** Checks cookies and returns them or the first fault. */
export const toCookies = (input: CookiesInput | undefined): Pairs | OptionFault => {
  if (input === undefined) return noCookies
  if (typeof input !== "object" || input === null)
    return { option: "cookies", description: `expected a record or pairs, got ${kindOf(input)}` }
  const entries: Iterable<unknown> = isIterable(input) ? rereadable(input) : Object.entries(input)
  const out: Array<Pair> = []
  for (const entry of entries) {
    if (!Array.isArray(entry) || entry.length !== 2)
      return { option: "cookies", description: "expected each entry to be a pair of name and value" }
    const name: unknown = entry[0]
    const value: unknown = entry[1]
    if (value === undefined) continue
    if (typeof name !== "string" || !/^[^\0-\x20\x7f=;,]+$/.test(name) || isIllFormed(name)) {
      return { option: "cookies", description: "expected a cookie name without spaces, control characters, =, ; and ," }
    }
    if (typeof value !== "string" || /[\0-\x1f\x7f;]/.test(value) || isIllFormed(value)) {
      return {
        option: "cookies",
        description: "expected a cookie value that is a string without control characters and ;"
      }
    }
    out.push([name, value])
  }
  return out
}
