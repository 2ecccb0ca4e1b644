/**
 * Decides which requests may be sent twice. A session does not send the others again, and a transport checks an idle
 * connection before it uses it for one of them.
 */
import { isIdempotent } from "../http/methods.js"
import type { WireRequest } from "./transport.js"

/** Whether a request can be sent again after its connection was lost: it is idempotent and its body is replayable. */
export const isRepeatable = ({ body, method }: WireRequest): boolean =>
  isIdempotent(method) && (body?._tag !== "Stream" || body.replayable)
