/** Converts errors of Node and OpenSSL about TLS connections to typed errors. */
import * as DateTime from "effect/DateTime"
import type { Details } from "../../../Errors.js"
import { ClientConnectorSSLError } from "../../../Errors.js"
import type { Certificate } from "../../../Ssl.js"
import { tlsLibrary } from "./tlsLibrary.js"

type Reason = ClientConnectorSSLError["reason"]

/** The peer of the connection, for errors. */
export interface TlsPeer {
  readonly host: string
  readonly port: number
  readonly details: Details
}

/** The reasons for verification codes of OpenSSL. All other codes concern the chain. */
const verificationReasons = new Map<string, Reason>([
  ["CERT_HAS_EXPIRED", "Expired"],
  ["CERT_NOT_YET_VALID", "NotYetValid"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "SelfSigned"],
  ["CERT_REVOKED", "Revoked"]
])

/** A code of this package: the peer sent bytes before the handshake, which a TLS server never does. */
export const unsolicitedBytes = "ERR_TLS_UNSOLICITED_BYTES"

/** Codes for first bytes that are not a TLS record, most of them of OpenSSL. */
const notTls = new Set([
  unsolicitedBytes,
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_RECORD_LAYER_FAILURE",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_HTTPS_PROXY_REQUEST",
  "ERR_SSL_UNKNOWN_PROTOCOL"
])

/** A code of this package: the peer selected a protocol that the client did not offer, or not the required one. */
export const badProtocol = "ERR_TLS_ALPN_PROTOCOL"

/** Codes for handshakes without a protocol that both sides speak; the first is OpenSSL's, for the alert of a server. */
const noProtocol = new Set([
  "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
  badProtocol,
  "ERR_HTTP2_INADEQUATE_SECURITY"
])

const stringField = (error: unknown, field: string): string | undefined => {
  if (typeof error !== "object" || error === null || !(field in error)) return undefined
  const value: unknown = Reflect.get(error, field)
  return typeof value === "string" ? value : undefined
}

/** The code of OpenSSL's reason in the message of an EPROTO error, which Node throws for TLS errors during a write. */
const opensslReason = (message: string): string | undefined => {
  const match = /:SSL routines:[^:]*:([A-Za-z0-9 _-]+)/.exec(message)
  return match?.[1] === undefined ? undefined : `ERR_SSL_${match[1].trim().toUpperCase().replace(/[ -]/g, "_")}`
}

/** OpenSSL's function that parses the ALPN extension of a server, and BoringSSL's code for a protocol not offered. */
const refusedProtocol = /\btls_parse_stoc_alpn\b|\bINVALID_ALPN_PROTOCOL\b/

/** The code of an error; for EPROTO, OpenSSL's reason if it is known. A string is a code itself. */
const codeOf = (error: unknown): string => {
  if (typeof error === "string") return error
  const code = stringField(error, "code")
  const message = stringField(error, "message") ?? ""
  if (refusedProtocol.test(message)) return badProtocol
  if (code !== undefined && code !== "EPROTO") return code
  return opensslReason(message) ?? code ?? "ERR_TLS_HANDSHAKE"
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

/** The error for a handshake that failed, or for a peer that does not speak TLS. */
export const handshakeFailed = (peer: TlsPeer, error: unknown, certificate?: Certificate): ClientConnectorSSLError => {
  const code = codeOf(error)
  const reason = notTls.has(code) || noProtocol.has(code) ? "Protocol" : "Handshake"
  return sslError(peer, reason, code, certificate, error)
}

/** Codes for a chain without a trusted issuer. rustls reports no others. */
const untrusted = new Set(["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"])

/** The reason that the certificate itself shows, if the code reports only that the chain is not trusted. */
const shownReason = (certificate: Certificate, now: number): Reason => {
  if (certificate.subject === certificate.issuer) return "SelfSigned"
  if (tlsLibrary().cipherLists) return "UntrustedIssuer"
  if (DateTime.toEpochMillis(certificate.validTo) < now) return "Expired"
  return DateTime.toEpochMillis(certificate.validFrom) > now ? "NotYetValid" : "UntrustedIssuer"
}

/** The error for a certificate that could not be verified. */
export const verificationFailed = (
  peer: TlsPeer,
  error: unknown,
  certificate: Certificate | undefined
): ClientConnectorSSLError => {
  const code = codeOf(error)
  const reason =
    verificationReasons.get(code) ??
    (certificate !== undefined && untrusted.has(code) ? shownReason(certificate, Date.now()) : "UntrustedIssuer")
  return sslError(peer, reason, code, certificate, error)
}

/** The error for a peer that the client rejects for another reason than its certificate. */
export const handshakeRejected = (
  peer: TlsPeer,
  code: string,
  certificate: Certificate | undefined
): ClientConnectorSSLError =>
  sslError(peer, noProtocol.has(code) ? "Protocol" : "Handshake", code, certificate, undefined)

/** Matches Node's codes for failed verification; codes of the system do not match. */
const aboutCertificate = /CERT|ISSUER|CRL|SIGNATURE|^INVALID_/

/** Whether an error concerns the certificate of the peer. rustls reports such errors during the handshake. */
export const isVerification = (error: unknown): boolean => {
  const code = codeOf(error)
  return !code.startsWith("ERR_SSL_") && aboutCertificate.test(code)
}

/**
 * Converts a TLS error after the handshake; `undefined` for other errors. With TLS 1.3, a server rejects a client
 * certificate, or its absence, after the client has completed the handshake. After a renegotiation, the certificate of
 * the server may fail verification.
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
