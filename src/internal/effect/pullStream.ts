/**
 * Converts pulls to streams, and streams to pulls. Uses a single channel that loops, because
 * `Stream.repeatEffectChunkOption` nests one channel per pull, and these channels survive into V8's old space.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"

/** Returns the next values; fails with `None` at the end. */
export type Pull<A, E> = Effect.Effect<ReadonlyArray<A>, Option.Option<E>>

type PullChannel<A, E> = Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, void, unknown>

/** The stream of all values that a pull returns. */
export const pullStream = <A, E>(pull: Pull<A, E>): Stream.Stream<A, E> => Stream.fromChannel(channelOf(pull))

/** Like `pullStream`, for a pull that is created in the fiber that runs the stream. */
export const pullStreamFrom = <A, E>(start: Effect.Effect<Pull<A, E>, E>): Stream.Stream<A, E> =>
  Stream.fromChannel(Channel.flatMap(Channel.fromEffect(start), channelOf))

/** The pulls of a stream, which stops when the Scope closes. */
export const pullOf = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Pull<A, E>, never, Scope> =>
  Effect.map(Stream.toPull(stream), Effect.map(Chunk.toReadonlyArray))

const channelOf = <A, E>(pull: Pull<A, E>): PullChannel<A, E> => {
  const step: Effect.Effect<PullChannel<A, E>> = Effect.match(pull, {
    onFailure: (end): PullChannel<A, E> => (Option.isNone(end) ? Channel.void : Channel.fail(end.value)),
    onSuccess: (values): PullChannel<A, E> => Channel.flatMap(Channel.write(Chunk.unsafeFromArray(values)), repeatPull)
  })
  const channel: PullChannel<A, E> = Channel.flatMap(Channel.fromEffect(step), (next) => next)
  const repeatPull = (): PullChannel<A, E> => channel
  return channel
}
