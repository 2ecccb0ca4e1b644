/** Converts results of pure functions to effects. */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"

/** Succeeds with the value of a result, or fails with its error. */
export const fromEither = <A, E>(either: Either.Either<A, E>): Effect.Effect<A, E> => either
