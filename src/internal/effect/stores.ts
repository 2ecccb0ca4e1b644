/** The results and errors of @effect/platform's KeyValueStore. */
import type { PlatformError } from "@effect/platform/Error"
import * as Option from "effect/Option"

/** The error of a store. */
export type StoreError = PlatformError

/** The text that a store returns for a key. */
export type StoredText = Option.Option<string>

/** Describes the result that a store must return, for messages. */
export const storedKind = "an Option of text"

/** Reads the result of a store: None without a text for the key, `undefined` for an invalid result. */
export const storedText = (found: unknown): Option.Option<unknown> | undefined =>
  Option.isOption(found) ? found : undefined

/** Converts a text to the result of a store. */
export const toStored = (text: string | undefined): StoredText => Option.fromNullable(text)
