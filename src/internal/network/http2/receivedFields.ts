/**
 * Checks the fields of responses and trailers (RFC 9113, sections 8.2 and 8.3.2), and makes heads of them. A violation
 * fails only its stream: the block has been decoded, so the table of the connection is intact.
 */
import type { Trailers } from "../../transport/incomingBody.js"
import { tokenTable } from "../http1/bytes.js"
import { gotByte, lineExcerpt } from "../http1/excerpt.js"
import { neverTrailers } from "../http1/trailers.js"
import { PROTOCOL_ERROR, type Violation } from "./errorCodes.js"
import { decodeField, Http2Head } from "./head.js"
import type { DecodedFields } from "./hpack/decodedFields.js"
import { staticNames } from "./hpack/staticTable.js"

/** Fields of a connection of HTTP/1.1, which no message of HTTP/2 has. */
const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade"
])

/** Names that are known to be valid. Most responses have no others. */
const validNames: ReadonlySet<string> = new Set(
  staticNames.filter((name) => name !== "" && !name.startsWith(":") && !connectionFields.has(name))
)

/** Token characters without upper case. */
const validName = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/

const invalidInValue = /[\0-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/

/** The informational or final head of a response to `method`, or a description of its violation. */
export const headOf = (fields: DecodedFields, method: string): Http2Head | Violation => {
  const status = statusOf(fields)
  if (typeof status !== "number") return status
  const { names, values } = fields
  let length: string | undefined
  for (let index = 1; index < names.length; index++) {
    const wrong = checkField(names[index], values[index])
    if (wrong !== undefined) return wrong
    if (names[index] !== "content-length") continue
    const value = values[index]
    const bad = checkLength(value, length)
    if (bad !== undefined) return bad
    length = value
  }
  const hasBody = status >= 200 && status !== 204 && status !== 304 && method !== "HEAD"
  return new Http2Head(status, fields, hasBody && length !== undefined ? Number(length) : undefined)
}

/** Makes heads. The decoder gives a block that repeats the previous one the same fields, which then give the same head. */
export class ReceivedHeads {
  private fields: DecodedFields | undefined = undefined
  private method = ""
  private head: Http2Head | undefined = undefined

  of(fields: DecodedFields, method: string): Http2Head | Violation {
    if (this.head !== undefined && fields === this.fields && method === this.method) return this.head
    const head = headOf(fields, method)
    this.fields = fields
    this.method = method
    this.head = head instanceof Http2Head ? head : undefined
    return head
  }
}

/** Trailers, without fields that are not allowed in them, or a description of their violation. */
export const trailersOf = (fields: DecodedFields): Trailers | Violation => {
  const { names, values } = fields
  const out: Array<readonly [string, string]> = []
  for (let index = 0; index < names.length; index++) {
    const wrong = checkField(names[index], values[index])
    if (wrong !== undefined) return wrong
    if (!neverTrailers.has(names[index])) out.push([names[index], decodeField(values[index])])
  }
  return out
}

/** The value of `:status`, which is the first field. */
const statusOf = ({ names, values }: DecodedFields): number | Violation => {
  if (names.length === 0) return violation("StatusLine", "expected :status, got no fields", "")
  const value = values[0]
  if (names[0] !== ":status") {
    return violation("StatusLine", "expected :status as the first field", excerptOf(names[0], value))
  }
  if (value.length !== 3 || !/^[1-9]\d\d$/.test(value)) {
    return violation("StatusLine", "expected a :status from 100 to 999", excerptOf(":status", value))
  }
  return value === "101"
    ? violation("StatusLine", "expected a :status other than 101, which HTTP/2 does not have", ":status: 101")
    : Number(value)
}

const checkField = (name: string, value: string): Violation | undefined => {
  if (!validNames.has(name)) {
    const wrong = checkName(name)
    if (wrong !== undefined) return violation("Header", wrong, excerptOf(name, value))
  }
  return invalidInValue.test(value) ? invalidValue(name, value) : undefined
}

/** Describes the problem of a name; `undefined` if it is valid. */
const checkName = (name: string): string | undefined => {
  if (connectionFields.has(name)) return `expected no field of HTTP/1.1 connections, got ${name}`
  if (validName.test(name)) return undefined
  if (name === "") return "expected a field name, got an empty one"
  if (name.startsWith(":")) {
    return name === ":status"
      ? "expected one :status in front of all fields, got another one"
      : "expected no pseudo-header but :status in front of all fields"
  }
  const byte = name.charCodeAt(firstInvalid(name))
  return `expected the lower-case characters of a token in a field name, ${gotByte(byte)}`
}

/** The position of the first character that is not allowed in a name. The name must have one. */
const firstInvalid = (name: string): number => {
  let at = 0
  while (isNameByte(name.charCodeAt(at))) at++
  return at
}

const isNameByte = (byte: number): boolean => tokenTable[byte] === 1 && !(byte >= 0x41 && byte <= 0x5a)

const invalidValue = (name: string, value: string): Violation => {
  const at = value.search(/[\0-\x08\x0a-\x1f\x7f]/)
  const excerpt = excerptOf(name, value, at < 0 ? undefined : at)
  return at < 0
    ? violation("Header", "expected a field value without white space at its ends", excerpt)
    : violation("Header", `expected printable characters in the value, ${gotByte(value.charCodeAt(at))}`, excerpt)
}

/** RFC 9110, section 8.6. A repeated field has the same text. */
const checkLength = (value: string, previous: string | undefined): Violation | undefined => {
  const wrong = wrongLength(value, previous)
  return wrong === undefined ? undefined : violation("Header", wrong, excerptOf("content-length", value))
}

const wrongLength = (value: string, previous: string | undefined): string | undefined => {
  if (!/^\d+$/.test(value)) return "expected decimal digits as the Content-Length"
  if (!Number.isSafeInteger(Number(value))) return "expected a Content-Length of at most 2^53 - 1"
  return previous === undefined || previous === value ? undefined : "expected one Content-Length, got different ones"
}

/** An excerpt of the field as a line, escaped and redacted. `at`: the position of the fault in the value. */
const excerptOf = (name: string, value: string, at?: number): string => {
  const line = Buffer.from(`${name}: ${value}`, "latin1")
  const fault = at === undefined ? line.length - 1 : name.length + 2 + at
  return lineExcerpt(line, 0, fault, line.length)
}

const violation = (reason: Violation["reason"], description: string, excerpt: string): Violation => ({
  code: PROTOCOL_ERROR,
  reason,
  description,
  excerpt
})
