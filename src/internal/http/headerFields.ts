/**
 * Header fields to send: read once, checked, in order.
 */
import * as Redacted from "effect/Redacted"
import type { CookiesInput, HeadersInput } from "../../ClientRequest.js"
import { isIterable, rereadable } from "../iterables.js"
import { isIllFormed } from "./percent.js"

/** A header line's name and value. */
export type Pair = readonly [name: string, value: string]

/** Header lines in order. */
export type Pairs = ReadonlyArray<Pair>

/** Header lines, and which must not be shown. */
export interface Fields {
  readonly pairs: Pairs
  /** Lower-case names of those given redacted. */
  readonly secret: ReadonlySet<string>
}

/** What is wrong with a header; `option` names it. */
export interface Fault {
  readonly option: string
  readonly description: string
}

const none: ReadonlySet<string> = new Set()

export const noFields: Fields = { pairs: [], secret: none }

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Whether it can be a method or the name of a header (RFC 9110 section 5.6.2). */
export const isToken = (text: string): boolean => token.test(text)

/** Whether a lower-case name is that of the credentials for the origin. */
export const isAuthorization = (name: string): boolean => name === "authorization"

const forbidden = /[\0-\x08\x0a-\x1f\x7f]/

/** What is wrong with a header, if anything. */
export const checkField = (name: unknown, value: unknown): string | undefined => {
  if (typeof name !== "string" || !token.test(name)) return "the name of a header is not a token"
  if (typeof value !== "string") return "the value of a header is not text"
  if (forbidden.test(value)) return "the value has control characters"
  return isIllFormed(value) ? "the value has half a surrogate pair" : undefined
}

/** Names of headers in messages: never more than they may be. */
const shownName = (name: unknown): string =>
  typeof name === "string" && token.test(name) ? name.slice(0, 100) : "headers"

const reveal = (value: unknown): unknown => {
  if (!Redacted.isRedacted(value)) return value
  try {
    return Redacted.value(value)
  } catch {
    // It was wiped.
    return undefined
  }
}

class Collector {
  readonly pairs: Array<Pair> = []
  private names: Set<string> | undefined = undefined
  fault: Fault | undefined = undefined

  get secret(): ReadonlySet<string> {
    return this.names ?? none
  }

  add(name: unknown, given: unknown): boolean {
    const value = reveal(given)
    const wrong = checkField(name, value)
    if (wrong !== undefined || typeof name !== "string" || typeof value !== "string") {
      this.fault = { option: shownName(name), description: wrong ?? "it is not text" }
      return false
    }
    this.pairs.push([name, trim(value)])
    if (given !== value) {
      this.names ??= new Set()
      this.names.add(name.toLowerCase())
    }
    return true
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/** White space around a value is no part of it (RFC 9110 section 5.5). */
const trim = (value: string): string => {
  let start = 0
  let end = value.length
  while (start < end && isSpace(value.charCodeAt(start))) start++
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--
  return end - start === value.length ? value : value.slice(start, end)
}

/** Checked header lines, or the first fault. What is given is read once. */
export const toFields = (input: HeadersInput | undefined): Fields | Fault => {
  if (input === undefined) return noFields
  if (typeof input !== "object" || input === null) return { option: "headers", description: "it is no record or pairs" }
  const out = new Collector()
  if (isIterable(input)) {
    for (const entry of rereadable(input)) {
      if (!Array.isArray(entry) || entry.length !== 2) return { option: "headers", description: "an entry is no pair" }
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

export const isFault = (value: object): value is Fault => "description" in value

/** `over` beside those of `base` that it does not name. */
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

/** Fields without those that `drop` names. */
export const withoutFields = (fields: Fields, drop: (name: string) => boolean): Fields =>
  fields.pairs.some(([name]) => drop(name.toLowerCase()))
    ? { pairs: fields.pairs.filter(([name]) => !drop(name.toLowerCase())), secret: fields.secret }
    : fields

/** The first value of a lower-case name. */
export const getField = (pairs: Pairs, name: string): string | undefined => {
  for (const pair of pairs) {
    if (pair[0].length === name.length && pair[0].toLowerCase() === name) return pair[1]
  }
  return undefined
}

/** How many fields there are of a lower-case name. */
export const countFields = (pairs: Pairs, name: string): number => {
  let count = 0
  for (const pair of pairs) if (pair[0].length === name.length && pair[0].toLowerCase() === name) count++
  return count
}

/** Lines with CRLF, UTF-8 as latin1 code units. */
export const toLines = (pairs: Pairs): string => {
  let out = ""
  for (const [name, value] of pairs) out += `${name}: ${toLatin1(value)}\r\n`
  return out
}

/** The UTF-8 bytes of text as latin1 code units. */
export const toLatin1 = (text: string): string =>
  /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")

const noCookies: Pairs = []

/** Checked cookies, or the first fault. */
export const toCookies = (input: CookiesInput | undefined): Pairs | Fault => {
  if (input === undefined) return noCookies
  if (typeof input !== "object" || input === null) return { option: "cookies", description: "it is no record or pairs" }
  const entries: Iterable<unknown> = isIterable(input) ? rereadable(input) : Object.entries(input)
  const out: Array<Pair> = []
  for (const entry of entries) {
    if (!Array.isArray(entry) || entry.length !== 2) return { option: "cookies", description: "an entry is no pair" }
    const name: unknown = entry[0]
    const value: unknown = entry[1]
    if (value === undefined) continue
    if (typeof name !== "string" || !/^[^\0-\x20\x7f=;,]+$/.test(name) || isIllFormed(name)) {
      return { option: "cookies", description: "the name of a cookie is empty or has impossible characters" }
    }
    if (typeof value !== "string" || /[\0-\x1f\x7f;]/.test(value) || isIllFormed(value)) {
      return { option: "cookies", description: "the value of a cookie has impossible characters" }
    }
    out.push([name, value])
  }
  return out
}
