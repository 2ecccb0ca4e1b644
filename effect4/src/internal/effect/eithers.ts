/** Converts results of pure functions to effects. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"

/** Succeeds with the value of a result, or fails with its error. */
export const fromEither = <A, E>(result: Result.Result<A, E>): Effect.Effect<A, E> => Effect.fromResult(result)
