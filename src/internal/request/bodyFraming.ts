/** Decides how the body of a request is delimited, by its length or in chunks, and writes the header lines for it. */
import { RequestBodyError } from "../../Errors.js"
import { contentOf } from "../effect/bodies.js"
import { checkField, getField, type OptionFault, type Pairs } from "../http/headerFields.js"
import type { Compression } from "./body/compressor.js"
import { lengthError } from "./body/declaredLength.js"
import type { PreparedRequest } from "./preparedRequest.js"

/** Whether a request without content must send "Content-Length: 0" (RFC 9110 section 8.6). */
export const expectsBody = (method: string): boolean => method === "POST" || method === "PUT" || method === "PATCH"

export interface Framing {
  readonly lines: string
  readonly contentType: string | undefined
  readonly expect: boolean
  readonly length: number | undefined
  readonly chunked: boolean
  readonly compression: Compression | undefined
  readonly onProgress: PreparedRequest["given"]["onProgress"]
}

const noBody: Framing = {
  lines: "",
  contentType: undefined,
  expect: false,
  length: undefined,
  chunked: false,
  compression: undefined,
  onProgress: undefined
}

/**
 * Decides how the body is delimited. A Content-Length header of the caller is kept; it must equal the length of the
 * body if that is known.
 */
export const frame = (request: PreparedRequest, pairs: Pairs): Framing | OptionFault | RequestBodyError => {
  const { body, defaults, given, method } = request
  const header = getField(pairs, "content-length")
  const declared = header === undefined ? undefined : toLength(header)
  if (header !== undefined && declared === undefined) {
    return { option: "content-length", description: "expected a number of bytes" }
  }
  if (body._tag === "Empty") {
    if (declared !== undefined && declared > 0) {
      return { option: "content-length", description: "expected 0, because the request has no body" }
    }
    return declared === 0 || expectsBody(method) ? { ...noBody, lines: "Content-Length: 0\r\n" } : noBody
  }
  if (method === "TRACE") return { option: "data", description: "expected no body with the method TRACE" }
  const actual = body._tag === "Uint8Array" ? body.body.length : body.contentLength
  if (actual !== undefined && !(Number.isSafeInteger(actual) && actual >= 0)) {
    return { option: "data", description: "expected a body whose length is a whole number from 0 on" }
  }
  if (declared !== undefined && actual !== undefined && declared !== actual) {
    const { cause, reason } = lengthError(declared, actual > declared)
    return new RequestBodyError({ ...request.details, reason, cause })
  }
  const compression = toCompression(given.compress, actual)
  const wrong = checkContent(request, pairs, compression, declared)
  if (wrong !== undefined) return wrong
  const length = declared ?? actual
  const chunked = given.chunked === true || compression !== undefined || length === undefined
  if (chunked && defaults.version === "1.0") {
    return { option: "version", description: 'expected a body of known length with version "1.0", such as bytes' }
  }
  if (chunked && given.chunked === false) {
    return { option: "chunked", description: "expected true, because the length of the body is unknown" }
  }
  const coding = compression === undefined ? "" : `Content-Encoding: ${compression}\r\n`
  return {
    lines: coding + (chunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${length}\r\n`),
    contentType: body.contentType,
    expect: wantsContinue(request, pairs) && length !== 0,
    length,
    chunked,
    compression,
    onProgress: given.onProgress
  }
}

const checkContent = (
  request: PreparedRequest,
  pairs: Pairs,
  compression: Compression | undefined,
  declared: number | undefined
): OptionFault | undefined => {
  const { contentType } = contentOf(request.body)
  if (contentType !== undefined && checkField("Content-Type", contentType) !== undefined) {
    return {
      option: "content-type",
      description: "expected a content type of the body without control characters or unpaired surrogates"
    }
  }
  if (request.given.compress !== undefined && request.given.compress !== false) {
    if (getField(pairs, "content-encoding") !== undefined) {
      return {
        option: "compress",
        description:
          "expected no Content-Encoding header with compress, because it says that the body is already compressed; omit one"
      }
    }
  }
  if (declared === undefined) return undefined
  if (request.given.chunked === true)
    return { option: "chunked", description: "expected no Content-Length header with chunked: true; omit one" }
  return compression === undefined
    ? undefined
    : { option: "compress", description: "expected no Content-Length header with compress; omit one" }
}

const toLength = (text: string): number | undefined => {
  const length = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(length) ? length : undefined
}

/** The compression to apply; an empty body is not compressed. */
const toCompression = (
  compress: PreparedRequest["given"]["compress"],
  length: number | undefined
): Compression | undefined =>
  compress === undefined || compress === false || length === 0 ? undefined : compress === true ? "deflate" : compress

const wantsContinue = (request: PreparedRequest, pairs: Pairs): boolean => {
  if (request.defaults.version === "1.0") return false
  const header = getField(pairs, "expect")
  return request.given.expect100 === true || header?.toLowerCase() === "100-continue"
}
