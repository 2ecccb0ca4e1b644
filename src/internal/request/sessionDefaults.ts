/** Validates the options of a session and converts them to the defaults of its requests. */

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
import { ownOptions } from "../ownOptions.js"
import { isSecretHeader } from "../redact.js"
import { authorizationOf } from "./authorization.js"
import { linesAfter, linesBefore, userAgent } from "./automaticHeaders.js"
import { wrongType } from "./optionTypes.js"
import type { Defaults } from "./preparedRequest.js"
import { RecentRequests } from "./recentRequests.js"

/** Headers on which other lines depend. The lines of a session with one of them cannot be written in advance. */
const governingHeaders: ReadonlySet<string> = new Set([
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

const commonOptions = (options: SessionOptions): RequestOptions => {
  const out: Record<string, unknown> = Object.create(null)
  for (const name of commonNames) if (options[name] !== undefined) out[name] = options[name]
  return out
}

/** The user names of credentials that come from a URL without a password. netrc may have the password. */
const logins = new WeakMap<Credentials, string>()

/** Basic credentials from the userinfo of a URL. */
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

/** The user name, if the credentials come from a URL without a password. */
export const loginOf = (auth: Credentials): string | undefined => logins.get(auth)

/** Throws a TypeError for an invalid option of a session. */
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
  const fromOption = options.auth === false ? undefined : options.auth
  const header = getField(fields.pairs, "authorization") !== undefined
  if ((fromOption !== undefined ? 1 : 0) + (fromUrl !== undefined ? 1 : 0) + (header ? 1 : 0) > 1) {
    refuse("auth", "expected credentials only once: by auth, an Authorization header or baseUrl")
  }
  const auth = fromOption ?? (options.auth === false ? undefined : fromUrl)
  if (auth !== undefined) {
    const authorization = authorizationOf(auth)
    if (Either.isLeft(authorization)) refuse("auth", authorization.left)
  }
  return auth
}

/** Whether a value is undefined or a valid size: a number from 0 on, which may be infinite. */
export const isSize = (value: number | undefined): boolean =>
  value === undefined || (typeof value === "number" && value >= 0)

export const toSkip = (names: Iterable<string> | undefined): ReadonlySet<string> => {
  const out = new Set<string>()
  if (names !== undefined) for (const name of rereadable(names)) out.add(String(name).toLowerCase())
  return out
}

const userAgentOf = (fields: Fields, skip: ReadonlySet<string>): string | undefined => {
  const sessionAgent = getField(fields.pairs, "user-agent")
  if (sessionAgent !== undefined) return fields.secret.has("user-agent") ? undefined : sessionAgent
  return skip.has("user-agent") ? undefined : userAgent
}

/** Validates and converts the options of a session. Throws if one of them is invalid. */
export const makeDefaults = (given: SessionOptions): Defaults => {
  const options = ownOptions(given)
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
  const { version: requestedVersion } = options
  if (
    requestedVersion !== undefined &&
    requestedVersion !== "1.0" &&
    requestedVersion !== "1.1" &&
    requestedVersion !== "2"
  ) {
    return refuse("version", 'expected "1.0", "1.1" or "2"')
  }
  const version = requestedVersion === "1.0" ? requestedVersion : "1.1"
  const auth = makeAuth(options, base, fields)
  const timeouts = toTimeouts(options.timeout)
  const limits = tryResolve(timeouts) ?? refuse("timeout", notTimeout)
  const skip = toSkip(options.skipAutoHeaders)
  const names = new Set(fields.pairs.map(([name]) => name.toLowerCase()))
  const presentOrSkipped = new Set([...names, ...skip])
  const hasFixedLines = ![...names].some((name) => governingHeaders.has(name)) && version === "1.1" && skip.size === 0
  return {
    options: commonOptions(options),
    base: base === undefined ? undefined : new Target(base.origin, base.target, "", undefined, false),
    fields,
    openFields: withoutFields(fields, (name) => isSecretHeader(name) || fields.secret.has(name)),
    auth,
    cookies,
    timeouts,
    limits,
    skip,
    version,
    http: requestedVersion === undefined ? "any" : requestedVersion === "2" ? "2" : "1",
    jsonSerialize: options.jsonSerialize,
    requoteRedirectUrl: options.requoteRedirectUrl ?? false,
    fallbackCharset: options.fallbackCharset,
    hasFixedLines,
    userAgent: userAgentOf(fields, skip),
    fixedLinesBefore: toLines(fields.pairs) + linesBefore(presentOrSkipped),
    fixedLinesAfter: linesAfter(presentOrSkipped),
    recent: new RecentRequests(),
    traced: options.traceConfigs !== undefined && options.traceConfigs.length > 0,
    spans: options.spans,
    trustEnv: options.trustEnv ?? false
  }
}

/** The defaults of requests without a session. */
export const noDefaults: Defaults = makeDefaults({})
