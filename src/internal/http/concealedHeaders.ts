/**
 * Headers of @effect/platform that `util.inspect`, `String` and Effect's loggers print with secrets redacted. Reading
 * them, enumerating them and their JSON show every value.
 */
import * as Headers from "@effect/platform/Headers"
import {
  format,
  NodeInspectSymbol,
  namesHiddenIn,
  type Printing,
  plainJson,
  symbolRedactable
} from "../effect/printing.js"
import { redacted, redactHeader } from "../redact.js"

/** Header names that a program hides in its logs and spans, in addition to those that this package hides. */
export type HiddenNames = ReadonlyArray<string | RegExp>

/** Whether `names` contains or matches a lower-case name. */
export const isNamed = (name: string, names: HiddenNames): boolean =>
  names.some((each) => (typeof each === "string" ? each.toLowerCase() === name : each.test(name)))

/** Headers with secret values redacted. */
export const shownRecord = (headers: Headers.Headers, names: HiddenNames = []): Record<string, string> => {
  const out: Record<string, string> = Object.create(null)
  for (const name of Object.keys(headers)) {
    out[name] = isNamed(name, names) ? redacted : redactHeader(name, headers[name] ?? "")
  }
  return out
}

const hidden = (value: unknown): PropertyDescriptor => ({ value })

// The members are on the prototype, because every response has its own headers. They are not enumerable, because `for
// in` must find only headers.
const prototype: object = Object.create(Object.getPrototypeOf(Headers.empty), {
  toString: hidden(function (this: Headers.Headers) {
    return format(shownRecord(this))
  }),
  [NodeInspectSymbol]: hidden(function (this: Headers.Headers) {
    return shownRecord(this)
  }),
  [symbolRedactable]: hidden(function (this: Headers.Headers, printing: Printing) {
    return shownRecord(this, namesHiddenIn(printing))
  }),
  ...plainJson
})

/** An empty record, to be filled with values by lower-case names and passed to `fromRecord`. */
export const emptyRecord = (): Record<string, string> => Object.create(prototype)

/** Converts a filled record of `emptyRecord` to Headers. */
export const fromRecord = (record: Record<string, string>): Headers.Headers =>
  Headers.isHeaders(record) ? record : Headers.unsafeFromRecord(record)
