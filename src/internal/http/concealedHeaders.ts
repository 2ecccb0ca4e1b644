/**
 * Headers of @effect/platform that `util.inspect`, `String` and Effect's loggers show without their secrets. Reading,
 * enumerating and JSON give every value.
 */
import * as Headers from "@effect/platform/Headers"
import * as FiberRefs from "effect/FiberRefs"
import { format, NodeInspectSymbol, symbolRedactable } from "effect/Inspectable"
import { redacted, redactHeader } from "../redact.js"

/** The names that a program hides in its logs and spans, beside those that this package hides. */
export type HiddenNames = ReadonlyArray<string | RegExp>

/** Whether a lower-case name is one of those. */
export const isNamed = (name: string, names: HiddenNames): boolean =>
  names.some((each) => (typeof each === "string" ? each.toLowerCase() === name : each.test(name)))

/** What may be shown of headers. */
export const shownRecord = (headers: Headers.Headers, names: HiddenNames = []): Record<string, string> => {
  const out: Record<string, string> = Object.create(null)
  for (const name of Object.keys(headers)) {
    out[name] = isNamed(name, names) ? redacted : redactHeader(name, headers[name] ?? "")
  }
  return out
}

const hidden = (value: unknown): PropertyDescriptor => ({ value })

// On the prototype, for responses have headers of their own each; not enumerable, for `for in` finds headers only.
const prototype: object = Object.create(Object.getPrototypeOf(Headers.empty), {
  toString: hidden(function (this: Headers.Headers) {
    return format(shownRecord(this))
  }),
  [NodeInspectSymbol]: hidden(function (this: Headers.Headers) {
    return shownRecord(this)
  }),
  [symbolRedactable]: hidden(function (this: Headers.Headers, fiberRefs: FiberRefs.FiberRefs) {
    return shownRecord(this, FiberRefs.getOrDefault(fiberRefs, Headers.currentRedactedNames))
  })
})

/** A record to be filled with values by lower-case names, and then given to `fromRecord`. */
export const emptyRecord = (): Record<string, string> => Object.create(prototype)

/** The headers that a record of `emptyRecord` has become. */
export const fromRecord = (record: Record<string, string>): Headers.Headers =>
  Headers.isHeaders(record) ? record : Headers.unsafeFromRecord(record)
