/** Responses that a middleware or the cache makes instead of receiving them from the network. */
import { identity } from "effect/Function"
import type { RequestInfo, ResponseHead, Timings } from "../../ClientResponse.js"
import type { Details } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import type { Pairs } from "../http/headerFields.js"
import { headersOf } from "../http/platformHeaders.js"
import { headOf } from "../network/http1/head.js"
import type { PreparedRequest } from "../request/preparedRequest.js"
import { type BodySettings, Response, type ResponseSource } from "../response/response.js"
import { concealInfo } from "../response/responseHead.js"
import type { Sent } from "../response/responseSource.js"
import { IncomingBody } from "../transport/incomingBody.js"
import type { Call } from "./call.js"
import { bodySettings } from "./hopFacts.js"

/** The content of a response. */
export interface ResponseParts {
  readonly status: number
  readonly reason: string
  readonly headers: Pairs
  readonly body: Uint8Array
  readonly toleratesTruncatedCoding?: boolean
}

/** The source of such a response. `call` may be set later, when a middleware returns the response. */
class MadeSource implements ResponseSource {
  readonly request: PreparedRequest
  readonly sentRequest: Sent | undefined
  call: Call | undefined

  constructor(request: PreparedRequest, call: Call | undefined, sent: Sent | undefined) {
    this.request = request
    this.call = call
    this.sentRequest = sent
  }

  get method(): string {
    return this.request.method
  }
  get url(): string {
    return this.request.target.url
  }
  get realUrl(): string {
    return this.request.target.realUrl
  }
  get history(): ReadonlyArray<ResponseHead> {
    return this.call?.history ?? []
  }
  get attempts(): number {
    return this.call?.attempt ?? 0
  }
  get settings(): BodySettings {
    return bodySettings(this.request)
  }
  get bodyWatch(): undefined {
    return undefined
  }
  readonly within: ResponseSource["within"] = identity
  sent(): Sent | undefined {
    return this.sentRequest
  }
  timings(): Timings {
    return {}
  }
  details(phase: Phase | undefined): Details {
    return this.call?.details(phase) ?? { ...this.request.details, phase }
  }
  requestInfo(): RequestInfo {
    const { method, realUrl, request, url } = this
    const { pairs, secret } = request.fields
    const headers = headersOf(
      pairs.length,
      (index) => pairs[index]?.[0] ?? "",
      (index) => pairs[index]?.[1] ?? ""
    )
    return concealInfo({ method, url, realUrl, headers }, secret)
  }
}

/** A complete body from bytes in memory. */
const bodyOf = (bytes: Uint8Array): IncomingBody => {
  const body = new IncomingBody(bytes.length, { resume: () => {}, abandon: () => {} })
  if (bytes.length > 0) body.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  body.end([])
  return body
}

/** Builds a response to a request. `call` is the call of the request if it is known; `sent` is the request as sent. */
export const madeResponse = (
  request: PreparedRequest,
  { body, headers, reason, status, toleratesTruncatedCoding }: ResponseParts,
  call?: Call,
  sent?: Sent
): Response => {
  const head = headOf({ status, reason, headers, contentLength: body.length, toleratesTruncatedCoding })
  // The response to a HEAD describes the body but has none (RFC 9110 section 9.3.2).
  const content = request.method === "HEAD" ? new Uint8Array() : body
  return new Response(new MadeSource(request, call, sent), head, bodyOf(content), { id: 0, reused: false })
}

/** Sets the call of a response that was built without one. */
export const bindResponse = ({ source }: Response, call: Call): void => {
  if (source instanceof MadeSource) source.call ??= call
}
