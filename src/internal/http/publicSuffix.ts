/**
 * Looks up domains in the Public Suffix List. The list is loaded on first use, because it is large, and only cookies
 * with a Domain attribute and certificates with wildcards need it.
 */
import * as Effect from "effect/Effect"
import { onFirstUse } from "../onFirstUse.js"

const list = onFirstUse(() => import("./suffixList.js"))

/** Loads the list, which the lookups require. */
export const loadSuffixes: Effect.Effect<void> = Effect.asVoid(list.load)

/** Whether the list was loaded. */
export const hasSuffixes = (): boolean => list.loaded !== undefined

const suffixList = () => {
  const { loaded } = list
  // Neither answer would be safe without the list.
  if (loaded === undefined) throw new Error("expected the Public Suffix List to be loaded")
  return loaded
}

/** See `suffixList.ts`. */
export const isPublicSuffix = (domain: string): boolean => suffixList().isPublicSuffix(domain)

/** See `suffixList.ts`. */
export const isRegistrySuffix = (domain: string): boolean => suffixList().isRegistrySuffix(domain)
