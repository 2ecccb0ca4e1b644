/**
 * Reads the certificate of a peer for errors and signals, and decides whether it matches a host (RFC 9525). Never
 * throws.
 */
import type { X509Certificate } from "node:crypto"
import { isIP, isIPv6 } from "node:net"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Certificate } from "../../../Ssl.js"
import { isRegistrySuffix } from "../../http/publicSuffix.js"
import { alternativeNames } from "./alternativeNames.js"

/** Most names in errors and signals. Matching uses all names. */
const maxNames = 1000

/** Most characters of a subject or an issuer in errors and signals. */
const maxDistinguishedName = 1024

/**
 * A DNS name for errors and signals. Escapes characters that host names do not have, because they may mislead a reader.
 */
const shownName = (name: string): string =>
  name.replace(/[^\x20-\x7e]|[",\\]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

const namesOf = (certificate: X509Certificate): ReadonlyArray<string> =>
  alternativeNames(certificate)
    .slice(0, maxNames)
    .map(({ type, value }) => (type === "ip" ? (canonicalIp(value) ?? value) : shownName(value)))

/** The canonical form of an address, so that addresses can be compared as text. */
const canonicalIp = (address: string): string | undefined => {
  if (isIP(address) === 0) return undefined
  if (!isIPv6(address)) return address
  return URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : undefined
}

const withoutDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

/**
 * Matches a name of a certificate. A wildcard must be the whole left-most label and matches exactly one label (RFC
 * 9525, section 6.3). As in browsers, it never matches the names that a registry assigns: "*.test" and "*.co.uk" match
 * no host.
 */
const matchesName = (pattern: string, host: string): boolean => {
  if (!pattern.includes("*")) return pattern === host
  const parent = pattern.slice(2)
  if (!pattern.startsWith("*.") || parent.includes("*")) return false
  const dot = host.indexOf(".")
  return dot > 0 && host.slice(dot + 1) === parent && !isRegistrySuffix(parent)
}

/**
 * Whether the SAN of a certificate contains the host: an address as an IP address, a name as a DNS name. The CN of the
 * subject is ignored.
 */
export const namesHost = (certificate: X509Certificate, host: string): boolean => {
  const names = alternativeNames(certificate)
  if (isIP(host) !== 0) {
    const address = canonicalIp(host)
    return address !== undefined && names.some(({ type, value }) => type === "ip" && canonicalIp(value) === address)
  }
  const hostname = withoutDot(host.toLowerCase())
  if (hostname === "" || hostname.includes("*")) return false
  return names.some(({ type, value }) => type === "dns" && matchesName(withoutDot(value.toLowerCase()), hostname))
}

const dateOf = (text: string): DateTime.Utc =>
  Option.getOrElse(DateTime.make(Date.parse(text)), () => DateTime.unsafeMake(0))

// Node prints one attribute per line. Replaces other unprintable characters by "?".
const nameOf = (text: string | undefined): string =>
  (text ?? "")
    .slice(0, maxDistinguishedName)
    .replaceAll("\n", ", ")
    .replace(/[^\x20-\x7e\xa0-\uffff]/g, "?")

/** The SHA-256 digest of the DER form: 64 lower-case hex digits. */
export const sha256Of = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(":", "").toLowerCase()

/** Converts a certificate to the form shown in errors, signals and responses. */
export const fromX509 = (certificate: X509Certificate): Certificate => ({
  subject: nameOf(certificate.subject),
  issuer: nameOf(certificate.issuer),
  names: namesOf(certificate),
  validFrom: dateOf(certificate.validFrom),
  validTo: dateOf(certificate.validTo),
  sha256: sha256Of(certificate)
})
