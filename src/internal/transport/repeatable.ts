/**
 * Decides which requests may be sent twice. A session does not repeat the others, and a transport checks an idle
 * connection more carefully before it uses it for one of them.
 */
import { isIdempotent } from "../http/methods.js"
import type { WireRequest } from "./transport.js"

/** Whether a request that a dying connection loses can go out again: it is idempotent, and its body can be sent again. */
export const isRepeatable = ({ body, method }: WireRequest): boolean =>
  isIdempotent(method) && (body?._tag !== "Stream" || body.replayable)
