/**
 * Set-Cookie lines by RFC 6265bis section 5.6. One pass; a line costs time in proportion to its length at most.
 */
import { parseDate } from "./date.js"

/** Name and value together, in octets (RFC 6265bis section 5.6, step 6). */
export const maxPairLength = 4096

/** An attribute's value, in octets; a longer one is ignored (step 6 of the attributes). */
export const maxAttributeLength = 1024

/** Octets of the name of a refused cookie. */
const maxShownName = 256

export type SameSite = "strict" | "lax" | "none"

/** What a line says, before anybody asks whether it may. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  /** Lower case, without its leading dot; `undefined` where there is none, "" where there is nothing but the dot. */
  domain: string | undefined
  /** As received; `undefined` where there is none. One that does not begin with "/" stands for the default path. */
  path: string | undefined
  secure: boolean
  httpOnly: boolean
  partitioned: boolean
  sameSite: SameSite | undefined
  /** Seconds. */
  maxAge: number | undefined
  /** Milliseconds since the epoch. */
  expires: number | undefined
}

const longestName = "partitioned".length

const controls = /[\x00-\x08\x0a-\x1f\x7f]/

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

/** `text` from `start` to `end` without spaces and tabs around it. */
const trimmed = (text: string, start: number, end: number): string => {
  let from = start
  let to = end
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

/**
 * A line with a control character is refused whole. The one exception: NUL and CR end the value of a line that has no
 * attributes, as the http-state corpus has it; where there are attributes, cutting the line would lose Secure.
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
 * What a Set-Cookie line says, or `undefined` where it says nothing that may be kept. Its characters are octets where
 * the line came from the wire as such.
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

/** Why `parseSetCookie` takes no cookie from a line, with as much of the name as a message can show. */
export const refusedLine = (input: string): { readonly name: string; readonly reason: "Malformed" | "TooLarge" } => {
  const line = withoutControls(input)
  if (line === undefined) return { name: "", reason: "Malformed" }
  const pair = line.slice(0, line.includes(";") ? line.indexOf(";") : undefined)
  const equals = pair.indexOf("=")
  if (trimmed(pair, equals + 1, pair.length) === "" && trimmed(pair, 0, Math.max(equals, 0)) === "") {
    return { name: "", reason: "Malformed" }
  }
  return { name: trimmed(pair, 0, Math.max(equals, 0)).slice(0, maxShownName), reason: "TooLarge" }
}
