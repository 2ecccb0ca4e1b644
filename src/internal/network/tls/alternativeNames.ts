/**
 * Reads the subject alternative names (SAN) of a certificate from its DER form (RFC 5280, section 4.2.1.6). The text
 * form is ambiguous on Deno, which does not quote a name that contains ", DNS:". Does not throw.
 */
import type { X509Certificate } from "node:crypto"
import { childrenOf, contentOf, type Der, DerError, elementsOf, oidOf, tags } from "./der.js"

export interface AlternativeName {
  readonly type: "dns" | "ip"
  /** Latin-1 text. An address of four or sixteen bytes is in its usual form, IPv6 without abbreviation. */
  readonly value: string
}

/** Explicitly tagged extensions of a certificate. */
const extensionsTag = 0xa3

const sanOid = "2.5.29.17"

const dnsTag = 0x82
const ipTag = 0x87

const addressOf = (bytes: Buffer): string | undefined => {
  if (bytes.length === 4) return bytes.join(".")
  if (bytes.length !== 16) return undefined
  return Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(":")
}

const nameOf = ({ content, tag }: Der): AlternativeName | undefined => {
  if (tag === dnsTag) return { type: "dns", value: content.toString("latin1") }
  const value = tag === ipTag ? addressOf(content) : undefined
  return value === undefined ? undefined : { type: "ip", value }
}

const readNames = (der: Buffer): ReadonlyArray<AlternativeName> => {
  const fields = childrenOf(childrenOf(elementsOf(der)[0])[0])
  const extensions = fields.find(({ tag }) => tag === extensionsTag)
  if (extensions === undefined) return []
  const found = childrenOf(elementsOf(extensions.content)[0]).filter(
    (extension) => oidOf(childrenOf(extension)[0]) === sanOid
  )
  if (found.length > 1) throw new DerError("expected one extension with alternative names")
  if (found[0] === undefined) return []
  const value = childrenOf(found[0]).at(-1)
  return childrenOf(elementsOf(contentOf(value, tags.octets))[0]).flatMap((element) => nameOf(element) ?? [])
}

/** The DNS names and addresses of the SAN. Empty if it is malformed, so that the certificate matches no host. */
export const alternativeNames = (certificate: X509Certificate): ReadonlyArray<AlternativeName> => {
  try {
    return readNames(certificate.raw)
  } catch {
    return []
  }
}
