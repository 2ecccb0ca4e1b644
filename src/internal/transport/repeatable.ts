/**
 * Decides which requests may be sent twice. A session resends only these after a lost connection, and a transport checks
 * the connection more carefully before it sends any other.
 */
import { isIdempotent } from "../http/methods.js"
import type { WireRequest } from "./transport.js"

/** Whether a request can be sent again after its connection was lost: it is idempotent, and its body can be read again. */
export const isRepeatable = ({ body, method }: WireRequest): boolean =>
  isIdempotent(method) && (body?._tag !== "Stream" || body.replayable)
