/** Prepares requests: combines the defaults of a session and the options of a request, and validates them. */
import * as HttpBody from "@effect/platform/HttpBody"
import type { Credentials } from "../../Auth.js"
import type { Data, ParamsInput, RequestOptions, UrlInput } from "../../ClientRequest.js"
import { InvalidRequest, InvalidURL, RequestBodyError } from "../../Errors.js"
import {
  type Fields,
  getField,
  isAuthorization,
  isFault,
  isToken,
  mergeFields,
  noFields,
  type OptionFault,
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
import { defined, ownOptions } from "../ownOptions.js"
import { kindOf } from "../userResult.js"
import { multipartBoundary } from "./body/multipart.js"
import { jsonBody, textBody, toBody } from "./body/toHttpBody.js"
import { wrongType } from "./optionTypes.js"
import type { Defaults } from "./preparedRequest.js"
import { detailsOf, PreparedRequest } from "./preparedRequest.js"
import { fromUserinfo, isSize, noDefaults } from "./sessionDefaults.js"

const noOptions: RequestOptions = Object.create(null)
const noCookies: Pairs = []

const usualMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])

/** The method in upper case, or `undefined` if it is invalid. CONNECT is reserved for proxies. */
const canonicalMethod = (method: string): string | undefined => {
  if (usualMethods.has(method)) return method
  if (typeof method !== "string" || !isToken(method)) return undefined
  const upper = method.toUpperCase()
  return upper === "CONNECT" ? undefined : upper
}

/** Why a method is invalid, and what to do instead. */
const methodProblem = (method: unknown): string => {
  if (typeof method !== "string") return `expected a method such as "GET", got ${kindOf(method)}`
  return method.toUpperCase() === "CONNECT"
    ? "CONNECT is only used for the tunnel of a proxy; use the option proxy"
    : "expected an HTTP method token: letters, digits and !#$%&'*+-.^_`|~"
}

/** The errors of `prepare`. */
export type PrepareError = InvalidURL | InvalidRequest | RequestBodyError

/** Prepares a request, or returns the error of an invalid one. `websocket` also allows ws and wss URLs. */
export const prepare = (
  defaults: Defaults,
  method: string,
  url: UrlInput,
  options: RequestOptions | undefined,
  websocket = false
): PreparedRequest | PrepareError => {
  const simple = options === undefined && method === "GET" && typeof url === "string" && !websocket
  const cached = simple ? defaults.recent.get(url) : undefined
  if (cached !== undefined) return cached
  const given = options === undefined ? noOptions : ownOptions(options)
  const verb = canonicalMethod(method)
  if (verb === undefined) return new InvalidRequest({ option: "method", description: methodProblem(method) })
  const parsed = parseTarget(url, given.encoded === true, defaults.base)
  if (parsed instanceof InvalidURL) return parsed
  if (parsed.websocket && !websocket) {
    const description = "expected the scheme http or https"
    return new InvalidURL({ url: shown(String(url)), reason: "Scheme", description })
  }
  if (options !== undefined) return withDetails(verb, parsed, prepareWithOptions(defaults, verb, parsed, given))
  const request = prepareWithoutOptions(defaults, verb, parsed)
  // A URL with credentials must not become the key of a cache.
  if (simple && parsed.userinfo === undefined) defaults.recent.set(url, request)
  return request
}

/** Adds the details of the request to an error. */
const withDetails = (method: string, target: Target, result: Combined): PreparedRequest | PrepareError => {
  if (result instanceof PreparedRequest) return result
  if (!(result instanceof RequestBodyError)) return fail(method, target, result)
  return new RequestBodyError({ ...detailsOf(method, target), reason: result.reason, cause: result.cause })
}

const fail = (method: string, target: Target, fault: OptionFault): InvalidRequest =>
  new InvalidRequest({ ...detailsOf(method, target), option: fault.option, description: fault.description })

/** A request without options. */
const prepareWithoutOptions = (defaults: Defaults, method: string, target: Target): PreparedRequest => {
  const getsDefaults = defaults.base === undefined || sameOrigin(defaults.base.origin, target.origin)
  const fromUrl = target.userinfo
  const session = getsDefaults ? defaults.fields : defaults.openFields
  return new PreparedRequest({
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
        : getsDefaults
          ? defaults.auth
          : undefined,
    cookies: noCookies,
    serverHostname: undefined,
    hop: 0,
    fault: undefined
  })
}

