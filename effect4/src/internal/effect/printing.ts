/** The members by which Effect prints values. */
import * as Context from "effect/Context"
import { formatJson } from "effect/Formatter"
import * as Headers from "effect/http/Headers"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"

export { NodeInspectSymbol } from "effect/Inspectable"
export { redact, symbolRedactable } from "effect/Redactable"

/** The JSON of a value, on several lines. `format` of Effect 4 shows fields of objects that have a JSON of their own. */
export const format = (value: unknown): string => formatJson(value, { space: 2 })

/** The value itself: loggers of Effect 4 look for `symbolRedactable` before they ask for a JSON. */
export const redactInLogger = <A>(self: A): A => self

/** What `symbolRedactable` may return of a rendering: Effect 4 prints the fields of its parts, not their JSON. */
export const printable = (shown: unknown): unknown => JSON.parse(formatJson(shown))

/** What makes the JSON of headers their full values outside of loggers, which look for `symbolRedactable` first. */
export const plainJson: PropertyDescriptorMap = {
  toJSON: {
    value: function (this: object) {
      return { ...this }
    }
  }
}

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
