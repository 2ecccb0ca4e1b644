/**
 * What a peer's certificate says, and whether it names a host (RFC 9525). Nothing a peer puts there makes it throw.
 */
import type { X509Certificate } from "node:crypto"
import { isIP, isIPv6 } from "node:net"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Certificate } from "../../../Ssl.js"
import { isRegistrySuffix } from "../../http/publicSuffix.js"

/** Names kept for errors and signals; all are looked at for a match. */
const maxNames = 1000

/** Characters kept of a subject or an issuer. */
const maxDistinguishedName = 1024

interface AlternativeName {
  readonly type: "DNS" | "IP Address"
  readonly value: string
  /** Whether Node had to quote it, so that it holds what no host name has. */
  readonly quoted: boolean
}

/** Calls `visit` for each DNS name and address of a SAN as Node prints it, until it returns `true`. */
const visitNames = (text: string | undefined, visit: (name: AlternativeName) => boolean): boolean => {
  if (text === undefined) return false
  // Node prints an entry as "DNS:name", or as 'DNS:"name"' with JSON's escapes where the name holds anything unusual,
  // a comma included.
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

/** One spelling for each address, so that addresses can be compared as text. */
const canonicalIp = (address: string): string | undefined => {
  if (isIP(address) === 0) return undefined
  if (!isIPv6(address)) return address
  return URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : undefined
}

const withoutDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name)

/**
 * A wildcard is the whole left-most label and stands for exactly one label (RFC 9525, section 6.3). As browsers have it,
 * it does not stand for all that a registry hands out: neither "*.test" nor "*.co.uk" matches.
 */
const matchesName = (pattern: string, host: string): boolean => {
  if (!pattern.includes("*")) return pattern === host
  const parent = pattern.slice(2)
  if (!pattern.startsWith("*.") || parent.includes("*")) return false
  const dot = host.indexOf(".")
  return dot > 0 && host.slice(dot + 1) === parent && !isRegistrySuffix(parent)
}

/**
 * Whether the SAN of a certificate has the host: an address has to be there as an address, a name as a DNS name. The
 * subject's CN is not looked at.
 */
export const namesHost = (certificate: X509Certificate, host: string): boolean => {
  if (isIP(host) !== 0) {
    const address = canonicalIp(host)
    return visitNames(
      certificate.subjectAltName,
      (name) => name.type === "IP Address" && address !== undefined && canonicalIp(name.value) === address
    )
  }
  const wanted = withoutDot(host.toLowerCase())
  return (
    wanted !== "" &&
    !wanted.includes("*") &&
    visitNames(
      certificate.subjectAltName,
      (name) => name.type === "DNS" && !name.quoted && matchesName(withoutDot(name.value.toLowerCase()), wanted)
    )
  )
}

const dateOf = (text: string): DateTime.Utc =>
  Option.getOrElse(DateTime.make(Date.parse(text)), () => DateTime.unsafeMake(0))

// Node prints one attribute a line and escapes what is unusual in it.
const nameOf = (text: string | undefined): string =>
  (text ?? "")
    .slice(0, maxDistinguishedName)
    .replaceAll("\n", ", ")
    .replace(/[^\x20-\x7e\xa0-\uffff]/g, "?")

/** SHA-256 of the DER form, 64 lower-case hex digits. */
export const sha256Of = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(":", "").toLowerCase()

/** A peer's certificate as errors, signals and responses show it. */
export const fromX509 = (certificate: X509Certificate): Certificate => ({
  subject: nameOf(certificate.subject),
  issuer: nameOf(certificate.issuer),
  names: namesOf(certificate.subjectAltName),
  validFrom: dateOf(certificate.validFrom),
  validTo: dateOf(certificate.validTo),
  sha256: sha256Of(certificate)
})
