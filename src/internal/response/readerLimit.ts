/** Reads the limit of `HttpIncomingMessage.withMaxBodySize` of @effect/platform. */
import { type FiberState, servicesOf } from "../effect/fiberState.js"
import { bodyLimitIn } from "../effect/multiparts.js"

/**
 * Most decoded bytes of a body that the fiber may read (@effect/platform's `withMaxBodySize`); `Infinity` by default.
 */
export const readerLimit = (state: FiberState): number => bodyLimitIn(servicesOf(state))
