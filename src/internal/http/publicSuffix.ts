/**
 * Looks up domains in the Public Suffix List, which is loaded on first use: it is large, and needed only for cookies with
 * a Domain attribute and for certificates with wildcards.
 */
import * as Effect from "effect/Effect"
import { onFirstUse } from "../onFirstUse.js"

const list = onFirstUse(() => import("./suffixList.js"))

/** Loads the list. The other functions need it. */
export const loadSuffixes: Effect.Effect<void> = Effect.asVoid(list.load)

/** Whether the list was loaded. */
export const hasSuffixes = (): boolean => list.loaded !== undefined

const loaded = () => {
  const { loaded } = list
  // Without the list no answer would be safe.
  if (loaded === undefined) throw new Error("expected the Public Suffix List to be loaded")
  return loaded
}

/** See `suffixList.ts`. */
export const isPublicSuffix = (domain: string): boolean => loaded().isPublicSuffix(domain)

/** See `suffixList.ts`. */
export const isRegistrySuffix = (domain: string): boolean => loaded().isRegistrySuffix(domain)
