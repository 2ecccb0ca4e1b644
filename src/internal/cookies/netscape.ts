/** The Netscape format `cookies.txt`: one line per cookie, with seven fields separated by tabs. */
import * as Effect from "effect/Effect"
import type { Cookie } from "../../CookieJar.js"
import { CookieJarError } from "../../Errors.js"
import { maxEntries, maxLength } from "./document.js"
import { maxPairLength } from "./parse.js"
import { scopeOfProgram } from "./rules.js"
import type { Stored } from "./store.js"
import { canonicalDomain } from "./target.js"
import { toWire } from "./wire.js"

const header = "# Netscape HTTP Cookie File\n"

const httpOnlyPrefix = "#HttpOnly_"

/** Control characters except the tab, because the value, the last field, may contain tabs. */
const controls = /[\x00-\x08\x0a-\x1f\x7f]/

const fields = "domain, subdomains, path, secure, expiry, name and value"

const readFlag = (text: string): boolean | undefined => {
  const upper = text.toUpperCase()
  return upper === "TRUE" ? true : upper === "FALSE" ? false : undefined
}

/** The expiry in milliseconds; `Infinity` for a session cookie (0, "" and the -1 of some exporters), or `undefined`. */
const readExpiry = (text: string): number | undefined => {
  if (text === "") return Infinity
  if (!/^-?\d{1,16}(?:\.\d*)?$/.test(text)) return undefined
  const seconds = Number(text)
  return seconds > 0 ? Math.min(Math.trunc(seconds * 1000), 8.64e15) : Infinity
}

/** The cookie of a line, or a description of the error without the text of the line. */
const readLine = (line: string, now: number): Stored | string => {
  const httpOnly = line.startsWith(httpOnlyPrefix)
  const [domain = "", subdomains = "", path = "", secure = "", expiry = "", name, ...rest] = (
    httpOnly ? line.slice(httpOnlyPrefix.length) : line
  ).split("\t")
  if (name === undefined) return `expected seven fields separated by tabs: ${fields}`
  const hostOnly = readFlag(subdomains)
  const isSecure = readFlag(secure)
  const expires = readExpiry(expiry)
  if (hostOnly === undefined || isSecure === undefined) return "expected TRUE or FALSE for subdomains and secure"
  if (expires === undefined) return "expected seconds since 1970 for the expiry"
  if (!path.startsWith("/")) return 'expected a path that begins with "/"'
  const canonical = canonicalDomain(domain)
  const scope = canonical === "" ? "Domain" : scopeOfProgram(canonical, !hostOnly)
  if (typeof scope === "string") return "expected a domain name or an IP address"
  if (controls.test(line) || /[=;]/.test(name))
    return "expected a name without = and ; and text without control characters"
  const cookie = { name: toWire(name), value: toWire(rest.join("\t")), path: toWire(path) }
  const length = cookie.name.length + cookie.value.length
  if (length === 0) return "expected a name or a value"
  if (length > maxPairLength || cookie.path.length > maxPairLength)
    return `expected at most ${maxPairLength} octets, got more`
  return {
    ...cookie,
    ...scope,
    secure: isSecure,
    httpOnly,
    sameSite: undefined,
    partitioned: false,
    expires,
    created: now,
    updated: now
  }
}

/** Parses a text. Fails if a line is not a cookie. */
export const parse = (text: string, now: number): Effect.Effect<ReadonlyArray<Stored>, CookieJarError> =>
  Effect.suspend(() => {
    const tooLarge = (description: string) => new CookieJarError({ reason: "TooLarge", description })
    if (text.length > maxLength) return tooLarge(`more than ${maxLength} characters`)
    const out: Array<Stored> = []
    const lines = text.replace(/^\ufeff/, "").split(/\r?\n/)
    for (const [index, line] of lines.entries()) {
      if (line.trim() === "" || (line.startsWith("#") && !line.startsWith(httpOnlyPrefix))) continue
      const cookie = readLine(line, now)
      if (typeof cookie === "string") {
        return new CookieJarError({ reason: "Malformed", description: `line ${index + 1}: ${cookie}` })
      }
      out.push(cookie)
      if (out.length > maxEntries) return tooLarge(`more than ${maxEntries} cookies`)
    }
    return Effect.succeed(out)
  })

const flag = (on: boolean): string => (on ? "TRUE" : "FALSE")

/** The line of a cookie, or "" if the format cannot represent the cookie. */
const renderLine = (cookie: Cookie): string => {
  const { domain, hostOnly, httpOnly, name, path, secure, value } = cookie
  if (domain === "" || name.includes("\t") || path.includes("\t")) return ""
  const expiry = cookie.expires._tag === "None" ? 0 : Math.max(1, Math.ceil(cookie.expires.value.epochMillis / 1000))
  const line = [hostOnly ? domain : `.${domain}`, flag(!hostOnly), path, flag(secure), expiry, name, value].join("\t")
  return `${httpOnly ? httpOnlyPrefix : ""}${line}\n`
}

/** Converts the cookies of a jar to text. */
export const render = (cookies: ReadonlyArray<Cookie>): string => header + cookies.map(renderLine).join("")
