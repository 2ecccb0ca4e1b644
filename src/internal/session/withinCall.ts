/** Limits the effects of user code (middlewares, hooks, jars) to the lifetime of their call. */
import type * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import { raceWithCallback } from "../raceWithCallback.js"
import type { Call } from "./call.js"

/** Runs an effect, and fails early when the call is aborted by its time limit or by the end of its session. */
export const withinCall = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError> =>
  raceWithCallback(effect, (fail: (error: ClientError) => void) => call.onAbort(fail))
