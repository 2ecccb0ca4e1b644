/**
 * Waiting for what is not ours: middlewares, hooks, jars.
 */
import type * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import { endedBy } from "../raceWithCallback.js"
import type { Call } from "./call.js"

/** Ends with the call: its time may run out, or its session close, while somebody waits for something else. */
export const withinCall = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError> =>
  endedBy(effect, (fail: (error: ClientError) => void) => call.onAbort(fail))
