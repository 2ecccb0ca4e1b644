/**
 * Merges options of two sources: headers and time limits one by one, while any other option replaces its predecessor.
 */
import * as Redacted from "effect/Redacted"
import type { HeadersInput, HeaderValue, RequestOptions, UrlInput } from "../../ClientRequest.js"
import type { SessionOptions } from "../../Session.js"
import { isAuthorization, isFault, toFields } from "../http/headerFields.js"
import { rereadable } from "../iterables.js"
import { merge, toTimeouts } from "../limits.js"
import { defined } from "../ownOptions.js"

type Entry = readonly [name: string, value: HeaderValue]

/** The entries of headers, in order. */
export const entriesOf = (input: HeadersInput): ReadonlyArray<Entry> => {
  if (Symbol.iterator in input) return [...rereadable(input)]
  const out: Array<Entry> = []
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue
    if (typeof value === "string" || Redacted.isRedacted(value)) out.push([name, value])
    else for (const one of value) out.push([name, one])
  }
  return out
}

/** Whether headers are valid. Invalid ones are not merged, so that `prepare` reports them. */
export const areValidHeaders = (headers: HeadersInput): boolean => !isFault(toFields(headers))

const mergeHeaders = (base: HeadersInput | undefined, over: HeadersInput | undefined): HeadersInput | undefined => {
  if (base === undefined || over === undefined) return over === undefined ? base : over
  if (!areValidHeaders(over)) return over
  if (!areValidHeaders(base)) return base
  const entries = entriesOf(over)
  const names = new Set(entries.map(([name]) => name.toLowerCase()))
  return [...entriesOf(base).filter(([name]) => !names.has(name.toLowerCase())), ...entries]
}

/** The options for the body. Setting one of them replaces the others. */
const bodies = ["json", "text", "data"] as const

const hasBody = (options: RequestOptions): boolean => bodies.some((name) => options[name] !== undefined)

const withoutBody = (options: RequestOptions): RequestOptions => {
  const { data: _, json: __, text: ___, ...rest } = options
  return rest
}

const mergeCommon = (base: SessionOptions, over: SessionOptions) => ({
  headers: mergeHeaders(base.headers, over.headers),
  timeout:
    base.timeout === undefined || over.timeout === undefined || over.timeout === null
      ? over.timeout === undefined
        ? base.timeout
        : over.timeout
      : merge(toTimeouts(base.timeout), toTimeouts(over.timeout))
})

/** Removes the credentials and headers of the proxy if `over` sets another proxy, which must not get them. */
const withoutProxyAccess = <O extends RequestOptions | SessionOptions>(over: O, base: O): O =>
  over.proxy === undefined ? base : { ...base, proxyAuth: undefined, proxyHeaders: undefined }

const isCredentialEntry = ([name]: Entry): boolean => isAuthorization(name.toLowerCase())

const userinfo = /^([^/?#]*\/\/)[^/?#]*@/

/** Whether the options or their URL set credentials, or turn them off. */
const setsCredentials = ({ auth, headers }: SessionOptions | RequestOptions, url: UrlInput | undefined): boolean =>
  auth !== undefined ||
  (headers !== undefined && areValidHeaders(headers) && entriesOf(headers).some(isCredentialEntry)) ||
  (url !== undefined && userinfo.test(String(url)))

/** Removes the credentials, because those closer to the request win, whether by `auth`, a header or the URL. */
const withoutCredentials = <O extends RequestOptions | SessionOptions>(base: O): O => ({
  ...base,
  auth: undefined,
  headers:
    base.headers === undefined || !areValidHeaders(base.headers)
      ? base.headers
      : entriesOf(base.headers).filter((entry) => !isCredentialEntry(entry))
})

/** Merges the options of a request over others. `url` is the URL of the request, which may contain credentials. */
export const mergeOptions = (base: RequestOptions, over: RequestOptions, url?: UrlInput): RequestOptions => {
  const kept = withoutProxyAccess(over, hasBody(over) ? withoutBody(base) : base)
  const under = setsCredentials(over, url) ? withoutCredentials(kept) : kept
  return defined({ ...under, ...defined(over), ...mergeCommon(under, over) })
}

/** Merges the options of a session over those of the session from which `with` derives it. */
export const mergeSessionOptions = (base: SessionOptions, over: SessionOptions): SessionOptions => {
  const kept = withoutProxyAccess(over, base)
  const under = setsCredentials(over, over.baseUrl) ? withoutLogin(withoutCredentials(kept)) : kept
  return defined({ ...under, ...defined(over), ...mergeCommon(under, over) })
}

/** Removes the credentials from `baseUrl`. */
const withoutLogin = (options: SessionOptions): SessionOptions =>
  options.baseUrl === undefined ? options : { ...options, baseUrl: String(options.baseUrl).replace(userinfo, "$1") }
