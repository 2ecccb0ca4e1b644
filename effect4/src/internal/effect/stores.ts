/** The results and errors of Effect's KeyValueStore. */
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import type { KeyValueStoreError } from "effect/persistence/KeyValueStore"

/** The error of a store, which may use files. */
export type StoreError = KeyValueStoreError | PlatformError

/** The text that a store returns for a key. */
export type StoredText = string | undefined

/** Describes the result that a store must return, for messages. */
export const storedKind = "a text or undefined"

/** Reads the result of a store: None without a text for the key. */
export const storedText = (found: unknown): Option.Option<unknown> | undefined => Option.fromUndefinedOr(found)

/** Converts a text to the result of a store. */
export const toStored = (text: string | undefined): StoredText => text
