/**
 * The rules of OpenSSL's security level 2 for certificates (RSA keys of 2048 bits or more, no SHA-1 and MD5
 * signatures), for TLS libraries without security levels.
 */
import type { X509Certificate } from "node:crypto"
import { childrenOf, type Der, elementsOf, oidOf, tags } from "./der.js"

const minRsaBits = 2048

/** Signature algorithms with a digest of 224 bits or more. */
const strongSignatures = new Set([
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.113549.1.1.14",
  "1.2.840.10045.4.3.1",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.3.101.112",
  "1.3.101.113"
])

/** RSASSA-PSS, which names its digest in its parameters; the default is SHA-1 (RFC 4055, section 3.1). */
const rsaPss = "1.2.840.113549.1.1.10"

/** SHA-256, SHA-384, SHA-512 and SHA-224. */
const strongDigest = /^2\.16\.840\.1\.101\.3\.4\.2\.[1-4]$/

const strongPss = (parameters: Der | undefined): boolean => {
  const digest = childrenOf(parameters).find(({ tag }) => tag === tags.first)
  if (digest === undefined) return false
  return strongDigest.test(oidOf(childrenOf(elementsOf(digest.content)[0])[0]))
}

const hasStrongSignature = (certificate: X509Certificate): boolean => {
  try {
    const [algorithm, parameters] = childrenOf(childrenOf(elementsOf(certificate.raw)[0])[1])
    const oid = oidOf(algorithm)
    return oid === rsaPss ? strongPss(parameters) : strongSignatures.has(oid)
  } catch {
    return false
  }
}

/** Whether the public key is an elliptic curve's, or RSA of at least 2048 bits. */
export const hasStrongKey = ({ publicKey }: X509Certificate): boolean => {
  const { asymmetricKeyDetails: details, asymmetricKeyType: type } = publicKey
  if (type === "rsa" || type === "rsa-pss") return (details?.modulusLength ?? 0) >= minRsaBits
  return type === "ec" || type === "ed25519" || type === "ed448"
}

/** Certificates of the longest chain that is checked. A chain of a public authority has three or four. */
const maxChain = 16

/**
 * Why a verified chain is too weak, as a code of OpenSSL; `undefined` if it is not. The signature of a last certificate
 * that signed itself does not count, because the list of authorities makes it trusted.
 */
export const weakness = (leaf: X509Certificate): string | undefined => {
  let certificate: X509Certificate | undefined = leaf
  for (let length = 0; certificate !== undefined; length++) {
    if (length === maxChain) return "CERT_CHAIN_TOO_LONG"
    if (!hasStrongKey(certificate)) return length === 0 ? "EE_KEY_TOO_SMALL" : "CA_KEY_TOO_SMALL"
    if (length > 0 && certificate.subject === certificate.issuer) return undefined
    if (!hasStrongSignature(certificate)) return "CA_MD_TOO_WEAK"
    const issuer: X509Certificate | undefined = certificate.issuerCertificate
    // Proves that the issuer belongs to the verified chain, because another certificate may have the same subject.
    if (issuer !== undefined && !certificate.verify(issuer.publicKey)) return "CERT_SIGNATURE_FAILURE"
    certificate = issuer
  }
  return undefined
}

/** Signatures of handshakes under TLS 1.2 and later at security level 2, for the option `sigalgs`. */
export const strongHandshakes = [
  "ecdsa_secp256r1_sha256",
  "ecdsa_secp384r1_sha384",
  "ecdsa_secp521r1_sha512",
  "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384",
  "rsa_pss_rsae_sha512",
  "rsa_pkcs1_sha256",
  "rsa_pkcs1_sha384",
  "rsa_pkcs1_sha512"
].join(":")
