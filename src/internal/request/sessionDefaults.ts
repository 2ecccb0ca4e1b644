/**
 * A session's options, read once.
 */

import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Basic, Credentials } from "../../Auth.js"
import type { CommonOptions, RequestOptions } from "../../ClientRequest.js"
import { InvalidURL } from "../../Errors.js"
import type { SessionOptions } from "../../Session.js"
import { maxPairLength } from "../cookies/parse.js"
import {
  type Fields,
  getField,
  isFault,
  toCookies,
  toFields,
  toLatin1,
  toLines,
  withoutFields
} from "../http/headerFields.js"
import { parseTarget, Target, type Userinfo } from "../http/target.js"
import { rereadable } from "../iterables.js"
import { notTimeout, toTimeouts, tryResolve } from "../limits.js"
import { own } from "../ownOptions.js"
import { isSecretHeader } from "../redact.js"
import { authorizationOf } from "./authorization.js"
import { linesAfter, linesBefore } from "./automaticHeaders.js"
import { wrongType } from "./optionTypes.js"
import type { Defaults } from "./preparedRequest.js"
import { Recent } from "./recentRequests.js"

/** Headers that a request's lines depend on, so that they cannot be written ahead. */
const special: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "expect",
  "connection",
  "upgrade",
  "cookie",
  "te",
  "trailer"
])

const commonNames = [
  "headers",
  "cookies",
  "auth",
  "skipAutoHeaders",
  "raiseForStatus",
  "timeout",
  "autoDecompress",
  "maxBodySize",
  "errorBodySize",
  "proxy",
  "proxyAuth",
  "proxyHeaders",
  "ssl",
  "middlewares",
  "onRedirect"
] as const satisfies ReadonlyArray<keyof CommonOptions>

const common = (options: SessionOptions): RequestOptions => {
  const out: Record<string, unknown> = Object.create(null)
  for (const name of commonNames) if (options[name] !== undefined) out[name] = options[name]
  return out
}

/** Names that stood in URLs without a password. */
const logins = new WeakMap<Credentials, string>()

/** Credentials that stood in a URL. */
export const fromUserinfo = (userinfo: Userinfo): Basic => {
  const auth: Basic = {
    _tag: "Basic",
    user: Redacted.make(userinfo.user),
    password: Redacted.make(userinfo.password),
    encoding: "utf-8"
  }
  if (userinfo.user !== "" && userinfo.password === "") logins.set(auth, userinfo.user)
  return auth
}

/** The name that stood in a URL without a password, if these credentials are made of one. */
export const loginOf = (auth: Credentials): string | undefined => logins.get(auth)

/** Throws the defect of an option that makes no session. */
const refuse = (option: string, description: string): never => {
  throw new TypeError(`Invalid option "${option}": ${description}`)
}

const makeBase = (options: SessionOptions): Target | undefined => {
  if (options.baseUrl === undefined) return undefined
  const base = parseTarget(options.baseUrl, false)
  if (base instanceof InvalidURL) return refuse("baseUrl", base.description)
  if (base.websocket) refuse("baseUrl", "expected the scheme http or https")
  if (base.target.includes("?") || base.fragment !== "") refuse("baseUrl", "expected a URL without query and fragment")
  if (!base.target.endsWith("/")) refuse("baseUrl", 'expected a path that ends in "/"')
  return base
}

const makeAuth = (options: SessionOptions, base: Target | undefined, fields: Fields): Credentials | undefined => {
  const fromUrl = base?.userinfo === undefined ? undefined : fromUserinfo(base.userinfo)
  const given = options.auth === false ? undefined : options.auth
  const header = getField(fields.pairs, "authorization") !== undefined
  if ((given !== undefined ? 1 : 0) + (fromUrl !== undefined ? 1 : 0) + (header ? 1 : 0) > 1) {
    refuse("auth", "credentials are given more than once, by auth, an Authorization header or baseUrl")
  }
  const auth = given ?? (options.auth === false ? undefined : fromUrl)
  if (auth !== undefined) {
    const authorization = authorizationOf(auth)
    if (Either.isLeft(authorization)) refuse("auth", authorization.left)
  }
  return auth
}

/** Numbers that are not negative and not NaN. */
export const isSize = (value: number | undefined): boolean =>
  value === undefined || (typeof value === "number" && value >= 0)

export const toSkip = (names: Iterable<string> | undefined): ReadonlySet<string> => {
  const out = new Set<string>()
  if (names !== undefined) for (const name of rereadable(names)) out.add(String(name).toLowerCase())
  return out
}

/** Reads a session's options. Throws where one cannot be right. */
export const makeDefaults = (given: SessionOptions): Defaults => {
  const options = own(given)
  const wrong = wrongType(options)
  if (wrong !== undefined) return refuse(wrong.option, wrong.description)
  const base = makeBase(options)
  const fields = toFields(options.headers)
  if (isFault(fields))
    return refuse(
      "headers",
      fields.option === "headers" ? fields.description : `${fields.option}: ${fields.description}`
    )
  const cookies = toCookies(options.cookies)
  if (isFault(cookies)) return refuse("cookies", cookies.description)
  if (cookies.some(([name, value]) => toLatin1(name + value).length > maxPairLength)) {
    refuse("cookies", `expected a name and a value of at most ${maxPairLength} octets together`)
  }
  if (!isSize(options.maxBodySize)) refuse("maxBodySize", "expected a number from 0 on")
  if (!isSize(options.errorBodySize)) refuse("errorBodySize", "expected a number from 0 on")
  const version = options.version ?? "1.1"
  if (version !== "1.0" && version !== "1.1") return refuse("version", 'expected "1.0" or "1.1"')
  const auth = makeAuth(options, base, fields)
  const timeouts = toTimeouts(options.timeout)
  const limits = tryResolve(timeouts) ?? refuse("timeout", notTimeout)
  const skip = toSkip(options.skipAutoHeaders)
  const names = new Set(fields.pairs.map(([name]) => name.toLowerCase()))
  const present = new Set([...names, ...skip])
  const plain = ![...names].some((name) => special.has(name)) && version === "1.1" && skip.size === 0
  return {
    options: common(options),
    base: base === undefined ? undefined : new Target(base.origin, base.target, "", undefined, false),
    fields,
    openFields: withoutFields(fields, (name) => isSecretHeader(name) || fields.secret.has(name)),
    auth,
    cookies,
    timeouts,
    limits,
    skip,
    version,
    jsonSerialize: options.jsonSerialize,
    requoteRedirectUrl: options.requoteRedirectUrl ?? false,
    fallbackCharset: options.fallbackCharset,
    plain,
    before: toLines(fields.pairs) + linesBefore(present),
    after: linesAfter(present),
    recent: new Recent(),
    traced: options.traceConfigs !== undefined && options.traceConfigs.length > 0,
    spans: options.spans,
    trustEnv: options.trustEnv ?? false
  }
}

/** The defaults of requests that belong to no session. */
export const noDefaults: Defaults = makeDefaults({})
