/** Parses Set-Cookie lines (RFC 6265bis section 5.6) in one pass and linear time. */
import { parseDate } from "./date.js"

/** Most octets of name and value together (RFC 6265bis section 5.6, step 6). */
export const maxPairLength = 4096

/** Most octets of the value of an attribute. Longer attributes are ignored (step 6 of the attributes). */
export const maxAttributeLength = 1024

/** Most octets of a rejected cookie's name in a signal. */
const maxShownName = 256

export type SameSite = "strict" | "lax" | "none"

/** A parsed line, before the jar decides whether to accept it. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  /** The Domain attribute in lower case, without a leading dot; "" for a single dot. */
  domain: string | undefined
  /** The Path attribute as received. A value that does not begin with "/" selects the default path. */
  path: string | undefined
  secure: boolean
  httpOnly: boolean
  partitioned: boolean
  sameSite: SameSite | undefined
  /** In seconds. */
  maxAge: number | undefined
  /** In milliseconds since the epoch. */
  expires: number | undefined
}

const longestName = "partitioned".length

const controls = /[\x00-\x08\x0a-\x1f\x7f]/

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/** `text` from `start` to `end`, without surrounding spaces and tabs. */
const trimmed = (text: string, start: number, end: number): string => {
  let from = start
  let to = end
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/**
 * The line, or `undefined` if it contains a control character. As in the http-state corpus, NUL and CR end the value of
 * a line without attributes. A line with attributes is not truncated, because it might lose Secure.
 */
const withoutControls = (line: string): string | undefined => {
  const at = line.search(controls)
  if (at < 0) return line
  const code = line.charCodeAt(at)
  const inBareValue = line.lastIndexOf("=", at) >= 0 && !line.includes(";")
  return (code === 0x00 || code === 0x0d) && inBareValue ? line.slice(0, at) : undefined
}

const toSameSite = (value: string): SameSite | undefined => {
  const lower = value.toLowerCase()
  return lower === "strict" || lower === "lax" || lower === "none" ? lower : undefined
}

const setAttribute = (cookie: SetCookie, name: string, value: string): void => {
  switch (name.toLowerCase()) {
    case "expires":
      cookie.expires = parseDate(value) ?? cookie.expires
      return
    case "max-age":
      if (/^-?\d+$/.test(value)) cookie.maxAge = Number(value)
      return
    case "domain":
      if (value !== "") cookie.domain = (value.startsWith(".") ? value.slice(1) : value).toLowerCase()
      return
    case "path":
      cookie.path = value
      return
    case "secure":
      cookie.secure = true
      return
    case "httponly":
      cookie.httpOnly = true
      return
    case "partitioned":
      cookie.partitioned = true
      return
    case "samesite":
      cookie.sameSite = toSameSite(value)
  }
}

const setAttributes = (cookie: SetCookie, line: string, from: number): void => {
  let start = from
  while (start < line.length) {
    const next = line.indexOf(";", start)
    const end = next < 0 ? line.length : next
    while (start < end && isSpace(line.charCodeAt(start))) start++
    if (end > start) {
      const attribute = line.slice(start, end)
      const equals = attribute.indexOf("=")
      const name = trimmed(attribute, 0, equals < 0 ? attribute.length : equals)
      const value = equals < 0 ? "" : trimmed(attribute, equals + 1, attribute.length)
      if (value.length <= maxAttributeLength && name.length <= longestName) setAttribute(cookie, name, value)
    }
    start = end + 1
  }
}

/**
 * Parses a Set-Cookie line; `undefined` if the cookie must be ignored. The line consists of octets, one character each.
 */
export const parseSetCookie = (input: string): SetCookie | undefined => {
  const line = withoutControls(input)
  if (line === undefined) return undefined
  const semicolon = line.indexOf(";")
  const end = semicolon < 0 ? line.length : semicolon
  const equals = line.indexOf("=")
  const named = equals >= 0 && equals < end
  const name = named ? trimmed(line, 0, equals) : ""
  const value = trimmed(line, named ? equals + 1 : 0, end)
  const length = name.length + value.length
  if (length === 0 || length > maxPairLength) return undefined
  const cookie: SetCookie = {
    name,
    value,
    domain: undefined,
    path: undefined,
    secure: false,
    httpOnly: false,
    partitioned: false,
    sameSite: undefined,
    maxAge: undefined,
    expires: undefined
  }
  if (semicolon >= 0) setAttributes(cookie, line, semicolon + 1)
  return cookie
}

/** Why `parseSetCookie` rejects a line, and the beginning of the cookie's name. */
export const rejectedLine = (input: string): { readonly name: string; readonly reason: "Malformed" | "TooLarge" } => {
  const line = withoutControls(input)
  if (line === undefined) return { name: "", reason: "Malformed" }
  const pair = line.slice(0, line.includes(";") ? line.indexOf(";") : undefined)
  const equals = pair.indexOf("=")
  if (trimmed(pair, equals + 1, pair.length) === "" && trimmed(pair, 0, Math.max(equals, 0)) === "") {
    return { name: "", reason: "Malformed" }
  }
  return { name: trimmed(pair, 0, Math.max(equals, 0)).slice(0, maxShownName), reason: "TooLarge" }
}
