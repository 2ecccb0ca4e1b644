/** The members by which Effect prints values. */
import * as Context from "effect/Context"
import { formatJson } from "effect/Formatter"
import * as Headers from "effect/http/Headers"
import { type Inspectable, NodeInspectSymbol } from "effect/Inspectable"

export { NodeInspectSymbol } from "effect/Inspectable"
export { redact, symbolRedactable } from "effect/Redactable"

/** The JSON of a value, on several lines. Effect 4's `format` would show the fields of objects that have a `toJSON`. */
export const format = (value: unknown): string => formatJson(value, { space: 2 })

/** Returns the value itself, because loggers of Effect 4 look for `symbolRedactable` before `toJSON`. */
export const redactInLogger = <A>(self: A): A => self

/**
 * The form in which `symbolRedactable` returns a rendering: plain JSON, because Effect 4 prints fields of its parts.
 */
export const printable = (shown: unknown): unknown => JSON.parse(formatJson(shown))

/** The members by which the JSON of headers shows their full values. Loggers look for `symbolRedactable` first. */
export const plainJson: PropertyDescriptorMap = {
  toJSON: {
    value: function (this: object) {
      return { ...this }
    }
  }
}

/** The argument of the member `symbolRedactable` of a value. */
export type Printing = Context.Context<never>

/** Names of headers that the program hides when it prints them. */
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
