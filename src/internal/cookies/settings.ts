/**
 * A jar's options as its settings.
 */
import type { CookieJarOptions } from "../../CookieJar.js"
import { InvalidURL } from "../../Errors.js"
import { parseTarget } from "../http/target.js"
import { defaultSettings, type JarSettings } from "./jar.js"

/** Of a jar that stores and sends nothing. */
export const disabled: JarSettings = { ...defaultSettings, maxCookies: 0 }

const limit = (name: string, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  if (value === Infinity || (Number.isInteger(value) && value >= 0)) return value
  throw new RangeError(`${name} must be a whole number, 0 or more`)
}

/** "host:port" of each http origin; https is secure already. */
const secureOrigins = (origins: ReadonlyArray<string>): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const given of origins) {
    const target = parseTarget(given, false)
    if (target instanceof InvalidURL) {
      throw new TypeError("treatAsSecureOrigin must be an origin such as http://localhost:3000")
    }
    const { host, port, scheme } = target.origin
    if (scheme === "http") out.add(`${host}:${port}`)
  }
  return out
}

/** Throws where an option cannot be right; what it says holds no secret. */
export const resolve = (options: CookieJarOptions = {}): JarSettings => {
  const origins = options.treatAsSecureOrigin ?? []
  return {
    unsafe: options.unsafe ?? false,
    quoteCookie: options.quoteCookie ?? false,
    nameless: options.nameless ?? false,
    secureOrigins: secureOrigins(typeof origins === "string" ? [origins] : origins),
    maxCookies: limit("maxCookies", options.maxCookies, defaultSettings.maxCookies),
    maxCookiesPerDomain: limit("maxCookiesPerDomain", options.maxCookiesPerDomain, defaultSettings.maxCookiesPerDomain)
  }
}
