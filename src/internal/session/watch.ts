/**
 * Who watches a request. Nobody, most of the time: then there is no trace, and no signal is built.
 */
import type * as Fiber from "effect/Fiber"
import type { Head } from "../transport/Transport.js"
import type { Trace } from "../transport/trace.js"
import type { BodyWatch } from "./bodyReader.js"
import type { BodyContext } from "./bodySource.js"
import type { SessionCore } from "./core.js"
import type { Hop } from "./hop.js"
import type { Prepared } from "./prepared.js"

/** The watchers of one call. */
export interface CallTrace extends Trace {
  /** Whether there are listeners, which are run between the steps of a hop. */
  readonly listening: boolean
  /** Told before a chunk of a request body is written, if anybody wants to know. */
  readonly onChunk: BodyContext["onChunk"]
  readonly informational: (head: Head) => void
  /** For the body of a hop's response. */
  readonly bodyWatch: (hop: Hop) => BodyWatch | undefined
}

/** The watchers of a request that is about to begin, or `undefined`. */
export const watch = (
  _core: SessionCore,
  _fiber: Fiber.RuntimeFiber<unknown, unknown>,
  _request: Prepared
): CallTrace | undefined => undefined
