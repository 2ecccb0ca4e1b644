/** Converts cookies to pairs, and quotes their values. */
import { isIterable } from "../iterables.js"

/** The name and value of a cookie to send. */
export type Pair = readonly [name: string, value: string]

const token = /^[!#$%&'*+\-.^_`|~:0-9A-Za-z]+$/
const escaped = /[^!#$%&'*+\-.^_`|~:0-9A-Za-z ()/<=>?@[\]{}\u0100-\uffff]/g

const escapeCharacter = (character: string): string =>
  character === '"' || character === "\\"
    ? `\\${character}`
    : `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`

/** Quotes a value that is not a token, with octal escapes, like aiohttp and Python's `http.cookies`. */
export const quote = (value: string): string => {
  if (token.test(value)) return value
  if (value.length > 1 && value.startsWith('"') && value.endsWith('"')) return value
  return `"${value.replace(escaped, escapeCharacter)}"`
}

/** Converts a record or an iterable of cookies to pairs. */
export const toPairs = (input: { readonly [name: string]: string } | Iterable<Pair>): ReadonlyArray<Pair> =>
  isIterable(input) ? Array.from(input) : Object.entries(input)
