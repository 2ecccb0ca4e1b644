/** Converts pulls to streams, and streams to pulls. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"

/** Returns the next values; fails with `None` at the end. */
export type Pull<A, E> = Effect.Effect<ReadonlyArray<A>, Option.Option<E>>

type Step<A, E> = Effect.Effect<Arr.NonEmptyReadonlyArray<A>, E | Cause.Done>

const stepOf = <A, E>(pull: Pull<A, E>): Step<A, E> => {
  const step: Step<A, E> = Effect.matchEffect(pull, {
    onFailure: (end): Effect.Effect<never, E | Cause.Done> =>
      Option.isNone(end) ? Cause.done() : Effect.fail(end.value),
    onSuccess: (values): Step<A, E> => (Arr.isReadonlyArrayNonEmpty(values) ? Effect.succeed(values) : step)
  })
  return step
}

/** The stream of all values that a pull returns. */
export const pullStream = <A, E>(pull: Pull<A, E>): Stream.Stream<A, E> => Stream.fromPull(Effect.succeed(stepOf(pull)))

/** Like `pullStream`, for a pull that is created in the fiber that runs the stream. */
export const pullStreamFrom = <A, E>(start: Effect.Effect<Pull<A, E>, E>): Stream.Stream<A, E> =>
  Stream.fromPull(Effect.map(start, stepOf))

/** The pulls of a stream, which stops when the Scope closes. */
export const pullOf = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Pull<A, E>, never, Scope> =>
  Effect.map(Stream.toPull(stream), (pull) =>
    Effect.mapError(pull, (end): Option.Option<E> => (Cause.isDone(end) ? Option.none() : Option.some(end)))
  )
