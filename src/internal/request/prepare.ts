/**
 * From a session's defaults and a request's options to one prepared request.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type { Credentials } from "../../Auth.js"
import type { Data, ParamsInput, RequestOptions, UrlInput } from "../../ClientRequest.js"
import { InvalidRequest, InvalidURL, RequestBodyError } from "../../Errors.js"
import {
  type Fault,
  type Fields,
  getField,
  isFault,
  isToken,
  mergeFields,
  noFields,
  type Pairs,
  toCookies,
  toFields,
  withoutFields
} from "../http/headerFields.js"
import { namedHost } from "../http/host.js"
import { sameOrigin } from "../http/origin.js"
import { appendQuery, toQuery } from "../http/query.js"
import { parseTarget, shown, type Target } from "../http/target.js"
import { type Limits, merge, notTimeout, toTimeouts, tryResolve } from "../limits.js"
import { withoutIdentity } from "../network/tls/tlsSettings.js"
import { own } from "../ownOptions.js"
import { kindOf } from "../userResult.js"
import { multipartBoundary } from "./body/multipart.js"
import { jsonBody, textBody, toBody } from "./body/toHttpBody.js"
import { wrongType } from "./optionTypes.js"
import type { Defaults } from "./preparedRequest.js"
import { defined, detailsOf, Prepared } from "./preparedRequest.js"
import { fromUserinfo, isSize, noDefaults } from "./sessionDefaults.js"

const noOptions: RequestOptions = Object.create(null)
const noCookies: Pairs = []

const known: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])

/** In upper case, or `undefined` where it can be none. CONNECT is for proxies. */
const canonicalMethod = (method: string): string | undefined => {
  if (known.has(method)) return method
  if (typeof method !== "string" || !isToken(method)) return undefined
  const upper = method.toUpperCase()
  return upper === "CONNECT" ? undefined : upper
}

const notMethod = (method: unknown): string => {
  if (typeof method !== "string") return `expected a method such as "GET", got ${kindOf(method)}`
  return method.toUpperCase() === "CONNECT"
    ? "CONNECT is not available, because only a proxy's tunnel uses it; give the proxy option instead"
    : "expected a token of letters, digits and !#$%&'*+-.^_`|~, such as GET"
}

/** What `prepare` fails with. */
export type PrepareError = InvalidURL | InvalidRequest | RequestBodyError

/**
 * One prepared request, or why there is none. `websocket` also takes ws and wss URLs.
 */
export const prepare = (
  defaults: Defaults,
  method: string,
  url: UrlInput,
  options: RequestOptions | undefined,
  websocket = false
): Prepared | PrepareError => {
  const simple = options === undefined && method === "GET" && typeof url === "string" && !websocket
  const known = simple ? defaults.recent.get(url) : undefined
  if (known !== undefined) return known
  const given = options === undefined ? noOptions : own(options)
  const verb = canonicalMethod(method)
  if (verb === undefined) return new InvalidRequest({ option: "method", description: notMethod(method) })
  const parsed = parseTarget(url, given.encoded === true, defaults.base)
  if (parsed instanceof InvalidURL) return parsed
  if (parsed.websocket && !websocket) {
    const description = "the scheme is neither http nor https"
    return new InvalidURL({ url: shown(String(url)), reason: "Scheme", description })
  }
  if (options !== undefined) return settle(verb, parsed, full(defaults, verb, parsed, given))
  const request = bare(defaults, verb, parsed)
  // A URL with credentials is no key to keep.
  if (simple && parsed.userinfo === undefined) defaults.recent.set(url, request)
  return request
}

/** Errors with what is known of the request. */
const settle = (method: string, target: Target, result: Combined): Prepared | PrepareError => {
  if (result instanceof Prepared) return result
  if (!(result instanceof RequestBodyError)) return fail(method, target, result)
  return new RequestBodyError({ ...detailsOf(method, target), reason: result.reason, cause: result.cause })
}

const fail = (method: string, target: Target, fault: Fault): InvalidRequest =>
  new InvalidRequest({ ...detailsOf(method, target), option: fault.option, description: fault.description })

