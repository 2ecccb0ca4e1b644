/**
 * What a response tells of its request.
 */
import type * as Headers from "@effect/platform/Headers"
import type { RequestInfo } from "../../ClientResponse.js"
import type { Prepared } from "../request/preparedRequest.js"
import type { Defaults } from "../request/sessionDefaults.js"
import type { BodySettings } from "../response/response.js"
import { concealInfo, headersOf } from "../response/responseHead.js"
import type { WireRequest } from "../transport/transport.js"

/** Of requests that say nothing about it themselves: one for each session. */
const ofSession = new WeakMap<Defaults, BodySettings>()

const fromRequest = (request: Prepared): BodySettings => ({
  autoDecompress: request.autoDecompress,
  maxBodySize: request.maxBodySize,
  fallbackCharset: request.defaults.fallbackCharset,
  onProgress: request.given.onProgress
})

/** How the body of the response is to be read. */
export const bodySettings = (request: Prepared): BodySettings => {
  const { autoDecompress, maxBodySize, onProgress } = request.given
  if (autoDecompress !== undefined || maxBodySize !== undefined || onProgress !== undefined) return fromRequest(request)
  let settings = ofSession.get(request.defaults)
  if (settings === undefined) {
    settings = fromRequest(request)
    ofSession.set(request.defaults, settings)
  }
  return settings
}

/** The headers of a request as they were sent. */
export const headersSent = (wire: Pick<WireRequest, "head">): Headers.Headers => {
  const lines = wire.head.split("\r\n").filter((line) => line !== "")
  return headersOf(
    lines.length,
    (index) => lines[index]?.split(":", 1)[0] ?? "",
    (index) => {
      const line = lines[index] ?? ""
      return Buffer.from(line.slice(line.indexOf(":") + 1).trim(), "latin1").toString("utf8")
    }
  )
}

/** The request as it was sent. */
export const requestInfo = (request: Prepared, wire: WireRequest): RequestInfo => {
  const { realUrl, url } = request.target
  return concealInfo({ method: wire.method, url, realUrl, headers: headersSent(wire) }, request.secretHeaders)
}
