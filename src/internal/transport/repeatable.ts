/**
 * Which requests may be sent twice: a transport looks closer at the connection of another one, and a session repeats none.
 */
import { isIdempotent } from "../http/methods.js"
import type { WireRequest } from "./transport.js"

/** Whether a request that a dying connection loses can go out again: it is idempotent, and its body can be sent again. */
export const isRepeatable = ({ body, method }: WireRequest): boolean =>
  isIdempotent(method) && (body?._tag !== "Stream" || body.replayable)