/** A request without options. */
const bare = (defaults: Defaults, method: string, target: Target): Prepared => {
  const inside = defaults.base === undefined || sameOrigin(defaults.base.origin, target.origin)
  const fromUrl = target.userinfo
  const session = inside ? defaults.fields : defaults.openFields
  return new Prepared({
    defaults,
    given: noOptions,
    method,
    target,
    fields: fromUrl === undefined ? session : withoutFields(session, isAuthorization),
    body: HttpBody.empty,
    limits: defaults.limits,
    auth:
      fromUrl !== undefined && defaults.options.auth !== false
        ? fromUserinfo(fromUrl)
        : inside
          ? defaults.auth
          : undefined,
    cookies: noCookies,
    serverHostname: undefined,
    hop: 0,
    fault: undefined
  })
}

const isAuthorization = (name: string): boolean => name === "authorization"

/** What is read of the options before they are combined. */
interface Parts {
  readonly own: Fields
  readonly cookies: Pairs
  /** `undefined`: as the options say. */
  readonly body: HttpBody.HttpBody | undefined
  /** Whether it is for an origin that gets no credentials of the session's. */
  readonly away: boolean
}

type Combined = Prepared | InvalidRequest | RequestBodyError | Fault

const full = (defaults: Defaults, method: string, target: Target, given: RequestOptions): Combined => {
  const own = given.headers === undefined ? noFields : toFields(given.headers)
  if (isFault(own)) return own
  const cookies = given.cookies === undefined ? noCookies : toCookies(given.cookies)
  return isFault(cookies)
    ? cookies
    : combine(defaults, method, target, given, { own, cookies, body: undefined, away: false })
}

const combine = (defaults: Defaults, method: string, parsed: Target, given: RequestOptions, parts: Parts): Combined => {
  const wrong = checkOptions(given)
  if (wrong !== undefined) return wrong
  const target = given.params === undefined ? parsed : withParams(parsed, given.params, given.encoded === true)
  if (isFault(target)) return target
  const access = resolveAccess(defaults, given, target, parts.own, parts.away)
  if (isFault(access)) return access
  const body = parts.body ?? resolveBody(defaults, given, access.fields)
  if (body instanceof InvalidRequest || body instanceof RequestBodyError || isFault(body)) return body
  const limits = resolveLimits(defaults, given)
  if (limits === undefined) return { option: "timeout", description: notTimeout }
  const serverHostname = resolveServerHostname(given.serverHostname)
  if (isFault(serverHostname)) return serverHostname
  return new Prepared({
    defaults,
    given,
    method,
    target,
    fields: access.fields,
    body,
    limits,
    auth: access.auth,
    cookies: parts.cookies,
    serverHostname: serverHostname.name,
    hop: 0,
    fault: undefined
  })
}

const withParams = (target: Target, params: ParamsInput, encoded: boolean): Target | Fault => {
  const query = toQuery(params, encoded)
  return typeof query === "string"
    ? { option: "params", description: query }
    : target.withTarget(appendQuery(target.target, query.query))
}

const checkOptions = (given: RequestOptions): Fault | undefined => {
  const { compress, maxRedirects } = given
  if (maxRedirects !== undefined && !(Number.isInteger(maxRedirects) && maxRedirects >= 0)) {
    if (maxRedirects !== Infinity) return { option: "maxRedirects", description: "it is not a whole number from 0 on" }
  }
  if (!isSize(given.maxBodySize)) return { option: "maxBodySize", description: "it is not a number from 0 on" }
  if (!isSize(given.errorBodySize)) return { option: "errorBodySize", description: "expected a number from 0 on" }
  if (compress !== undefined && typeof compress !== "boolean" && !compressions.has(compress)) {
    return { option: "compress", description: 'it is none of true, false, "deflate", "gzip" and "br"' }
  }
  return wrongType(given)
}

const compressions: ReadonlySet<string> = new Set(["deflate", "gzip", "br"])

const resolveLimits = (defaults: Defaults, given: RequestOptions): Limits | undefined =>
  given.timeout === undefined ? defaults.limits : tryResolve(merge(defaults.timeouts, toTimeouts(given.timeout)))

const noServerHostname = { name: undefined }

/** In its canonical form, which settings and keys of TLS compare. */
const resolveServerHostname = (given: string | undefined): { readonly name: string | undefined } | Fault => {
  if (given === undefined) return noServerHostname
  const host = namedHost(given)
  return typeof host === "string"
    ? { option: "serverHostname", description: `expected a host name or an IP address, but ${host}` }
    : host
}

