/**
 * Query parameters and form fields: from what is given to pairs of text, in order and with duplicates.
 */
import type * as UrlParams from "@effect/platform/UrlParams"
import type { ParamsInput } from "../../ClientRequest.js"
import { rereadable } from "../iterables.js"
import { canonicalQuery, encodeFormField, encodeParam, isIllFormed } from "./percent.js"

type Pair = readonly [name: string, value: string]

/** Records in records become "a[b][c]"; deeper ones, and so cyclic ones, are refused. */
const maxDepth = 64

const isIterable = (input: unknown): input is Iterable<unknown> =>
  typeof input === "object" && input !== null && Symbol.iterator in input

/** Whether it is a record of fields rather than an object of some class that stands for a body. */
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
    if (isIllFormed(name) || isIllFormed(text)) return "half a surrogate pair cannot be encoded"
    out.push([name, text])
    return undefined
  }
  if (typeof value !== "object") return `a ${typeof value} is no value`
  if (depth >= maxDepth) return "the record is nested too deep, or in itself"
  if (Array.isArray(value)) {
    for (const item of value) {
      if (Array.isArray(item)) return "an array in an array is no value"
      const wrong = collect(name, item, depth + 1, out)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  if (!isPlainRecord(value)) return "an object of a class is no value"
  for (const [key, inner] of Object.entries(value)) {
    const wrong = collect(name === "" && depth === 0 ? key : `${name}[${key}]`, inner, depth + 1, out)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Pairs of text, or what is wrong. `undefined` and `null` are left out. */
export const toPairs = (input: UrlParams.Input): ReadonlyArray<Pair> | string => {
  const out: Array<Pair> = []
  if (isIterable(input)) {
    for (const entry of rereadable(input)) {
      if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== "string") return "an entry is no pair"
      const wrong = collect(entry[0], entry[1], 1, out)
      if (wrong !== undefined) return wrong
    }
    return out
  }
  if (typeof input !== "object" || input === null || !isPlainRecord(input)) return "it is neither a record nor pairs"
  for (const [name, value] of Object.entries(input)) {
    const wrong = collect(name, value, 1, out)
    if (wrong !== undefined) return wrong
  }
  return out
}

/** The query to append, without "?", or what is wrong. */
export const toQuery = (input: ParamsInput, encoded: boolean): { readonly query: string } | string => {
  if (typeof input === "string") {
    if (/[\0-\x1f\x7f#]/.test(input) || isIllFormed(input)) return "the text has control characters or a fragment"
    const text = input.startsWith("?") ? input.slice(1) : input
    if (!encoded) return { query: canonicalQuery(text) }
    return /^[\x21-\x7e]*$/.test(text) ? { query: text } : "encoded text has white space or non-ASCII characters"
  }
  const pairs = toPairs(input)
  if (typeof pairs === "string") return pairs
  return { query: pairs.map(([name, value]) => `${encodeParam(name)}=${encodeParam(value)}`).join("&") }
}

/** A path and query with more query; what is there stays as it is. */
export const appendQuery = (target: string, query: string): string => {
  if (query === "") return target
  if (!target.includes("?")) return `${target}?${query}`
  return target.endsWith("?") || target.endsWith("&") ? target + query : `${target}&${query}`
}

/** application/x-www-form-urlencoded. */
export const toForm = (pairs: ReadonlyArray<Pair>): string =>
  pairs.map(([name, value]) => `${encodeFormField(name)}=${encodeFormField(value)}`).join("&")
