/**
 * Whether a request that failed may be sent again. An error tells by its tag, its phase and its code.
 */

import type { ClientError } from "../../Errors.js"
import type { Phase } from "../../Timeouts.js"
import * as Methods from "../http/methods.js"

/** "unsent": no byte of the attempt can have been acted upon. "sent": it may have been. "never": it would fail again. */
export type Retryability = "never" | "sent" | "unsent"

/** Whether a method is idempotent (RFC 9110 section 9.2.2); methods are case-sensitive. */
export const isIdempotent = (method: string | undefined): boolean =>
  method !== undefined && Methods.isIdempotent(method)

const passing: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504])

/** Whether a status says that the same request may be answered otherwise a little later. */
export const isPassingStatus = (status: number): boolean => passing.has(status)

const beforeSending: ReadonlySet<Phase> = new Set<Phase>(["queue", "dns", "connect", "proxy", "tls"])

const byPhase = (phase: Phase | undefined): Retryability =>
  phase !== undefined && beforeSending.has(phase) ? "unsent" : "sent"

const broken: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"])

/** What an error says of the attempt that it ended. */
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
      return isPassingStatus(error.status) ? "unsent" : "never"
    case "SocketTimeoutError":
    case "ServerDisconnectedError":
      return "sent"
    case "TotalTimeoutError":
    case "ClientOSError":
      return byPhase(error.phase)
    case "ClientPayloadError":
      return error.reason === "Incomplete" ? "sent" : "never"
    case "ClientResponseError":
    case "WSServerHandshakeError":
      return isPassingStatus(error.status) ? "sent" : "never"
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
