/**
 * A jar's options as its settings.
 */
import type { CookieJarOptions } from "../../CookieJar.js"
import { defaultSettings, type JarSettings } from "./jar.js"

/** Of a jar that stores and sends nothing. */
export const disabled: JarSettings = { ...defaultSettings, maxCookies: 0 }

const limit = (name: string, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  if (value === Infinity || (Number.isInteger(value) && value >= 0)) return value
  throw new RangeError(`${name} must be a whole number, 0 or more`)
}

/** "host:port" of an origin that is http; others count as secure already. */
const secureOrigin = (origin: string): string => {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url === undefined || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new TypeError("treatAsSecureOrigin must be an origin such as http://localhost:3000")
  }
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname
  return `${host}:${url.port === "" ? "80" : url.port}`
}

/** Throws where an option cannot be right; what it says holds no secret. */
export const resolve = (options: CookieJarOptions = {}): JarSettings => {
  const origins = options.treatAsSecureOrigin ?? []
  return {
    unsafe: options.unsafe ?? false,
    quoteCookie: options.quoteCookie ?? false,
    nameless: options.nameless ?? false,
    secureOrigins: new Set((typeof origins === "string" ? [origins] : origins).map(secureOrigin)),
    maxCookies: limit("maxCookies", options.maxCookies, defaultSettings.maxCookies),
    maxCookiesPerDomain: limit("maxCookiesPerDomain", options.maxCookiesPerDomain, defaultSettings.maxCookiesPerDomain)
  }
}
