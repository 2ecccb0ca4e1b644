/** Selects the header lines of a response that the cache stores. */
import type { ClientResponse } from "../../../ClientResponse.js"
import { decodeText } from "../../network/http1/head.js"
import type { Lines } from "./freshness.js"

/** Headers that are not stored: those for one connection or exchange, and cookies, which are for one recipient. */
const unstored: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "set-cookie"
])

/** Headers that describe the stored body. Those of a 304 do not replace them (RFC 9111 section 3.2). */
export const bodyHeaders: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "content-range",
  "content-type"
])

const text = (bytes: Uint8Array): string => decodeText(Buffer.from(bytes).toString("latin1"))

/** The lines to store, without those that Connection names (RFC 9111 section 3.1). */
export const linesOf = (response: ClientResponse): Lines => {
  const named = new Set(
    response
      .headerValues("connection")
      .flatMap((value) => value.split(","))
      .map((name) => name.trim().toLowerCase())
  )
  return response.rawHeaders
    .map(([name, value]) => [text(name), text(value)] as const)
    .filter(([name]) => !unstored.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
}
