/**
 * Decides which cookies a host may set (RFC 6265bis section 5.7), and which hosts get cookies that the program adds.
 */
import { isIP } from "node:net"
import type { CookieRejection } from "../../CookieJar.js"
import { hasSuffixes, isPublicSuffix } from "../http/publicSuffix.js"
import { domainMatches } from "./match.js"
import type { Stored } from "./store.js"
import type { CookieTarget } from "./target.js"

/** A cookie that a jar rejects. The name is octets. */
export interface Rejection {
  readonly name: string
  /** The Domain attribute or, without one, the host that sent the cookie. */
  readonly domain: string
  readonly reason: CookieRejection
}

/** The descriptions of rejections for errors. */
export const rejectionSentences: Readonly<Record<CookieRejection, string>> = {
  Malformed: "expected a name or a value without control characters and ;, and no = in the name",
  TooLarge: "expected at most 4096 octets of name and value",
  TooMany: "expected at most 50 cookies per response",
  Nameless: "expected a name",
  Address: "expected a host name, got an IP address: use a jar with unsafe: true",
  Domain: "expected a domain that the host belongs to",
  PublicSuffix: "expected a domain that is not a public suffix",
  Insecure: "expected https or a trustworthy origin for a Secure cookie",
  SameSite: "expected Secure with SameSite=None",
  Shadow: "expected a name without a Secure cookie in the jar",
  Prefix: "expected the attributes that the prefix of the name requires"
}

/** The hosts that receive a cookie. */
export interface CookieScope {
  readonly domain: string
  readonly hostOnly: boolean
}

const startsWithIgnoringCase = (text: string, lowerPrefix: string): boolean =>
  text.length >= lowerPrefix.length && text.slice(0, lowerPrefix.length).toLowerCase() === lowerPrefix

export const hasHostPrefix = (name: string): boolean => startsWithIgnoringCase(name, "__host-")
export const hasSecurePrefix = (name: string): boolean => startsWithIgnoringCase(name, "__secure-")

/**
 * Whether a cookie satisfies the prefix of its name, and the value of a cookie without a name does not look like a name
 * with a prefix (section 5.7, steps 20 to 22).
 */
export const keepsPrefixes = (cookie: Omit<Stored, "created" | "updated">): boolean => {
  if (cookie.name === "") return !hasHostPrefix(cookie.value) && !hasSecurePrefix(cookie.value)
  if (hasSecurePrefix(cookie.name)) return cookie.secure
  return !hasHostPrefix(cookie.name) || (cookie.secure && cookie.hostOnly && cookie.path === "/")
}

/**
 * Whether storing these Set-Cookie lines requires loading the Public Suffix List, because one has a Domain attribute.
 */
export const needsSuffixes = (lines: ReadonlyArray<string>): boolean =>
  !hasSuffixes() && lines.some((line) => /;\s*domain\s*=/i.test(line))

/** The scope of a cookie of a host, or the reason why the host may not set it (section 5.7, steps 7 to 10). */
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

/** The scope of a cookie that the program adds without a URL. */
export const scopeOfProgram = (domain: string | undefined, hostOnly: boolean): CookieScope | "Domain" => {
  if (domain === undefined || domain === "") return { domain: "", hostOnly: false }
  if (!/^[^\x00-\x20A-Z\x7f-\uffff/?#@\\]+$/.test(domain)) return "Domain"
  return { domain, hostOnly: hostOnly || isIP(domain) !== 0 || isPublicSuffix(domain) }
}

/**
 * Whether requests to a host stay on this machine, so that http is as trustworthy as https (Secure Contexts, section
 * 3.1): `localhost`, its subdomains, and loopback addresses.
 */
export const isLoopbackHost = ({ host, ip }: CookieTarget): boolean =>
  ip === 0 ? /(?:^|\.)localhost\.?$/.test(host) : host === "::1" || (ip === 4 && host.startsWith("127."))
