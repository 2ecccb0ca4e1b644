/** Runs user code (middlewares, hooks, jars) until the call ends. */
import type * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import { raceWithCallback } from "../raceWithCallback.js"
import type { Call } from "./call.js"

/** Runs an effect, but fails early when the call is aborted by its time limit or the end of its session. */
export const withinCall = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | ClientError> =>
  raceWithCallback(effect, (fail: (error: ClientError) => void) => call.onAbort(fail))
