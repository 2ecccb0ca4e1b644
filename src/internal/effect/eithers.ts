/** Results of pure functions as effects. */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"

/** Succeeds or fails as a result does. */
export const fromEither = <A, E>(either: Either.Either<A, E>): Effect.Effect<A, E> => either
