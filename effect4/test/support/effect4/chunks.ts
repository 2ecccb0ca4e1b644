/** The functions of Chunk that tests use, on the arrays that streams of Effect 4 give. */
import { Option } from "effect"

type Values<A> = ReadonlyArray<A>

const toReadonlyArray = <A>(self: Iterable<A>): Values<A> => Array.from(self)

export const Chunk = {
  empty: <A>(): Values<A> => [],
  filter: <A>(self: Values<A>, f: (value: A) => boolean): Values<A> => self.filter(f),
  fromIterable: toReadonlyArray,
  head: <A>(self: Values<A>): Option.Option<A> => (self.length === 0 ? Option.none() : Option.some(self[0] as A)),
  isEmpty: <A>(self: Values<A>): boolean => self.length === 0,
  join: (self: Values<string>, separator: string): string => self.join(separator),
  make: <A>(...values: ReadonlyArray<A>): Values<A> => values,
  map: <A, B>(...given: readonly [Values<A>, (value: A) => B] | readonly [(value: A) => B]): any =>
    given.length === 1
      ? (self: Values<A>) => self.map((value) => given[0](value))
      : given[0].map((value) => given[1](value)),
  of: <A>(value: A): Values<A> => [value],
  reduce: <A, B>(
    ...given: readonly [Values<A>, B, (sum: B, value: A) => B] | readonly [B, (sum: B, value: A) => B]
  ): any =>
    given.length === 2
      ? (self: Values<A>) => self.reduce((sum, value) => given[1](sum, value), given[0])
      : given[0].reduce((sum, value) => given[2](sum, value), given[1]),
  size: <A>(self: Values<A>): number => self.length,
  some: <A>(self: Values<A>, f: (value: A) => boolean): boolean => self.some(f),
  toArray: <A>(self: Iterable<A>): Array<A> => Array.from(self),
  toReadonlyArray,
  unsafeFromArray: toReadonlyArray,
  unsafeGet: <A>(self: Values<A>, index: number): A => self[index] as A,
  unsafeHead: <A>(self: Values<A>): A => self[0] as A,
  unsafeLast: <A>(self: Values<A>): A => self[self.length - 1] as A
}
