/** Converts a prepared request to its HTTP/1.1 form: the head as text and the body as a source. */
import * as Either from "effect/Either"
import { InvalidRequest, type InvalidURL, RequestBodyError } from "../../Errors.js"
import { contentOf } from "../effect/bodies.js"
import {
  checkField,
  countFields,
  getField,
  isFault,
  mergeFields,
  type OptionFault,
  type Pairs,
  toLatin1,
  toLines
} from "../http/headerFields.js"
import { canonicalHost } from "../http/host.js"
import { hostFieldOf } from "../http/origin.js"
import type { RequestBody, WireRequest } from "../transport/transport.js"
import { authorizationOf } from "./authorization.js"
import { linesAfter, linesBefore } from "./automaticHeaders.js"
import { type BodyContext, toRequestBody } from "./body/bodyWriter.js"
import type { Compression } from "./body/compressor.js"
import { lengthError } from "./body/declaredLength.js"
import type { PreparedRequest } from "./preparedRequest.js"
import { toSkip } from "./sessionDefaults.js"

/** The errors of `toWire`. */
export type WireError = InvalidURL | InvalidRequest | RequestBodyError

/** Whether `toWire` returned an error. */
export const isWireError = (u: WireRequest | WireError): u is WireError => "_tag" in u

/**
 * Converts a request. `cookieHeader` has the jar's cookies as octets; cookies of the request replace those of the same
 * name. `extra` headers replace the request's headers of the same name. `context` is required for bodies that are
 * streams. `close` asks the server to close the connection, unless the request has a Connection header.
 */
export const toWire = (
  request: PreparedRequest,
  cookieHeader: string | undefined,
  extra?: Pairs,
  context?: BodyContext,
  close = false
): WireRequest | WireError => {
  if (request.fault !== undefined) return request.fault
  const { body, defaults, given } = request
  const plain =
    !close &&
    defaults.plain &&
    request.fields === defaults.fields &&
    cookieHeader === undefined &&
    (extra === undefined || extra.length === 0) &&
    request.auth === undefined &&
    request.cookies.length === 0 &&
    (body._tag === "Empty" || (body._tag === "Uint8Array" && body.contentType === jsonType)) &&
    context?.onChunk === undefined &&
    given.onProgress === undefined &&
    given.compress === undefined &&
    given.chunked === undefined &&
    given.expect100 === undefined &&
    given.skipAutoHeaders === undefined
  return plain ? plainWire(request) : fullWire(request, cookieHeader, extra ?? noPairs, context, close)
}

const jsonType = "application/json"
const noPairs: Pairs = []

/** Builds the head from the lines that were written when the session was made. */
const plainWire = (request: PreparedRequest): WireRequest => {
  if (request.plainWire !== undefined) return request.plainWire
  const { body, defaults, method, target } = request
  let head = `Host: ${hostFieldOf(target.origin)}\r\n${defaults.before}`
  let bytes: RequestBody | undefined
  if (body._tag === "Uint8Array") {
    head += `Content-Length: ${body.body.length}\r\nContent-Type: application/json\r\n`
    bytes = { _tag: "Bytes", bytes: body.body }
  } else if (expectsBody(method)) {
    head += "Content-Length: 0\r\n"
  }
  const wire: WireRequest = {
    method,
    target: target.target,
    head: head + defaults.after,
    version: "1.1",
    body: bytes,
    expectContinue: false,
    upgrade: undefined,
    close: false,
    secret: request.fields.secret,
    text: undefined,
    http2: undefined
  }
  if (bytes === undefined) request.plainWire = wire
  return wire
}

/** Whether a request without content must send "Content-Length: 0" (RFC 9110 section 8.6). */
const expectsBody = (method: string): boolean => method === "POST" || method === "PUT" || method === "PATCH"

const fullWire = (
  request: PreparedRequest,
  cookieHeader: string | undefined,
  extra: Pairs,
  context: BodyContext | undefined,
  forceClose: boolean
): WireRequest | WireError => {
  const pairs = mergeFields(request.fields, { pairs: extra, secret: noNames }).pairs
  const wrong = checkPairs(pairs, request.method)
  if (wrong !== undefined) return refuse(request, wrong)
  const framing = frame(request, pairs)
  if (framing instanceof RequestBodyError) return framing
  if (isFault(framing)) return refuse(request, framing)
  const last = lastLines(request, pairs, cookieHeader)
  if (typeof last !== "string") return refuse(request, last)
  const connection = connectionOf(pairs)
  const { version } = request.defaults
  const own = pairsHave(pairs, "connection")
  const close = connection.has("close") || (own ? version === "1.0" && !connection.has("keep-alive") : forceClose)
  const automatic = own ? noPairs : forceClose ? closePairs : version === "1.0" ? keepAlivePairs : noPairs
  const present = new Set([...request.defaults.skip, ...toSkip(request.given.skipAutoHeaders)])
  const contentType =
    framing.contentType !== undefined && !present.has("content-type") ? framing.contentType : undefined
  for (const [name] of pairs) present.add(name.toLowerCase())
  const host = getField(pairs, "host") ?? hostFieldOf(request.target.origin)
  const head =
    `Host: ${host}\r\n` +
    toLines(pairs.filter(([name]) => !written.has(name.toLowerCase()))) +
    linesBefore(present) +
    framing.lines +
    (contentType === undefined || present.has("content-type") ? "" : `Content-Type: ${toLatin1(contentType)}\r\n`) +
    linesAfter(present) +
    last +
    (framing.expect ? "Expect: 100-continue\r\n" : "") +
    toLines(automatic)
  return {
    method: request.method,
    target: request.target.target,
    head,
    version,
    body: toRequestBody(request.body, { ...framing, details: request.details }, context),
    expectContinue: framing.expect,
    upgrade: connection.has("upgrade") ? getField(pairs, "upgrade") : undefined,
    close,
    secret: request.fields.secret,
    text: undefined,
    http2: undefined
  }
}

