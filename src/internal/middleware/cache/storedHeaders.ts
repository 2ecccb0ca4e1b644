/**
 * Which header lines of a response are stored.
 */
import type { ClientResponse } from "../../../ClientResponse.js"
import { decodeText } from "../../network/http1/head.js"
import type { Lines } from "./freshness.js"

/** Of one connection, of one exchange, or nobody's business but the first receiver's. */
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

/** What belongs to the stored body, whatever a 304 says (RFC 9111 section 3.2). */
export const ofBody: ReadonlySet<string> = new Set([
  "content-length",
  "content-encoding",
  "content-range",
  "content-type"
])

const text = (bytes: Uint8Array): string => decodeText(Buffer.from(bytes).toString("latin1"))

/** Header lines to be stored: those that Connection names are not (RFC 9111 section 3.1). */
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
