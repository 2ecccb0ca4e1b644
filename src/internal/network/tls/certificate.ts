/**
 * Reads a peer's certificate for errors and signals, and decides whether it names a host (RFC 9525). Does not throw,
 * whatever the certificate contains.
 */
import type { X509Certificate } from "node:crypto"
import { isIP, isIPv6 } from "node:net"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Certificate } from "../../../Ssl.js"
import { isRegistrySuffix } from "../../http/publicSuffix.js"

/** The most names shown in errors and signals. Matching considers all names. */
const maxNames = 1000

/** The most characters shown of a subject or an issuer. */
const maxDistinguishedName = 1024

interface AlternativeName {
  readonly type: "DNS" | "IP Address"
  readonly value: string
  /** Whether Node printed it in quotes, because it contains characters that host names do not have. */
  readonly quoted: boolean
}

/** Calls `visit` for each DNS name and address of a SAN in Node's text form, until it returns `true`. */
const visitNames = (text: string | undefined, visit: (name: AlternativeName) => boolean): boolean => {
  if (text === undefined) return false
  // Node prints an entry as "DNS:name", or as 'DNS:"name"' with JSON escapes if the name contains unusual characters, such
  // as a comma.
  const entry = /(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy
  for (let match = entry.exec(text); match !== null; match = entry.exec(text)) {
    const type = match[1]
    const raw = match[2] ?? ""
    if (type !== "DNS" && type !== "IP Address") continue
    const quoted = raw.startsWith('"')
    if (visit({ type, value: quoted ? raw.slice(1, -1) : raw, quoted })) return true
  }
  return false
}

const namesOf = (text: string | undefined): ReadonlyArray<string> => {
  const names: Array<string> = []
  visitNames(text, (name) => {
    names.push(name.type === "IP Address" ? (canonicalIp(name.value) ?? name.value) : name.value)
    return names.length === maxNames
  })
  return names
}

/** The canonical form of an address, so that addresses can be compared as text. */
const canonicalIp = (address: string): string | undefined => {
  if (isIP(address) === 0) return undefined
  if (!isIPv6(address)) return address
  return URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : undefined
}

const withoutDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

/**
 * Matches a name of a certificate. A wildcard must be the whole left-most label and matches exactly one label (RFC 9525,
 * section 6.3). As in browsers it never covers a public suffix: "*.test" and "*.co.uk" match no host.
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
  if (isIP(host) !== 0) {
    const address = canonicalIp(host)
    return visitNames(
      certificate.subjectAltName,
      (name) => name.type === "IP Address" && address !== undefined && canonicalIp(name.value) === address
    )
  }
  const hostname = withoutDot(host.toLowerCase())
  return (
    hostname !== "" &&
    !hostname.includes("*") &&
    visitNames(
      certificate.subjectAltName,
      (name) => name.type === "DNS" && !name.quoted && matchesName(withoutDot(name.value.toLowerCase()), hostname)
    )
  )
}

const dateOf = (text: string): DateTime.Utc =>
  Option.getOrElse(DateTime.make(Date.parse(text)), () => DateTime.unsafeMake(0))

// Node prints one attribute per line; other unprintable characters become "?".
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
  names: namesOf(certificate.subjectAltName),
  validFrom: dateOf(certificate.validFrom),
  validTo: dateOf(certificate.validTo),
  sha256: sha256Of(certificate)
})
