/** Decides whether a hop sends its request again on another connection after the transport has failed. */
import { type ClientError, StreamResetError } from "../../Errors.js"
import type { Retryability } from "../errors/retryability.js"
import { isRepeatable } from "../transport/repeatable.js"
import type { WireRequest } from "../transport/transport.js"

/**
 * A server may refuse the same request on several connections in a row if each serves few requests. Each of them has
 * served some, so this bound is only for servers that refuse one request for ever.
 */
const mostRotations = 6

/** The resends of one hop. Made at its first failure, as nearly all hops have none. */
export class Resends {
  /** Whether the request was sent again on another connection, which happens at most once. Rotations do not count. */
  again = false
  /** How often the request was sent again because a server had served enough requests on a connection. */
  private rotations = 0
  /** Whether the server may have acted on an earlier attempt. */
  private mayHaveActed = false

  /** Whether to send again: any request of which nothing was written, otherwise only a repeatable one. Counts it. */
  take(wire: WireRequest, repeatable: Retryability, rotated: boolean): boolean {
    const isFree = rotated && this.rotations < mostRotations
    if (repeatable === "never" || (this.again && !isFree)) return false
    if (repeatable !== "unsent" && !isRepeatable(wire)) return false
    if (isFree) this.rotations++
    else this.again = true
    this.mayHaveActed ||= repeatable !== "unsent"
    return true
  }

  /** The error of the last attempt: if the server may have acted on one before, refusing this one proves nothing. */
  judged(error: ClientError): ClientError {
    return this.mayHaveActed && error._tag === "StreamResetError" && error.unprocessed
      ? new StreamResetError({ ...error, debug: error.debug, cause: error.cause, unprocessed: false })
      : error
  }
}

/** Why a request is sent again, for signals. */
export const resendReason = (error: ClientError, reused: boolean) => {
  if (error._tag !== "StreamResetError") return reused ? "StaleConnection" : "Disconnected"
  return error.code === "HTTP_1_1_REQUIRED" ? "Http11Required" : "Refused"
}
