/** Builds a response from a cache entry. */
import { identity } from "effect/Function"
import type { ClientResponse } from "../../../ClientResponse.js"
import type { Pairs } from "../../http/headerFields.js"
import { headersOf } from "../../http/platformHeaders.js"
import { headOf } from "../../network/http1/head.js"
import { Response, type ResponseSource } from "../../response/response.js"
import { concealInfo } from "../../response/responseHead.js"
import { bodySettings } from "../../session/hopFacts.js"
import { callOf } from "../../session/middlewareChain.js"
import { bodyOf } from "./cacheBody.js"
import type { Lookup } from "./cacheRequest.js"
import type { Stored } from "./cacheStore.js"
import type { Lines } from "./freshness.js"

const headersIn = (pairs: Pairs) =>
  headersOf(
    pairs.length,
    (index) => pairs[index]?.[0] ?? "",
    (index) => pairs[index]?.[1] ?? ""
  )

const sourceOf = ({ next, request, sent }: Lookup): ResponseSource => {
  const call = callOf(next)
  const { method, target } = request
  const { realUrl, url } = target
  const { pairs, secret } = request.fields
  return {
    method,
    url,
    realUrl,
    history: call?.history ?? [],
    settings: bodySettings(request),
    bodyWatch: undefined,
    sent: () => sent,
    timings: () => ({}),
    within: identity,
    details: (phase) => call?.details(phase) ?? { ...request.details, phase },
    requestInfo: () => concealInfo({ method, url, realUrl, headers: headersIn(pairs) }, secret)
  }
}

const fromParts = (
  lookup: Lookup,
  parts: {
    readonly status: number
    readonly reason: string
    readonly headers: Lines
    readonly body: Uint8Array
    readonly toleratesTruncatedCoding?: boolean
  }
): ClientResponse => {
  const { body, headers, reason, status, toleratesTruncatedCoding } = parts
  const head = headOf({ status, reason, headers, contentLength: body.length, toleratesTruncatedCoding })
  // The response to a HEAD describes the body but has none (RFC 9110 section 9.3.2).
  const given = lookup.request.method === "HEAD" ? new Uint8Array() : body
  return new Response(sourceOf(lookup), head, bodyOf(given), { id: 0, reused: false })
}

/** `age` is in seconds. */
export const fromStored = (lookup: Lookup, stored: Stored, age: number): ClientResponse =>
  fromParts(lookup, {
    status: stored.status,
    reason: stored.reason,
    toleratesTruncatedCoding: stored.toleratesTruncatedCoding,
    headers: [...stored.headers.filter(([name]) => name.toLowerCase() !== "age"), ["Age", String(Math.floor(age))]],
    body: Buffer.from(stored.body, "base64")
  })

/** The response to only-if-cached without a usable entry (RFC 9111 section 5.2.1.7). */
export const gatewayTimeout = (lookup: Lookup): ClientResponse =>
  fromParts(lookup, {
    status: 504,
    reason: "Gateway Timeout",
    headers: [["Content-Length", "0"]],
    body: new Uint8Array()
  })
