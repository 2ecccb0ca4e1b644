/** The members by which Effect prints values. */
import * as Headers from "@effect/platform/Headers"
import * as FiberRefs from "effect/FiberRefs"

export { Class as InspectableClass, format, NodeInspectSymbol, redact, symbolRedactable } from "effect/Inspectable"

/** What the member `symbolRedactable` of a value is called with. */
export type Printing = FiberRefs.FiberRefs

/** Names of headers that the printing program hides. */
export const namesHiddenIn = (printing: Printing): ReadonlyArray<string | RegExp> =>
  FiberRefs.getOrDefault(printing, Headers.currentRedactedNames)