const noNames: ReadonlySet<string> = new Set()
const closePairs: Pairs = [["Connection", "close"]]
const keepAlivePairs: Pairs = [["Connection", "keep-alive"]]

/** Headers that are written separately, in a fixed place. */
const written: ReadonlySet<string> = new Set(["host", "content-length", "cookie", "expect", "authorization"])

const refuse = (request: PreparedRequest, fault: OptionFault): InvalidRequest =>
  new InvalidRequest({ ...request.details, option: fault.option, description: fault.description })

const pairsHave = (pairs: Pairs, name: string): boolean => getField(pairs, name) !== undefined

const single = ["host", "content-length", "authorization", "content-type", "user-agent"] as const

const checkPairs = (pairs: Pairs, method: string): OptionFault | undefined => {
  for (const [name, value] of pairs) {
    const wrong = checkField(name, value)
    if (wrong !== undefined) return { option: "headers", description: wrong }
  }
  for (const name of single) {
    if (countFields(pairs, name) > 1) return { option: name, description: "expected the header only once" }
  }
  if (pairsHave(pairs, "transfer-encoding")) {
    return { option: "transfer-encoding", description: "set by the client; use chunked: true" }
  }
  const host = getField(pairs, "host")
  if (host !== undefined && !isHostField(host)) {
    return { option: "host", description: "expected a host name or an IP address, optionally with a port" }
  }
  return method === "TRACE" && pairsHave(pairs, "content-length")
    ? { option: "content-length", description: "a TRACE request cannot have a body" }
    : undefined
}

/** Whether a Host value is valid: ASCII (RFC 9112 section 3.2), and empty if the target has no authority. */
const isHostField = (value: string): boolean => {
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)?(?::(\d{1,5}))?$/.exec(value)
  if (parts === null) return false
  const [, host, port] = parts
  return (
    (host === undefined || typeof canonicalHost(host) !== "string") && (port === undefined || Number(port) <= 65535)
  )
}

interface Framing {
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
 * Decides how the body is delimited. A declared Content-Length is kept and must match the actual length where that is
 * known.
 */
const frame = (request: PreparedRequest, pairs: Pairs): Framing | OptionFault | RequestBodyError => {
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
  if (method === "TRACE") return { option: "data", description: "a TRACE request cannot have a body" }
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
    return { option: "version", description: "HTTP/1.0 cannot send a body of unknown length" }
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
    return { option: "content-type", description: "the content type of the body contains control characters" }
  }
  if (request.given.compress !== undefined && request.given.compress !== false) {
    if (pairsHave(pairs, "content-encoding")) {
      return {
        option: "compress",
        description: "the Content-Encoding header says that the body is already compressed"
      }
    }
  }
  if (declared === undefined) return undefined
  if (request.given.chunked === true)
    return { option: "chunked", description: "cannot be combined with a Content-Length header" }
  return compression === undefined
    ? undefined
    : { option: "compress", description: "cannot be combined with a Content-Length header" }
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

/** The lines of Authorization and Cookie, checked. */
const lastLines = (request: PreparedRequest, pairs: Pairs, cookieHeader: string | undefined): string | OptionFault => {
  const expect = getField(pairs, "expect")
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") {
    return { option: "expect", description: 'expected "100-continue"' }
  }
  const cookie = cookieValue(request, pairs, cookieHeader)
  if (checkField("Cookie", cookie) !== undefined) {
    return { option: "cookies", description: "a cookie contains control characters" }
  }
  const cookieLine = cookie === "" ? "" : `Cookie: ${cookie}\r\n`
  const given = pairs.find(([name]) => name.toLowerCase() === "authorization")
  if (given !== undefined) return toLines([given]) + cookieLine
  if (request.auth === undefined) return cookieLine
  const authorization = authorizationOf(request.auth)
  return Either.isLeft(authorization)
    ? { option: "auth", description: authorization.left }
    : `Authorization: ${authorization.right}\r\n${cookieLine}`
}

/**
 * The value of Cookie, as octets: the Cookie header of the request, then the jar's cookies that the request does not
 * replace, then the request's own cookies.
 */
const cookieValue = (request: PreparedRequest, pairs: Pairs, jar: string | undefined): string => {
  const own = request.cookies.map(([name, value]) => [toLatin1(name), toLatin1(value)] as const)
  const names = new Set(own.map(([name]) => name))
  const cookies = pairs.filter(([name]) => name.toLowerCase() === "cookie").map(([, value]) => toLatin1(value))
  if (jar !== undefined && jar !== "") {
    const kept =
      names.size === 0 ? [jar] : jar.split("; ").filter((cookie) => !names.has(cookie.split("=", 1)[0] ?? ""))
    cookies.push(...kept)
  }
  return [...cookies, ...own.map(([name, value]) => `${name}=${value}`)].join("; ")
}

/** The tokens of the Connection header, in lower case. */
const connectionOf = (pairs: Pairs): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const [name, value] of pairs) {
    if (name.toLowerCase() === "connection") {
      for (const token of value.split(",")) out.add(token.trim().toLowerCase())
    }
  }
  return out
}
