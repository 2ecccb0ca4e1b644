/**
 * The value of a Cookie header, and cookies that a program gives by name.
 */
import * as Either from "effect/Either"
import { toWire } from "./wire.js"

/** A cookie to send. */
export type Pair = readonly [name: string, value: string]

/** "name=value", or the value alone of a cookie without a name (RFC 6265bis section 5.8.3, step 4). */
export const toPair = (name: string, value: string): string => (name === "" ? value : `${name}=${value}`)

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

const hasControl = (text: string): boolean => /[\x00-\x1f\x7f]/.test(text)

/**
 * Why a cookie of a program's own cannot be sent, without its value, or `undefined` where it can: nothing may end the
 * header, begin another cookie, or become another character on the wire.
 */
export const refusal = (name: string, value: string): string | undefined => {
  if (name === "") return "a cookie has no name"
  if (hasControl(name) || /[=;]|^ | $/.test(name)) return "a cookie's name has a character that cannot be sent"
  if (hasControl(value) || value.includes(";")) return "a cookie's value has a character that cannot be sent"
  if (/[\u0100-\uffff]/.test(name) || /[\u0100-\uffff]/.test(value)) {
    return "a cookie has a character beyond U+00FF, which no server is sure to read: encode it"
  }
  return undefined
}

/** A Cookie header's value from a program's cookies, as octets, in their order; or why they cannot be sent. */
export const serialize = (pairs: Iterable<Pair>): Either.Either<string, string> => {
  let out = ""
  for (const [name, value] of pairs) {
    const refused = refusal(name, value)
    if (refused !== undefined) return Either.left(refused)
    out += `${out === "" ? "" : "; "}${toWire(name)}=${toWire(value)}`
  }
  return Either.right(out)
}

/**
 * A Cookie header's value from the jar's cookies (`Jar.pairs`: octets) and the request's own, which replace the jar's
 * of the same name and come last; or why the request's cannot be sent. "" for no cookies.
 */
export const mergeHeader = (
  jarPairs: ReadonlyArray<Pair>,
  requestCookies: ReadonlyArray<Pair>
): Either.Either<string, string> => {
  const own = serialize(requestCookies)
  if (Either.isLeft(own)) return own
  const replaced = new Set(requestCookies.map(([name]) => toWire(name)))
  let out = ""
  for (const [name, value] of jarPairs) {
    if (!replaced.has(name)) out += `${out === "" ? "" : "; "}${toPair(name, value)}`
  }
  return Either.right(out === "" || own.right === "" ? out + own.right : `${out}; ${own.right}`)
}

/** The cookies of a Cookie header that a program has written itself. */
export const parseHeader = (header: string): ReadonlyArray<Pair> => {
  const pairs: Array<Pair> = []
  for (const part of header.split(";")) {
    const text = part.trim()
    if (text === "") continue
    const equals = text.indexOf("=")
    pairs.push(equals < 0 ? ["", text] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()])
  }
  return pairs
}

const isIterable = <A>(input: object | Iterable<A>): input is Iterable<A> => Symbol.iterator in input

/** Cookies by name or as pairs, as pairs. */
export const toPairs = (input: { readonly [name: string]: string } | Iterable<Pair>): ReadonlyArray<Pair> =>
  isIterable(input) ? Array.from(input) : Object.entries(input)
