/** Results of pure functions as effects. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"

/** Succeeds or fails as a result does. */
export const fromEither = <A, E>(result: Result.Result<A, E>): Effect.Effect<A, E> => Effect.fromResult(result)
