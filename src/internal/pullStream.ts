/**
 * Streams of pulls. `Stream.repeatEffectChunkOption` makes a channel within a channel for each pull, whose parts live
 * on in old space; this makes one that goes round.
 */
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** Gives some values each time; fails with `None` at the end. */
export type Pull<A, E> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>>

type Turns<A, E> = Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, void, unknown>

/** The stream of all that the pulls give. */
export const pulled = <A, E>(pull: Pull<A, E>): Stream.Stream<A, E> => Stream.fromChannel(turnsOf(pull))

/** The same for a pull that is made in the fiber that runs the stream. */
export const pulledFrom = <A, E>(start: Effect.Effect<Pull<A, E>, E>): Stream.Stream<A, E> =>
  Stream.fromChannel(Channel.flatMap(Channel.fromEffect(start), turnsOf))

const turnsOf = <A, E>(pull: Pull<A, E>): Turns<A, E> => {
  const step: Effect.Effect<Turns<A, E>> = Effect.match(pull, {
    onFailure: (end): Turns<A, E> => (Option.isNone(end) ? Channel.void : Channel.fail(end.value)),
    onSuccess: (chunk): Turns<A, E> => Channel.flatMap(Channel.write(chunk), again)
  })
  const turns: Turns<A, E> = Channel.flatMap(Channel.fromEffect(step), (next) => next)
  const again = (): Turns<A, E> => turns
  return turns
}
