/** Stores as Effect 3 has them: `get` gives an Option. */
import { Effect, Option } from "effect"
import { KeyValueStore } from "effect/persistence"

/** A store, whose `get` may give an Option. */
type Given<Options> = { readonly [Key in keyof Options]: Key extends "get" ? (key: string) => any : any }

const textOf = (found: unknown): string | undefined =>
  Option.isOption(found) ? (Option.getOrUndefined(found) as string) : (found as string)

const converted = (given: Given<KeyValueStore.MakeOptions>): any => ({
  keys: Effect.succeed([]),
  getUint8Array: () => Effect.succeed(undefined),
  ...given,
  get: (key: string) =>
    Effect.map(
      Effect.suspend(() => given.get(key)),
      textOf
    )
})

export const makeStore = (given: any): KeyValueStore.KeyValueStore => KeyValueStore.make(converted(given))

export const makeTextStore = (given: any): KeyValueStore.KeyValueStore => KeyValueStore.makeStringOnly(converted(given))

/** What a store returned for a key. */
export const stored = (found: Effect.Effect<string | undefined, any>): Effect.Effect<Option.Option<string>, any> =>
  Effect.map(found, Option.fromUndefinedOr)
