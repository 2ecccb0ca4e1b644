/**
 * Options over options: headers and limits are merged, all else is replaced.
 */
import * as Redacted from "effect/Redacted"
import type { HeadersInput, HeaderValue, RequestOptions } from "../../ClientRequest.js"
import type { SessionOptions } from "../../Session.js"
import { merge, toTimeouts } from "../limits.js"

type Entry = readonly [name: string, value: HeaderValue]

/** The pairs of headers, in order. */
export const entriesOf = (input: HeadersInput): ReadonlyArray<Entry> => {
  if (Symbol.iterator in input) return [...input]
  const out: Array<Entry> = []
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue
    if (typeof value === "string" || Redacted.isRedacted(value)) out.push([name, value])
    else for (const one of value) out.push([name, one])
  }
  return out
}

const mergeHeaders = (base: HeadersInput | undefined, over: HeadersInput | undefined): HeadersInput | undefined => {
  if (base === undefined || over === undefined) return over ?? base
  const entries = entriesOf(over)
  const names = new Set(entries.map(([name]) => name.toLowerCase()))
  return [...entriesOf(base).filter(([name]) => !names.has(name.toLowerCase())), ...entries]
}

const given = <O extends object>(options: O): O => {
  const out: O = { ...options }
  for (const key in out) if (out[key] === undefined) delete out[key]
  return out
}

/** A body given by one name replaces one given by another. */
const bodies = ["json", "text", "data"] as const

const hasBody = (options: RequestOptions): boolean => bodies.some((name) => options[name] !== undefined)

const withoutBody = (options: RequestOptions): RequestOptions => {
  const { data: _, json: __, text: ___, ...rest } = options
  return rest
}

const common = (base: SessionOptions, over: SessionOptions) => ({
  headers: mergeHeaders(base.headers, over.headers),
  timeout:
    base.timeout === undefined || over.timeout === undefined
      ? (over.timeout ?? base.timeout)
      : merge(toTimeouts(base.timeout), toTimeouts(over.timeout))
})

/** What belongs to one proxy is not for another. */
const forProxyOf = <O extends RequestOptions | SessionOptions>(over: O, base: O): O =>
  over.proxy === undefined ? base : { ...base, proxyAuth: undefined, proxyHeaders: undefined }

/** An Authorization header replaces credentials, as it does where it is given with a request. */
const forHeadersOf = (over: RequestOptions, base: RequestOptions): RequestOptions =>
  base.auth !== undefined &&
  over.auth === undefined &&
  over.headers !== undefined &&
  entriesOf(over.headers).some(([name]) => name.toLowerCase() === "authorization")
    ? { ...base, auth: undefined }
    : base

/** A request's options over others. */
export const mergeOptions = (base: RequestOptions, over: RequestOptions): RequestOptions => {
  const kept = forHeadersOf(over, forProxyOf(over, hasBody(over) ? withoutBody(base) : base))
  return given({ ...kept, ...given(over), ...common(base, over) })
}

/** A session's options over another's. */
export const mergeSessionOptions = (base: SessionOptions, over: SessionOptions): SessionOptions =>
  given({ ...forProxyOf(over, base), ...given(over), ...common(base, over) })
