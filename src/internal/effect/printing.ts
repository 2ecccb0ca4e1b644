/** The members by which Effect prints values. */
import * as Headers from "@effect/platform/Headers"
import * as FiberRefs from "effect/FiberRefs"

export {
  Class as InspectableClass,
  format,
  NodeInspectSymbol,
  redact,
  /** What a logger of Effect prints of a value; elsewhere the value itself. */
  redact as redactInLogger,
  symbolRedactable
} from "effect/Inspectable"

/** What the member `symbolRedactable` of a value is called with. */
export type Printing = FiberRefs.FiberRefs

/** Names of headers that the printing program hides. */
export const namesHiddenIn = (printing: Printing): ReadonlyArray<string | RegExp> =>
  FiberRefs.getOrDefault(printing, Headers.currentRedactedNames)

/** What `symbolRedactable` may return of a rendering, whose parts may have renderings of their own. */
export const printable = (shown: unknown): unknown => shown

/** What makes the JSON of headers their full values outside of loggers. */
export const plainJson: PropertyDescriptorMap = {}
