/** Serializes query parameters and form fields; keeps their order and duplicates. */
import type * as UrlParams from "@effect/platform/UrlParams"
import type { ParamsInput } from "../../ClientRequest.js"
import { isIterable, rereadable } from "../iterables.js"
import { kindOf } from "../userResult.js"
import { canonicalQuery, encodeFormField, encodeParam, isIllFormed } from "./percent.js"

type Pair = readonly [name: string, value: string]

/** Most levels of nested records, which become "a[b][c]". Deeper ones, including cyclic ones, are rejected. */
const maxDepth = 64

/** Whether an object is a record of fields rather than an instance of a class that represents a body. */
export const isPlainRecord = (input: object): boolean =>
  Object.prototype.toString.call(input) === "[object Object]" &&
  !(Symbol.asyncIterator in input) &&
  typeof Reflect.get(input, "then") !== "function"

const toText = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean" ? `${value}` : undefined
}

const collect = (name: string, value: unknown, depth: number, out: Array<Pair>): string | undefined => {
  if (value === undefined || value === null) return undefined
  const text = toText(value)
  if (text !== undefined) {
    if (isIllFormed(name) || isIllFormed(text)) return "expected well-formed text, got an unpaired surrogate"
    out.push([name, text])
    return undefined
  }
  if (typeof value !== "object") return `expected a string, number, bigint or boolean, got ${kindOf(value)}`
  if (depth >= maxDepth) return `expected at most ${maxDepth} levels of nesting, got more or a cycle`
  if (Array.isArray(value)) {
    for (const item of value) {
      if (Array.isArray(item)) return "expected a string, number, bigint or boolean, got an array in an array"
      const wrong = collect(name, item, depth + 1, out)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  if (!isPlainRecord(value)) return "expected a string, number, bigint or boolean, got an instance of a class"
  for (const [key, inner] of Object.entries(value)) {
    const wrong = collect(name === "" && depth === 0 ? key : `${name}[${key}]`, inner, depth + 1, out)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Converts parameters to pairs of text, or returns why they are invalid. Omits `undefined` and `null`. */
export const toPairs = (input: UrlParams.Input): ReadonlyArray<Pair> | string => {
  const out: Array<Pair> = []
  if (isIterable(input)) {
    for (const entry of rereadable(input)) {
      if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== "string")
        return "expected each entry to be a pair of name and value"
      const wrong = collect(entry[0], entry[1], 1, out)
      if (wrong !== undefined) return wrong
    }
    return out
  }
  if (typeof input !== "object" || input === null || !isPlainRecord(input))
    return `expected a record or pairs, got ${kindOf(input)}`
  for (const [name, value] of Object.entries(input)) {
    const wrong = collect(name, value, 1, out)
    if (wrong !== undefined) return wrong
  }
  return out
}

/** The query without "?", or a description of why the input is invalid. */
export const toQuery = (input: ParamsInput, encoded: boolean): { readonly query: string } | string => {
  if (typeof input === "string") {
    if (/[\0-\x1f\x7f#]/.test(input) || isIllFormed(input)) return "expected text without control characters and #"
    const text = input.startsWith("?") ? input.slice(1) : input
    if (!encoded) return { query: canonicalQuery(text) }
    return /^[\x21-\x7e]*$/.test(text) ? { query: text } : "expected encoded text in ASCII without white space"
  }
  const pairs = toPairs(input)
  if (typeof pairs === "string") return pairs
  return { query: pairs.map(([name, value]) => `${encodeParam(name)}=${encodeParam(value)}`).join("&") }
}

/** Appends a query to a path, after an existing query. */
export const appendQuery = (target: string, query: string): string => {
  if (query === "") return target
  if (!target.includes("?")) return `${target}?${query}`
  return target.endsWith("?") || target.endsWith("&") ? target + query : `${target}&${query}`
}

/** Serializes pairs as application/x-www-form-urlencoded. */
export const toForm = (pairs: ReadonlyArray<Pair>): string =>
  pairs.map(([name, value]) => `${encodeFormField(name)}=${encodeFormField(value)}`).join("&")
