/**
 * Cookies that a program gives by name, and values in quotes.
 */
import { isIterable } from "../iterables.js"

/** A cookie to send. */
export type Pair = readonly [name: string, value: string]

const token = /^[!#$%&'*+\-.^_`|~:0-9A-Za-z]+$/
const escaped = /[^!#$%&'*+\-.^_`|~:0-9A-Za-z ()/<=>?@[\]{}\u0100-\uffff]/g

const escapeCharacter = (character: string): string =>
  character === '"' || character === "\\"
    ? `\\${character}`
    : `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`

/** A value that is no token in double quotes, with octal escapes, as aiohttp and Python's `http.cookies` write it. */
export const quote = (value: string): string => {
  if (token.test(value)) return value
  if (value.length > 1 && value.startsWith('"') && value.endsWith('"')) return value
  return `"${value.replace(escaped, escapeCharacter)}"`
}

/** Cookies by name or as pairs, as pairs. */
export const toPairs = (input: { readonly [name: string]: string } | Iterable<Pair>): ReadonlyArray<Pair> =>
  isIterable(input) ? Array.from(input) : Object.entries(input)