/** The headers, and whose credentials are used: the session's only where the request has none, and only at home. */
const resolveAccess = (
  defaults: Defaults,
  given: RequestOptions,
  target: Target,
  own: Fields,
  away: boolean
): { readonly fields: Fields; readonly auth: Credentials | undefined } | Fault => {
  const header = getField(own.pairs, "authorization") !== undefined
  const off = given.auth === false || (given.auth === undefined && defaults.options.auth === false)
  const fromUrl = off ? undefined : target.userinfo
  const option = given.auth === false ? undefined : given.auth
  if ((header ? 1 : 0) + (fromUrl === undefined ? 0 : 1) + (option === undefined ? 0 : 1) > 1) {
    const description = "credentials are given more than once, by auth, an Authorization header or the URL"
    return { option: "auth", description }
  }
  const inside = !away && (defaults.base === undefined || sameOrigin(defaults.base.origin, target.origin))
  let session = inside ? defaults.fields : defaults.openFields
  if (given.auth === false || fromUrl !== undefined || option !== undefined) {
    session = withoutFields(session, isAuthorization)
  }
  const auth =
    option ??
    (fromUrl !== undefined
      ? fromUserinfo(fromUrl)
      : given.auth === false || header || !inside
        ? undefined
        : defaults.auth)
  return { fields: mergeFields(session, own), auth }
}

const resolveBody = (
  defaults: Defaults,
  given: RequestOptions,
  fields: Fields
): HttpBody.HttpBody | InvalidRequest | RequestBodyError | Fault => {
  const { data, json, text } = given
  if (data === undefined) {
    if (json === undefined) {
      if (text === undefined) return HttpBody.empty
      return typeof text === "string" ? textBody(text) : { option: "text", description: "it is no text" }
    }
    if (text === undefined) return jsonBody(json, defaults.jsonSerialize)
  } else if (json === undefined && text === undefined) {
    return dataBody(data, fields)
  }
  return { option: data === undefined ? "text" : "data", description: "only one of json, text and data can be given" }
}

const dataBody = (data: Data, fields: Fields): HttpBody.HttpBody | InvalidRequest | RequestBodyError => {
  const boundary = multipartBoundary(data, getField(fields.pairs, "content-type"))
  return boundary instanceof InvalidRequest ? boundary : toBody(data, boundary)
}

/**
 * A request under a session's defaults; `options` go over its own. A request of another session, as its middlewares get
 * it, leaves the middlewares behind: each call runs those of its own session, and one that sends its request on must not
 * meet it again.
 */
export const adopt = (
  defaults: Defaults,
  self: Prepared,
  options: RequestOptions | undefined,
  away = false
): Prepared | PrepareError => {
  if (self.fault !== undefined) return self.fault
  const over = options === undefined ? noOptions : own(options)
  const { auth, cookies, data, encoded, headers, json, params, serverHostname, text, ...kept } = self.given
  const { proxyAuth, proxyHeaders, ...others } = { ...self.defaults.options, ...kept }
  const proxied = over.proxy === undefined ? { proxyAuth, proxyHeaders } : {}
  const ssl =
    others.ssl ?? (away && defaults.options.ssl !== undefined ? withoutIdentity(defaults.options.ssl) : undefined)
  const middlewares = self.defaults === noDefaults ? others.middlewares : undefined
  const given = { ...others, middlewares, ...proxied, ssl, serverHostname: self.serverHostname, ...defined(over) }
  const target = self.target.withoutUserinfo
  const extra = toFields(over.headers)
  if (isFault(extra)) return fail(self.method, target, extra)
  const fields = over.auth === undefined ? self.fields : withoutFields(self.fields, isAuthorization)
  const body = over.json === undefined && over.text === undefined && over.data === undefined ? self.body : undefined
  const more = over.cookies === undefined ? self.cookies : toCookies(over.cookies)
  if (isFault(more)) return fail(self.method, target, more)
  const replaced = getField(extra.pairs, "authorization") !== undefined
  const access = over.auth ?? (replaced ? undefined : (self.auth ?? (self.noAuth ? false : undefined)))
  return settle(
    self.method,
    target,
    combine(defaults, self.method, target, own({ ...given, auth: access }), {
      own: mergeFields(fields, extra),
      cookies: more,
      body,
      away
    })
  )
}
