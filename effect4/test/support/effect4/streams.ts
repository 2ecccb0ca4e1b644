/** Functions of Stream of Effect 3 that tests use, on Effect 4. */
import { type Cause, Effect, Option, Queue, Stream } from "effect"

type Any = Stream.Stream<any, any, any>

export { pullOf as toPull } from "../../../src/internal/effect/pullStream.js"

export const flattenChunks = (stream: Any): Any => Stream.flatMap(stream, (values) => Stream.fromIterable(values))

export const mapConcat = (...given: ReadonlyArray<any>): any => {
  const run = (stream: Any, f: (value: any) => Iterable<any>): Any =>
    Stream.flatMap(stream, (value) => Stream.fromIterable(f(value)))
  return given.length === 1 ? (stream: Any) => run(stream, given[0]) : run(given[0], given[1])
}

export const repeatValue = <A>(value: A): Stream.Stream<A> => Stream.forever(Stream.succeed(value))

export const runForEachChunk = (...given: ReadonlyArray<any>): any =>
  given.length === 1
    ? (stream: Any) => Stream.runForEachArray(stream, given[0])
    : Stream.runForEachArray(given[0], given[1])

export const runFold = (...given: ReadonlyArray<any>): any => {
  const run = (stream: Any, zero: any, f: (sum: any, value: any) => any) => Stream.runFold(stream, () => zero, f)
  return given.length === 2 ? (stream: Any) => run(stream, given[0], given[1]) : run(given[0], given[1], given[2])
}

export const runFoldEffect = (...given: ReadonlyArray<any>): any => {
  const run = (stream: Any, zero: any, f: (sum: any, value: any) => Effect.Effect<any, any, any>) =>
    Stream.runFoldEffect(stream, () => zero, f)
  return given.length === 2 ? (stream: Any) => run(stream, given[0], given[1]) : run(given[0], given[1], given[2])
}

export const unfold = <S, A>(state: S, f: (state: S) => Option.Option<readonly [A, S]>): Stream.Stream<A> =>
  Stream.unfold(state, (current) => Effect.succeed(Option.getOrUndefined(f(current))))

/** What `Stream.async` of Effect 3 gives to its argument. */
interface Emit<A> {
  readonly single: (value: A) => Promise<boolean>
  readonly end: () => Promise<boolean>
}

export const asyncStream = <A>(register: (emit: Emit<A>) => void): Stream.Stream<A> =>
  Stream.callback<A>((queue: Queue.Queue<A, Cause.Done>) =>
    Effect.sync(() =>
      register({
        single: async (value) => Queue.offerUnsafe(queue, value),
        end: async () => Queue.endUnsafe(queue)
      })
    )
  )
