/** Operations on streams whose chunks are arrays. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/** Whether a value is a Stream. */
export const isStream = (value: object): value is Stream.Stream<unknown, unknown> => Stream.isStream(value)

const pieces = <A, E, R>(stream: Stream.Stream<ReadonlyArray<A>, E, R>): Stream.Stream<A, E, R> =>
  Stream.flattenArray(Stream.filter(stream, Arr.isReadonlyArrayNonEmpty))

/** Maps each chunk of a stream. */
export const mapPieces = <A, B, E, R>(
  stream: Stream.Stream<A, E, R>,
  f: (values: ReadonlyArray<A>) => ReadonlyArray<B>
): Stream.Stream<B, E, R> => pieces(Stream.map(Stream.chunks(stream), f))

/** Maps each chunk of a stream with an effect. */
export const mapPiecesEffect = <A, B, E, R, E2>(
  stream: Stream.Stream<A, E, R>,
  f: (values: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E2>
): Stream.Stream<B, E | E2, R> => pieces(Stream.mapEffect(Stream.chunks(stream), f))

/** Runs `f` for each chunk of a stream. */
export const forEachPiece = <A, E, E2>(
  stream: Stream.Stream<A, E>,
  f: (values: ReadonlyArray<A>) => Effect.Effect<void, E2>
): Effect.Effect<void, E | E2> => Stream.runForEachArray(stream, f)

/** The values that `f` returns for successive states, until it returns `undefined`. */
export const unfold = <S, A>(state: S, f: (state: S) => readonly [value: A, state: S] | undefined): Stream.Stream<A> =>
  Stream.unfold(state, (current) => Effect.succeed(f(current)))

/** The results of `f` except `undefined`. */
export const collect = <A, E, R, B>(
  stream: Stream.Stream<A, E, R>,
  f: (value: A) => B | undefined
): Stream.Stream<B, E, R> =>
  Stream.filterMap(stream, (value) => {
    const result = f(value)
    return result === undefined ? Result.failVoid : Result.succeed(result)
  })

/** Repeats an effect and emits its values, up to the one for which `isLast` is true. */
export const repeated = <A, E, R>(
  readOne: Effect.Effect<readonly [value: A, isLast: boolean], E, R>
): Stream.Stream<A, E, R> =>
  Stream.paginate(undefined, () =>
    Effect.map(readOne, ([value, isLast]): readonly [ReadonlyArray<A>, Option.Option<undefined>] => [
      [value],
      isLast ? Option.none() : Option.some(undefined)
    ])
  )
