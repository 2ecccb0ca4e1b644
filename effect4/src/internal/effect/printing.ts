/** The members by which Effect prints values. */
import * as Context from "effect/Context"
import { format } from "effect/Formatter"
import * as Headers from "effect/http/Headers"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"

export { format } from "effect/Formatter"
export { NodeInspectSymbol } from "effect/Inspectable"
export { redact, symbolRedactable } from "effect/Redactable"

/** What the member `symbolRedactable` of a value is called with. */
export type Printing = Context.Context<never>

/** Names of headers that the printing program hides. */
export const namesHiddenIn = (printing: Printing): ReadonlyArray<string | RegExp> =>
  Context.get(printing, Headers.CurrentRedactedNames)

/** The base of a class that prints what its `toJSON` returns. */
export abstract class InspectableClass implements Inspectable {
  abstract toJSON(): unknown

  toString(): string {
    return format(this.toJSON())
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}
