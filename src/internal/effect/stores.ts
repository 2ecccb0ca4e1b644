/** What a KeyValueStore of @effect/platform returns and fails with. */
import type { PlatformError } from "@effect/platform/Error"
import * as Option from "effect/Option"

/** The error of a store. */
export type StoreError = PlatformError

/** The text of a key. */
export type StoredText = Option.Option<string>

/** What a store must return, for messages. */
export const storedKind = "an Option of text"

/** What a store returned for a key: None if it has no text, `undefined` if it returned something else. */
export const storedText = (found: unknown): Option.Option<unknown> | undefined =>
  Option.isOption(found) ? found : undefined

/** How a store returns a text. */
export const toStored = (text: string | undefined): StoredText => Option.fromNullable(text)
