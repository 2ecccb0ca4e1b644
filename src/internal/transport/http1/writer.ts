/**
 * The request's lines as latin1 code units. Nothing that could end a line early, or say twice how long a body is,
 * gets through; what is refused comes back as an `InvalidHeader`, nothing is thrown.
 */
import type { Trailers } from "../incomingBody.js"
import { token } from "./bytes.js"
import { neverTrailers } from "./trailers.js"

/** What cannot be sent, and why. Never holds a value. */
export class InvalidHeader {
  /** The header, escaped, or "method", "target". */
  readonly option: string
  readonly description: string

  constructor(option: string, description: string) {
    this.option = option
    this.description = description
  }
}

type Pairs = ReadonlyArray<readonly [name: string, value: string]>

const isToken = (name: string): boolean => {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code > 0x7f || token[code] === 0) return false
  }
  return name.length > 0
}

/** Names that have been found right. Programs use few; what exceeds the bound is checked each time. */
const knownNames = new Set<string>()
const maxKnownNames = 512
const maxKnownLength = 64

const isName = (name: string): boolean => {
  if (knownNames.has(name)) return true
  if (!isToken(name)) return false
  if (knownNames.size < maxKnownNames && name.length <= maxKnownLength) knownNames.add(name)
  return true
}

const unsafe = /[^\x21-\x7e]/g

/** A name as it may be shown: at most 100 characters, no control characters. */
const shownName = (name: string): string =>
  name
    .slice(0, 100)
    .replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .slice(0, 100)

/** Refuses what is no token (RFC 9110, section 9.1). */
export const checkMethod = (method: string): InvalidHeader | undefined =>
  isToken(method) ? undefined : new InvalidHeader("method", "is not a token")

/** Refuses a request target with white space, control or non-ASCII characters, or a fragment. */
export const checkTarget = (target: string): InvalidHeader | undefined => {
  if (target.length === 0) return new InvalidHeader("target", "is empty")
  for (let at = 0; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code <= 0x20 || code >= 0x7f) return new InvalidHeader("target", "has a character that must be percent-encoded")
    if (code === 0x23) return new InvalidHeader("target", "has a fragment")
  }
  return undefined
}

/** Such as "GET / HTTP/1.1" with CRLF. Of a method and a target that have been checked. */
export const requestLine = (method: string, target: string, version: "1.0" | "1.1"): string =>
  `${method} ${target} HTTP/${version}\r\n`

const loneSurrogate = /\p{Surrogate}/u

/** The value as latin1 code units: UTF-8 where it is not ASCII. */
const encodeValue = (name: string, value: string): string | InvalidHeader => {
  let ascii = true
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code > 0x7e) {
      if (code === 0x7f) return new InvalidHeader(shownName(name), "has a control character in its value")
      ascii = false
    } else if (code < 0x20 && code !== 0x09) {
      return new InvalidHeader(shownName(name), "has a control character in its value")
    }
  }
  if (ascii) return value
  if (loneSurrogate.test(value)) return new InvalidHeader(shownName(name), "has half of a surrogate pair in its value")
  return Buffer.from(value, "utf8").toString("latin1")
}

/** "Name: value" and CRLF for each, in the order given. */
export const headerLines = (pairs: Pairs): string | InvalidHeader => {
  let out = ""
  for (const [name, value] of pairs) {
    if (!isName(name)) return new InvalidHeader(shownName(name), "is not a header name")
    const encoded = encodeValue(name, value)
    if (typeof encoded !== "string") return encoded
    out += `${name}: ${encoded}\r\n`
  }
  return out
}

/** How the headers frame a request's body. */
export interface RequestFraming {
  readonly host: string | undefined
  readonly contentLength: number | undefined
  readonly chunked: boolean
}

const digits = /^[0-9]+$/

const lengthOf = (value: string): number | InvalidHeader => {
  if (!digits.test(value)) return new InvalidHeader("content-length", "is not a number")
  const length = Number(value)
  return Number.isSafeInteger(length) ? length : new InvalidHeader("content-length", "is too large")
}

/** Refuses headers that two recipients could take for two messages (RFC 9112, sections 3.2 and 6). */
export const checkFraming = (pairs: Pairs): RequestFraming | InvalidHeader => {
  let host: string | undefined
  let contentLength: number | undefined
  let chunked = false
  for (const [name, value] of pairs) {
    switch (name.length) {
      case 4: {
        if (name.toLowerCase() !== "host") break
        if (host !== undefined) return new InvalidHeader("host", "is given twice")
        if (!isHost(value)) return new InvalidHeader("host", "is not a host with an optional port")
        host = value
        break
      }
      case 14: {
        if (name.toLowerCase() !== "content-length") break
        if (contentLength !== undefined) return new InvalidHeader("content-length", "is given twice")
        const length = lengthOf(value)
        if (typeof length !== "number") return length
        contentLength = length
        break
      }
      case 17: {
        if (name.toLowerCase() !== "transfer-encoding") break
        if (chunked) return new InvalidHeader("transfer-encoding", "is given twice")
        if (value.toLowerCase() !== "chunked") return new InvalidHeader("transfer-encoding", "is not chunked")
        chunked = true
      }
    }
  }
  if (chunked && contentLength !== undefined) {
    return new InvalidHeader("transfer-encoding", "contradicts content-length")
  }
  return { host, contentLength, chunked }
}

// The characters of uri-host and port (RFC 3986, section 3.2.2). Host may be empty (RFC 9112, section 3.2).
const hostCharacters = /^[A-Za-z0-9\-._~%!$&'()*+,;=:[\]]*$/

const isHost = (value: string): boolean => hostCharacters.test(value)

/** The line before a chunk of so many bytes, of which there must be at least one: none ends the body. */
export const chunkHead = (size: number): string => `${size.toString(16)}\r\n`

/** What follows the data of each chunk. */
export const chunkEnd = "\r\n"

/** The end of a chunked body, with trailers that neither frame, route nor authorise (RFC 9110, section 6.5.1). */
export const lastChunk = (trailers?: Trailers | undefined): string | InvalidHeader => {
  if (trailers === undefined || trailers.length === 0) return "0\r\n\r\n"
  for (const [name] of trailers) {
    if (neverTrailers.has(name.toLowerCase())) return new InvalidHeader(shownName(name), "must not be a trailer")
  }
  const lines = headerLines(trailers)
  return typeof lines === "string" ? `0\r\n${lines}\r\n` : lines
}
