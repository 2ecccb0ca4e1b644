/**
 * Checks the types of options at run time. A value of the wrong type, which only the compiler would reject, fails with
 * the name of its option.
 */
import type { OptionFault } from "../http/headerFields.js"
import { notTimeout } from "../limits.js"
import { kindOf } from "../userResult.js"

/** Describes the mismatch; `undefined` if the value has the expected type. */
type Check = (value: unknown) => string | undefined

const check =
  (expected: string, accepts: (value: unknown) => boolean): Check =>
  (value) =>
    accepts(value) ? undefined : `expected ${expected}, got ${kindOf(value)}`

const arrayOf =
  (items: string, accepts: (value: unknown) => boolean): Check =>
  (value) => {
    if (!Array.isArray(value)) return `expected an array of ${items}, got ${kindOf(value)}`
    const wrong = value.findIndex((item) => !accepts(item))
    return wrong === -1 ? undefined : `expected an array of ${items}, got ${kindOf(value[wrong])} at index ${wrong}`
  }

const isBoolean = (value: unknown): boolean => typeof value === "boolean"
const isFunction = (value: unknown): boolean => typeof value === "function"
const isObject = (value: unknown): value is object => typeof value === "object" && value !== null
const isCredentials = (value: unknown): boolean =>
  isObject(value) && "_tag" in value && (value._tag === "Basic" || value._tag === "Bearer")

const boolean = check("a boolean", isBoolean)
const callback = check("a function", isFunction)

/** The options that no other code checks. */
const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["middlewares", arrayOf("functions", isFunction)],
  ["traceConfigs", arrayOf("configs of Tracing.traceConfig or Tracing.metrics", isObject)],
  ["skipAutoHeaders", check("an iterable of header names", (value) => isObject(value) && Symbol.iterator in value)],
  ["raiseForStatus", check("a boolean or a function", (value) => isBoolean(value) || isFunction(value))],
  ["onRedirect", callback],
  ["onProgress", callback],
  ["jsonSerialize", callback],
  ["fallbackCharset", check("a string or a function", (value) => typeof value === "string" || isFunction(value))],
  ["auth", check("credentials of Auth, or false", (value) => value === false || isCredentials(value))],
  ["proxyAuth", check("credentials of Auth", isCredentials)],
  ["proxyHeaders", check("a record or pairs", isObject)],
  ["spans", check("an object, or false", (value) => value === false || isObject(value))],
  ["timeout", (value) => (value === null ? `${notTimeout}, got null` : undefined)],
  ["urlTemplate", check("a string", (value) => typeof value === "string")],
  ["autoDecompress", boolean],
  ["allowRedirects", boolean],
  ["chunked", boolean],
  ["encoded", boolean],
  ["expect100", boolean],
  ["trustEnv", boolean],
  ["requoteRedirectUrl", boolean]
])

/** The first option of the wrong type; `undefined` if all are correct. */
export const wrongType = (options: object): OptionFault | undefined => {
  // Runs for each request with options; `Object.entries` would allocate arrays.
  for (const option in options) {
    const value: unknown = Reflect.get(options, option)
    const description = value === undefined ? undefined : checks.get(option)?.(value)
    if (description !== undefined) return { option, description }
  }
  return undefined
}
