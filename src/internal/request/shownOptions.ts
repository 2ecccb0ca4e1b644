/**
 * Prints the options that programs can read (`ClientRequest.options`, `CurrentRequestOptions`) without secrets and
 * bodies.
 */
import * as Redacted from "effect/Redacted"
import type { CookiesInput, HeadersInput, RequestOptions } from "../../ClientRequest.js"
import { conceal } from "../inspection.js"
import { rereadable } from "../iterables.js"
import { redacted, redactHeader, redactUrl } from "../redact.js"
import { entriesOf } from "./mergeOptions.js"

const shownHeaders = (headers: HeadersInput): ReadonlyArray<readonly [name: string, value: string]> =>
  entriesOf(headers).map(([name, value]) => [name, Redacted.isRedacted(value) ? redacted : redactHeader(name, value)])

const shownCookies = (cookies: CookiesInput): ReadonlyArray<readonly [name: string, value: string]> =>
  (Symbol.iterator in cookies ? [...rereadable(cookies)] : Object.entries(cookies)).map(([name]) => [name, redacted])

/** The text instead of a body, which may contain a password. */
const hiddenBody = "(not shown)"

const shownMember = (name: string, options: RequestOptions): unknown => {
  const { cookies, headers, params, proxy, proxyHeaders } = options
  switch (name) {
    case "headers":
      return headers === undefined ? undefined : shownHeaders(headers)
    case "proxyHeaders":
      return proxyHeaders === undefined ? undefined : shownHeaders(proxyHeaders)
    case "cookies":
      return cookies === undefined ? undefined : shownCookies(cookies)
    case "proxy":
      return typeof proxy === "string" || proxy instanceof URL ? redactUrl(String(proxy)) : proxy
    case "params":
      return typeof params === "string" ? redactUrl(`?${params}`).slice(1) : hiddenBody
    case "json":
    case "text":
    case "data":
      return hiddenBody
    default:
      return Object.entries(options).find(([key]) => key === name)?.[1]
  }
}

/** The same options, which print without secrets and bodies. */
export const concealOptions = (options: RequestOptions): RequestOptions =>
  conceal(options, () => Object.fromEntries(Object.keys(options).map((name) => [name, shownMember(name, options)])))
