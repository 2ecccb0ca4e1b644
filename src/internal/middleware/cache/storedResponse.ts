/** Builds a response from a cache entry. */
import type { ClientResponse } from "../../../ClientResponse.js"
import { madeResponse, type ResponseParts } from "../../session/madeResponse.js"
import { callOf } from "../../session/middlewareChain.js"
import type { Lookup } from "./cacheRequest.js"
import type { Stored } from "./cacheStore.js"

const fromParts = ({ next, request, sent }: Lookup, parts: ResponseParts): ClientResponse =>
  madeResponse(request, parts, callOf(next), sent)

/** The response from an entry. `age` is in seconds. */
export const fromStored = (lookup: Lookup, stored: Stored, age: number): ClientResponse =>
  fromParts(lookup, {
    status: stored.status,
    reason: stored.reason,
    toleratesTruncatedCoding: stored.toleratesTruncatedCoding === true,
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
