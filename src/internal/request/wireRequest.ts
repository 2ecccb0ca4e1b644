/** Serializes a prepared request: its head as text and its body as a source of bytes. */
import { InvalidRequest, type InvalidURL, RequestBodyError } from "../../Errors.js"
import {
  getField,
  isFault,
  mergeFields,
  type OptionFault,
  type Pairs,
  toLatin1,
  toLines
} from "../http/headerFields.js"
import { hostFieldOf } from "../http/origin.js"
import type { RequestBody, WireRequest } from "../transport/transport.js"
import { linesAfter, linesBefore } from "./automaticHeaders.js"
import { type BodyContext, toRequestBody } from "./body/bodyWriter.js"
import { expectsBody, frame } from "./bodyFraming.js"
import { checkPairs } from "./checkHeaders.js"
import { credentialLines } from "./credentialLines.js"
import type { PreparedRequest } from "./preparedRequest.js"
import { toSkip } from "./sessionDefaults.js"

/** The errors of `toWire`. */
export type WireError = InvalidURL | InvalidRequest | RequestBodyError

/** Whether `toWire` returned an error. */
export const isWireError = (u: WireRequest | WireError): u is WireError => "_tag" in u

/**
 * Serializes a request. `cookieHeader` has the cookies of the jar as octets; cookies of the request replace those of
 * the same name. `extra` headers replace headers of the same name. `context` is required for bodies that are streams.
 * `close` asks the server to close the connection, unless the request has a Connection header.
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
  const isPlain =
    !close &&
    defaults.hasFixedLines &&
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
  return isPlain ? plainWire(request) : fullWire(request, cookieHeader, extra ?? noPairs, context, close)
}

const jsonType = "application/json"
const noPairs: Pairs = []

/** Builds the head from the lines of the session, which were written when it was made. */
const plainWire = (request: PreparedRequest): WireRequest => {
  if (request.plainWire !== undefined) return request.plainWire
  const { body, defaults, method, target } = request
  let head = `Host: ${hostFieldOf(target.origin)}\r\n${defaults.fixedLinesBefore}`
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
    head: head + defaults.fixedLinesAfter,
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

const fullWire = (
  request: PreparedRequest,
  cookieHeader: string | undefined,
  extra: Pairs,
  context: BodyContext | undefined,
  forceClose: boolean
): WireRequest | WireError => {
  const pairs = mergeFields(request.fields, { pairs: extra, secret: noNames }).pairs
  const fault = checkPairs(pairs, request.method)
  if (fault !== undefined) return refuse(request, fault)
  const framing = frame(request, pairs)
  if (framing instanceof RequestBodyError) return framing
  if (isFault(framing)) return refuse(request, framing)
  const credentials = credentialLines(request, pairs, cookieHeader)
  if (typeof credentials !== "string") return refuse(request, credentials)
  const connection = connectionOf(pairs)
  const { version } = request.defaults
  const hasConnectionHeader = getField(pairs, "connection") !== undefined
  const close =
    connection.has("close") || (hasConnectionHeader ? version === "1.0" && !connection.has("keep-alive") : forceClose)
  const connectionPairs = hasConnectionHeader
    ? noPairs
    : forceClose
      ? closePairs
      : version === "1.0"
        ? keepAlivePairs
        : noPairs
  const presentOrSkipped = new Set([...request.defaults.skip, ...toSkip(request.given.skipAutoHeaders)])
  const contentType =
    framing.contentType !== undefined && !presentOrSkipped.has("content-type") ? framing.contentType : undefined
  for (const [name] of pairs) presentOrSkipped.add(name.toLowerCase())
  const host = getField(pairs, "host") ?? hostFieldOf(request.target.origin)
  const head =
    `Host: ${host}\r\n` +
    toLines(pairs.filter(([name]) => !placedHeaders.has(name.toLowerCase()))) +
    linesBefore(presentOrSkipped) +
    framing.lines +
    (contentType === undefined || presentOrSkipped.has("content-type")
      ? ""
      : `Content-Type: ${toLatin1(contentType)}\r\n`) +
    linesAfter(presentOrSkipped) +
    credentials +
    (framing.expect ? "Expect: 100-continue\r\n" : "") +
    toLines(connectionPairs)
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

/** Headers that have a fixed place in the head. */
const placedHeaders: ReadonlySet<string> = new Set(["host", "content-length", "cookie", "expect", "authorization"])

const refuse = (request: PreparedRequest, fault: OptionFault): InvalidRequest =>
  new InvalidRequest({ ...request.details, option: fault.option, description: fault.description })

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
