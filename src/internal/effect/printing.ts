/** The members by which Effect prints values. */
import * as Headers from "@effect/platform/Headers"
import * as FiberRefs from "effect/FiberRefs"

export {
  Class as InspectableClass,
  format,
  NodeInspectSymbol,
  redact,
  /** Returns the printed form of a value within a logger of Effect, and the value itself elsewhere. */
  redact as redactInLogger,
  symbolRedactable
} from "effect/Inspectable"

/** The argument of the member `symbolRedactable` of a value. */
export type Printing = FiberRefs.FiberRefs

/** Names of headers that the program hides when it prints them. */
export const namesHiddenIn = (printing: Printing): ReadonlyArray<string | RegExp> =>
  FiberRefs.getOrDefault(printing, Headers.currentRedactedNames)

/** The form in which `symbolRedactable` returns a rendering, whose parts may have their own renderings. */
export const printable = (shown: unknown): unknown => shown

/** The members by which the JSON of headers shows their full values outside of loggers. */
export const plainJson: PropertyDescriptorMap = {}
