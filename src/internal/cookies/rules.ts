/**
 * Who may set which cookie: RFC 6265bis section 5.7, and the scope of cookies that a program sets itself.
 */
import { isIP } from "node:net"
import type { CookieRejection } from "../../CookieJar.js"
import { isPublicSuffix } from "../http/publicSuffix.js"
import { domainMatches } from "./match.js"
import type { Stored } from "./store.js"
import type { CookieTarget } from "./target.js"

/** A cookie that a jar does not take; its name is octets. */
export interface Rejection {
  readonly name: string
  /** The domain that it asked for, or the host that sent it. */
  readonly domain: string
  readonly reason: CookieRejection
}

/** What a rejected cookie lacks. */
export const rejectionSentences: Readonly<Record<CookieRejection, string>> = {
  Malformed: "expected a name and a value that end neither the header nor the cookie",
  TooLarge: "expected at most 4096 octets of name and value",
  TooMany: "expected at most 50 cookies of a response",
  Nameless: "expected a name",
  Address: "expected a host name, got an IP address: use a jar with unsafe: true",
  Domain: "expected a domain that the host belongs to",
  PublicSuffix: "expected a domain that is not a public suffix",
  Insecure: "expected https or a trustworthy origin for a Secure cookie",
  SameSite: "expected Secure with SameSite=None",
  Shadow: "expected a name that no Secure cookie of the jar has",
  Prefix: "expected the attributes that the name's prefix promises"
}

/** The hosts that a cookie is for. */
export interface CookieScope {
  readonly domain: string
  readonly hostOnly: boolean
}

const startsWithIgnoringCase = (text: string, lowerPrefix: string): boolean =>
  text.length >= lowerPrefix.length && text.slice(0, lowerPrefix.length).toLowerCase() === lowerPrefix

export const hasHostPrefix = (name: string): boolean => startsWithIgnoringCase(name, "__host-")
export const hasSecurePrefix = (name: string): boolean => startsWithIgnoringCase(name, "__secure-")

/** Section 5.7, steps 20 to 22: what a name promises must hold, and a value must not look like such a name. */
export const keepsPrefixes = (cookie: Omit<Stored, "created" | "updated">): boolean => {
  if (cookie.name === "") return !hasHostPrefix(cookie.value) && !hasSecurePrefix(cookie.value)
  if (hasSecurePrefix(cookie.name)) return cookie.secure
  return !hasHostPrefix(cookie.name) || (cookie.secure && cookie.hostOnly && cookie.path === "/")
}

/** Section 5.7, steps 7 to 10: the scope of a host's cookie, or why the cookie is not the host's to set. */
export const resolveScope = (
  attribute: string | undefined,
  target: CookieTarget
): CookieScope | "Domain" | "PublicSuffix" => {
  if (attribute === undefined || attribute === "") return { domain: target.host, hostOnly: true }
  if (target.ip !== 0) {
    return attribute === target.host || attribute === `[${target.host}]`
      ? { domain: target.host, hostOnly: true }
      : "Domain"
  }
  if (/[^\x00-\x7f]/.test(attribute) || !domainMatches(target.host, attribute)) return "Domain"
  if (!isPublicSuffix(attribute)) return { domain: attribute, hostOnly: false }
  return attribute === target.host ? { domain: target.host, hostOnly: true } : "PublicSuffix"
}

/** The scope of a program's own cookie that is set without a URL. */
export const ownScope = (domain: string | undefined, hostOnly: boolean): CookieScope | "Domain" => {
  if (domain === undefined || domain === "") return { domain: "", hostOnly: false }
  if (!/^[^\x00-\x20A-Z\x7f-\uffff/?#@\\]+$/.test(domain)) return "Domain"
  return { domain, hostOnly: hostOnly || isIP(domain) !== 0 || isPublicSuffix(domain) }
}

/**
 * Whether a host's requests stay on this machine, so that http to it is as trustworthy as https (Secure Contexts,
 * section 3.1): `localhost`, names below it, and loopback addresses.
 */
export const isLoopbackHost = ({ host, ip }: CookieTarget): boolean =>
  ip === 0 ? /(?:^|\.)localhost\.?$/.test(host) : host === "::1" || (ip === 4 && host.startsWith("127."))
