/** Facts of a request that its response needs: how to read the body, and the request as it was sent. */
import type { RequestInfo } from "../../ClientResponse.js"
import { headersSent } from "../http/platformHeaders.js"
import type { Defaults, PreparedRequest } from "../request/preparedRequest.js"
import type { BodySettings } from "../response/response.js"
import { concealInfo } from "../response/responseHead.js"
import type { Sent } from "../response/responseSource.js"
import type { Route, WireRequest } from "../transport/transport.js"
import type { SessionCore } from "./sessionCore.js"

/** Body settings by the session's defaults, shared by all requests that do not set one of them. */
const settingsByDefaults = new WeakMap<Defaults, BodySettings>()

const fromRequest = (request: PreparedRequest): BodySettings => ({
  autoDecompress: request.autoDecompress,
  maxBodySize: request.maxBodySize,
  errorBodySize: request.errorBodySize,
  fallbackCharset: request.defaults.fallbackCharset,
  onProgress: request.given.onProgress
})

/** The settings for reading the response body. */
export const bodySettings = (request: PreparedRequest): BodySettings => {
  request.bodySettings ??= settingsOf(request)
  return request.bodySettings
}

const settingsOf = (request: PreparedRequest): BodySettings => {
  const { autoDecompress, errorBodySize, maxBodySize, onProgress } = request.given
  if (
    autoDecompress !== undefined ||
    errorBodySize !== undefined ||
    maxBodySize !== undefined ||
    onProgress !== undefined
  ) {
    return fromRequest(request)
  }
  let settings = settingsByDefaults.get(request.defaults)
  if (settings === undefined) {
    settings = fromRequest(request)
    settingsByDefaults.set(request.defaults, settings)
  }
  return settings
}

/** The request as it was sent. */
export const requestInfo = (request: PreparedRequest, wire: WireRequest): RequestInfo => {
  const { realUrl, url } = request.target
  return concealInfo({ method: wire.method, url, realUrl, headers: headersSent(wire.head) }, request.secretHeaders)
}

/** The request as it was sent, with the peer at the end of its route. */
export const sentBy = (
  core: SessionCore,
  request: PreparedRequest,
  wire: Pick<WireRequest, "head">,
  route: Route
): Sent => ({
  url: request.target.url,
  head: wire.head,
  secret: request.secretHeaders,
  peer: core.transport.peerKey(route)
})