/** The parts of a request that are resolved before its options are combined. */
interface Parts {
  readonly ownFields: Fields
  readonly cookies: Pairs
  /** `undefined` to take the body from the options. */
  readonly body: HttpBody.HttpBody | undefined
  /** Whether the request goes to an origin that must not get the session's credentials. */
  readonly isForeign: boolean
}

type Combined = PreparedRequest | InvalidRequest | RequestBodyError | OptionFault

const prepareWithOptions = (defaults: Defaults, method: string, target: Target, given: RequestOptions): Combined => {
  const ownFields = given.headers === undefined ? noFields : toFields(given.headers)
  if (isFault(ownFields)) return ownFields
  const cookies = given.cookies === undefined ? noCookies : toCookies(given.cookies)
  return isFault(cookies)
    ? cookies
    : combine(defaults, method, target, given, { ownFields, cookies, body: undefined, isForeign: false })
}

const combine = (defaults: Defaults, method: string, parsed: Target, given: RequestOptions, parts: Parts): Combined => {
  const wrong = checkOptions(given)
  if (wrong !== undefined) return wrong
  const target = given.params === undefined ? parsed : withParams(parsed, given.params, given.encoded === true)
  if (isFault(target)) return target
  const access = resolveAccess(defaults, given, target, parts.ownFields, parts.isForeign)
  if (isFault(access)) return access
  const body = parts.body ?? resolveBody(defaults, given, access.fields)
  if (body instanceof InvalidRequest || body instanceof RequestBodyError || isFault(body)) return body
  const limits = resolveLimits(defaults, given)
  if (limits === undefined) return { option: "timeout", description: notTimeout }
  const serverHostname = resolveServerHostname(given.serverHostname)
  if (isFault(serverHostname)) return serverHostname
  return new PreparedRequest({
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

const withParams = (target: Target, params: ParamsInput, encoded: boolean): Target | OptionFault => {
  const query = toQuery(params, encoded)
  return typeof query === "string"
    ? { option: "params", description: query }
    : target.withTarget(appendQuery(target.target, query.query))
}

const checkOptions = (given: RequestOptions): OptionFault | undefined => {
  const { compress, maxRedirects } = given
  if (maxRedirects !== undefined && !(Number.isInteger(maxRedirects) && maxRedirects >= 0)) {
    if (maxRedirects !== Infinity)
      return { option: "maxRedirects", description: "expected a whole number from 0 on, or Infinity" }
  }
  if (!isSize(given.maxBodySize)) return { option: "maxBodySize", description: "expected a number from 0 on" }
  if (!isSize(given.errorBodySize)) return { option: "errorBodySize", description: "expected a number from 0 on" }
  if (compress !== undefined && typeof compress !== "boolean" && !compressions.has(compress)) {
    return { option: "compress", description: 'expected a boolean, "deflate", "gzip" or "br"' }
  }
  return wrongType(given)
}

const compressions: ReadonlySet<string> = new Set(["deflate", "gzip", "br"])

const resolveLimits = (defaults: Defaults, given: RequestOptions): Limits | undefined =>
  given.timeout === undefined ? defaults.limits : tryResolve(merge(defaults.timeouts, toTimeouts(given.timeout)))

const noServerHostname = { name: undefined }

/** Converts a server name to its canonical form, because TLS settings and keys of the pool compare it. */
const resolveServerHostname = (input: string | undefined): { readonly name: string | undefined } | OptionFault => {
  if (input === undefined) return noServerHostname
  const host = namedHost(input)
  return typeof host === "string"
    ? { option: "serverHostname", description: `expected a host name or an IP address, but ${host}` }
    : host
}

/**
 * Resolves headers and credentials. The credentials of the session apply only to a request without its own and, with
 * `baseUrl`, only to its origin.
 */
const resolveAccess = (
  defaults: Defaults,
  given: RequestOptions,
  target: Target,
  ownFields: Fields,
  isForeign: boolean
): { readonly fields: Fields; readonly auth: Credentials | undefined } | OptionFault => {
  const hasHeader = getField(ownFields.pairs, "authorization") !== undefined
  const isOff = given.auth === false || (given.auth === undefined && defaults.options.auth === false)
  const fromUrl = isOff ? undefined : target.userinfo
  const option = given.auth === false ? undefined : given.auth
  if ((hasHeader ? 1 : 0) + (fromUrl === undefined ? 0 : 1) + (option === undefined ? 0 : 1) > 1) {
    const description = "expected credentials only once: by auth, an Authorization header or the URL"
    return { option: "auth", description }
  }
  const getsDefaults = !isForeign && (defaults.base === undefined || sameOrigin(defaults.base.origin, target.origin))
  let session = getsDefaults ? defaults.fields : defaults.openFields
  if (given.auth === false || fromUrl !== undefined || option !== undefined) {
    session = withoutFields(session, isAuthorization)
  }
  const auth =
    option ??
    (fromUrl !== undefined
      ? fromUserinfo(fromUrl)
      : given.auth === false || hasHeader || !getsDefaults
        ? undefined
        : defaults.auth)
  return { fields: mergeFields(session, ownFields), auth }
}

const resolveBody = (
  defaults: Defaults,
  given: RequestOptions,
  fields: Fields
): HttpBody.HttpBody | InvalidRequest | RequestBodyError | OptionFault => {
  const { data, json, text } = given
  if (data === undefined) {
    if (json === undefined) {
      if (text === undefined) return HttpBody.empty
      return typeof text === "string"
        ? textBody(text, getField(fields.pairs, "content-type"))
        : { option: "text", description: `expected a string, got ${kindOf(text)}` }
    }
    if (text === undefined) return jsonBody(json, defaults.jsonSerialize)
  } else if (json === undefined && text === undefined) {
    return dataBody(data, fields)
  }
  return { option: data === undefined ? "text" : "data", description: "expected only one of json, text and data" }
}

const dataBody = (data: Data, fields: Fields): HttpBody.HttpBody | InvalidRequest | RequestBodyError => {
  const contentType = getField(fields.pairs, "content-type")
  const boundary = multipartBoundary(data, contentType)
  return boundary instanceof InvalidRequest ? boundary : toBody(data, boundary, contentType)
}

/**
 * Prepares an existing request again for a session; `options` win over its own. Drops the middlewares of another
 * session, because each call runs those of its own session. Otherwise a middleware that sends its request through
 * another session would run again for it.
 */
export const adopt = (
  defaults: Defaults,
  self: PreparedRequest,
  options: RequestOptions | undefined,
  isForeign = false
): PreparedRequest | PrepareError => {
  if (self.fault !== undefined) return self.fault
  const over = options === undefined ? noOptions : ownOptions(options)
  const { auth, cookies, data, encoded, headers, json, params, serverHostname, text, ...kept } = self.given
  const { proxyAuth, proxyHeaders, ...others } = { ...self.defaults.options, ...kept }
  const proxied = over.proxy === undefined ? { proxyAuth, proxyHeaders } : {}
  const ssl =
    others.ssl ?? (isForeign && defaults.options.ssl !== undefined ? withoutIdentity(defaults.options.ssl) : undefined)
  const middlewares = self.defaults === noDefaults ? others.middlewares : undefined
  const given = { ...others, middlewares, ...proxied, ssl, serverHostname: self.serverHostname, ...defined(over) }
  const target = self.target.withoutUserinfo
  const overFields = toFields(over.headers)
  if (isFault(overFields)) return fail(self.method, target, overFields)
  const fields = over.auth === undefined ? self.fields : withoutFields(self.fields, isAuthorization)
  const body = over.json === undefined && over.text === undefined && over.data === undefined ? self.body : undefined
  const newCookies = over.cookies === undefined ? self.cookies : toCookies(over.cookies)
  if (isFault(newCookies)) return fail(self.method, target, newCookies)
  const replacesAuthorization = getField(overFields.pairs, "authorization") !== undefined
  const newAuth = over.auth ?? (replacesAuthorization ? undefined : (self.auth ?? (self.noAuth ? false : undefined)))
  return withDetails(
    self.method,
    target,
    combine(defaults, self.method, target, ownOptions({ ...given, auth: newAuth }), {
      ownFields: mergeFields(fields, overFields),
      cookies: newCookies,
      body,
      isForeign
    })
  )
}
