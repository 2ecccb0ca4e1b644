/**
 * What Node and OpenSSL say of a TLS connection that failed, as a typed error.
 */
import * as DateTime from "effect/DateTime"
import type { Details } from "../../../Errors.js"
import { ClientConnectorSSLError } from "../../../Errors.js"
import type { Certificate } from "../../../Ssl.js"
import { tlsLibrary } from "./tlsLibrary.js"

type Reason = ClientConnectorSSLError["reason"]

/** The end of the connection that errors tell of. */
export interface TlsPeer {
  readonly host: string
  readonly port: number
  readonly details: Details
}

/** OpenSSL's words for a certificate that does not verify. Whatever else it says there is about the chain. */
const verification = new Map<string, Reason>([
  ["CERT_HAS_EXPIRED", "Expired"],
  ["CERT_NOT_YET_VALID", "NotYetValid"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "SelfSigned"],
  ["CERT_REVOKED", "Revoked"]
])

/** What OpenSSL finds in first bytes that are no TLS record. */
const notTls = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_RECORD_LAYER_FAILURE",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_HTTPS_PROXY_REQUEST",
  "ERR_SSL_UNKNOWN_PROTOCOL"
])

const stringField = (error: unknown, field: string): string | undefined => {
  if (typeof error !== "object" || error === null || !(field in error)) return undefined
  const value: unknown = Reflect.get(error, field)
  return typeof value === "string" ? value : undefined
}

/** OpenSSL's reason out of an EPROTO, which Node makes of what it meets while writing. */
const opensslReason = (message: string): string | undefined => {
  const match = /:SSL routines:[^:]*:([A-Za-z0-9 _-]+)/.exec(message)
  return match?.[1] === undefined ? undefined : `ERR_SSL_${match[1].trim().toUpperCase().replace(/[ -]/g, "_")}`
}

/** Node's code of an error, or OpenSSL's where Node says only EPROTO. A text is a code. */
const codeOf = (error: unknown): string => {
  if (typeof error === "string") return error
  const code = stringField(error, "code")
  if (code !== undefined && code !== "EPROTO") return code
  return opensslReason(stringField(error, "message") ?? "") ?? code ?? "ERR_TLS_HANDSHAKE"
}

const sslError = (
  peer: TlsPeer,
  reason: Reason,
  code: string,
  certificate: Certificate | undefined,
  cause: unknown
): ClientConnectorSSLError =>
  new ClientConnectorSSLError({
    ...peer.details,
    host: peer.host,
    port: peer.port,
    reason,
    code,
    certificate,
    ...(cause === undefined || typeof cause === "string" ? {} : { cause })
  })

/** The handshake ended, or was never one. */
export const handshakeFailed = (peer: TlsPeer, error: unknown, certificate?: Certificate): ClientConnectorSSLError => {
  const code = codeOf(error)
  return sslError(peer, notTls.has(code) ? "Protocol" : "Handshake", code, certificate, error)
}

/** Codes for a chain without a trusted issuer. rustls has no others. */
const untrusted = new Set(["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"])

/** What a certificate itself shows where the code says only that the chain is not trusted. */
const shownReason = (certificate: Certificate, now: number): Reason => {
  if (certificate.subject === certificate.issuer) return "SelfSigned"
  if (tlsLibrary().cipherLists) return "UntrustedIssuer"
  if (DateTime.toEpochMillis(certificate.validTo) < now) return "Expired"
  return DateTime.toEpochMillis(certificate.validFrom) > now ? "NotYetValid" : "UntrustedIssuer"
}

/** The handshake was fine but for the certificate. */
export const verificationFailed = (
  peer: TlsPeer,
  error: unknown,
  certificate: Certificate | undefined
): ClientConnectorSSLError => {
  const code = codeOf(error)
  const reason =
    verification.get(code) ??
    (certificate !== undefined && untrusted.has(code) ? shownReason(certificate, Date.now()) : "UntrustedIssuer")
  return sslError(peer, reason, code, certificate, error)
}

/** We end a handshake for a reason of our own. */
export const handshakeRefused = (
  peer: TlsPeer,
  code: string,
  certificate: Certificate | undefined
): ClientConnectorSSLError => sslError(peer, "Handshake", code, certificate, undefined)

/** Codes of Node's for a certificate that does not verify; those of the system look otherwise. */
const aboutCertificate = /CERT|ISSUER|CRL|SIGNATURE|^INVALID_/

/** Whether an error is about the peer's certificate; rustls reports it before the handshake is over. */
export const isVerification = (error: unknown): boolean => {
  const code = codeOf(error)
  return !code.startsWith("ERR_SSL_") && aboutCertificate.test(code)
}

/**
 * An error of a connection whose handshake was over, if it is one of TLS: under TLS 1.3 a server refuses a client's
 * certificate, or the lack of one, only after the client has finished, and after a renegotiation the server's
 * certificate may not verify. `undefined` for every other error.
 */
export const fromSocketError = (
  error: unknown,
  peer: TlsPeer,
  certificate?: Certificate
): ClientConnectorSSLError | undefined => {
  if (error instanceof ClientConnectorSSLError) return error
  const code = codeOf(error)
  if (code.startsWith("ERR_SSL_")) return sslError(peer, "Handshake", code, certificate, error)
  return isVerification(error) ? verificationFailed(peer, error, certificate) : undefined
}
