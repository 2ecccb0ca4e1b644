/** Decides by tag, phase and code of an error whether the request may be sent again. */

import type { ClientError, Http2Code } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import * as Methods from "../http/methods.js"

/**
 * "unsent": the server cannot have acted on the attempt. "sent": the server may have acted on it. "never": a retry
 * would fail again.
 */
export type Retryability = "never" | "sent" | "unsent"

/** Whether a method is idempotent (RFC 9110 section 9.2.2). Methods are case-sensitive. */
export const isIdempotent = (method: string | undefined): boolean =>
  method !== undefined && Methods.isIdempotent(method)

const transientStatuses: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504])

/** Whether a status is transient, so that the same request may succeed later. */
export const isTransientStatus = (status: number): boolean => transientStatuses.has(status)

const beforeSending: ReadonlySet<Phase> = new Set<Phase>(["queue", "dns", "connect", "proxy", "tls"])

const byPhase = (phase: Phase | undefined): Retryability =>
  phase !== undefined && beforeSending.has(phase) ? "unsent" : "sent"

const broken: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"])

/** Codes of resets after which the same request may succeed. Others report a fault of the request or of the client. */
const transientResets: ReadonlySet<Http2Code> = new Set<Http2Code>([
  "NO_ERROR",
  "INTERNAL_ERROR",
  "CANCEL",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "HTTP_1_1_REQUIRED"
])

/** Classifies the attempt that ended with `error`. */
export const retryability = (error: ClientError): Retryability => {
  switch (error._tag) {
    case "ClientConnectorError":
      return error.reason === "Connect" ? "unsent" : "never"
    case "ClientConnectorDNSError":
    case "UnixClientConnectorError":
    case "ConnectionTimeoutError":
    case "PoolSaturatedError":
      return "unsent"
    case "ClientConnectorSSLError":
      return error.reason === "Handshake" && broken.has(error.code) ? "unsent" : "never"
    case "ClientProxyConnectionError":
      return error.reason === "Tls" ? "never" : "unsent"
    case "ClientHttpProxyError":
      return isTransientStatus(error.status) ? "unsent" : "never"
    case "SocketTimeoutError":
      return "sent"
    case "ServerDisconnectedError":
    case "TotalTimeoutError":
    case "ClientOSError":
      return byPhase(error.phase)
    case "StreamResetError":
      if (error.unprocessed) return "unsent"
      return transientResets.has(error.code) ? "sent" : "never"
    case "ClientPayloadError":
      return error.reason === "Incomplete" ? "sent" : "never"
    case "ClientResponseError":
    case "WSServerHandshakeError":
      return isTransientStatus(error.status) ? "sent" : "never"
    case "InvalidURL":
    case "InvalidRequest":
    case "RequestBodyError":
    case "MiddlewareError":
    case "ClientConnectorCertificateError":
    case "FingerprintMismatch":
    case "BadHttpMessage":
    case "ContentTypeError":
    case "JsonDecodeError":
    case "TooManyRedirects":
    case "WebSocketError":
    case "UpgradeError":
    case "SessionClosedError":
      return "never"
  }
}
