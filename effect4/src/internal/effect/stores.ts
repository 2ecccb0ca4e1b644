/** What a KeyValueStore of Effect returns and fails with. */
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type { KeyValueStoreError } from "effect/persistence/KeyValueStore"

/** The error of a store, which may be a file. */
export type StoreError = KeyValueStoreError | PlatformError

/** The text of a key. */
export type StoredText = string | undefined

/** What a store must return, for messages. */
export const storedKind = "a text or undefined"

/** What a store returned for a key: None if it has no text. */
export const storedText = (found: unknown): Option.Option<unknown> | undefined => Option.fromUndefinedOr(found)

/** How a store returns a text. */
export const toStored = (text: string | undefined): StoredText => text
