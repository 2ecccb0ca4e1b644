/** Validates the options of a cookie jar and converts them to settings. */
import type { CookieJarOptions } from "../../CookieJar.js"
import { InvalidURL } from "../../Errors.js"
import { parseTarget } from "../http/target.js"
import { defaultSettings, type JarSettings } from "./jar.js"

/** Settings of a jar that neither stores nor sends cookies. */
export const disabled: JarSettings = { ...defaultSettings, maxCookies: 0 }

const limit = (name: string, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  if (value === Infinity || (Number.isInteger(value) && value >= 0)) return value
  throw new RangeError(`Invalid option "${name}": expected a whole number from 0 on, or Infinity`)
}

/** "host:port" of each http origin. Omits https origins, which are secure anyway. */
const secureOrigins = (origins: ReadonlyArray<string>): ReadonlySet<string> => {
  const out = new Set<string>()
  for (const text of origins) {
    const target = parseTarget(text, false)
    if (target instanceof InvalidURL) {
      throw new TypeError('Invalid option "treatAsSecureOrigin": expected an origin such as "http://localhost:3000"')
    }
    const { host, port, scheme } = target.origin
    if (scheme === "http") out.add(`${host}:${port}`)
  }
  return out
}

/** Applies defaults. Throws if an option is invalid; the message does not contain a secret. */
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
