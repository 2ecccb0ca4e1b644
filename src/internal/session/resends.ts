/** Decides whether a hop sends its request again on another connection after the transport has failed. */
import { type ClientError, StreamResetError } from "../../Errors.js"
import type { Retryability } from "../errors/retryability.js"
import { isRepeatable } from "../transport/repeatable.js"
import type { WireRequest } from "../transport/transport.js"

/**
 * How often a request may move to another connection because its server had served enough requests on the previous one.
 * Each of these connections served other requests first, so only a server that refuses one request for ever reaches it.
 */
const mostRotations = 6

/** The resends of one hop. Created at its first failure, because nearly all hops have none. */
export class Resends {
  /** Whether the request was sent again on another connection, which happens at most once. Rotations do not count. */
  resent = false
  /** How often the request has moved to another connection as described at `mostRotations`. */
  private rotations = 0
  /** Whether the server may have acted on an earlier attempt. */
  private mayHaveActed = false

  /**
   * Returns whether to send again, and counts that as a resend. A request of which a byte was written must be
   * repeatable.
   */
  claim(wire: WireRequest, repeatable: Retryability, rotated: boolean): boolean {
    const isFree = rotated && this.rotations < mostRotations
    if (repeatable === "never" || (this.resent && !isFree)) return false
    if (repeatable !== "unsent" && !isRepeatable(wire)) return false
    if (isFree) this.rotations++
    else this.resent = true
    this.mayHaveActed ||= repeatable !== "unsent"
    return true
  }

  /**
   * The error of the hop. If the server may have acted on an earlier attempt, the request does not count as
   * unprocessed.
   */
  finalError(error: ClientError): ClientError {
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
