/** The TLS settings of an `Ssl.context`, read and validated once, with a key that is equal for equal settings. */
import { constants, createHash } from "node:crypto"
import * as tls from "node:tls"
import type * as Effect from "effect/Effect"
import { SslContextError } from "../../../Errors.js"
import type { ContextOptions, TlsVersion } from "../../../Ssl.js"
import { errorCode } from "../../errorCode.js"
import { namedHost } from "../../http/host.js"
import { type Authorities, readAuthorities, toCa } from "./authorities.js"
import { sha256Of } from "./certificate.js"
import { keyDigest, keyToPem, readCertificates, readKey, readRevocationLists } from "./pem.js"
import { type Identity, readPfx } from "./pkcs12.js"
import { tlsLibrary } from "./tlsLibrary.js"
import { strongHandshakes } from "./weakness.js"

/** The settings that a context passes to its handshakes. */
export interface HandshakeSettings {
  /** Whether to verify the chain and the name. */
  readonly verify: boolean
  /** The name for SNI and verification instead of the URL's host, in the canonical form of `namedHost`. */
  readonly serverHostname: string | undefined
  /** The protocols that the caller has set. */
  readonly alpn: ReadonlyArray<string> | undefined
  readonly onKeyLog: ((line: string) => Effect.Effect<void>) | undefined
  /** Whether the peer may renegotiate. It is verified again after each renegotiation. */
  readonly renegotiates: boolean
  /** Whether a verified chain must satisfy OpenSSL's security level 2. */
  readonly strong: boolean
  /** OpenSSL's context, which is created once per `Ssl.context`. */
  readonly secureContext: tls.SecureContext
}

/** The validated settings of a context. */
export interface TlsMaterial extends HandshakeSettings {
  /** A digest of all settings for trust and the client's identity, except `verify` and `serverHostname`. */
  readonly key: string
  /** The settings for another origin: the same trust, without the client certificate and `serverHostname`. */
  readonly forOtherOrigin: () => TlsMaterial
}

const optionError = (option: string, description: string) => new SslContextError({ option, description })

const versions: ReadonlyArray<TlsVersion> = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

const readVersions = (options: ContextOptions) => {
  const minVersion = options.minVersion ?? "TLSv1.2"
  const maxVersion = options.maxVersion ?? "TLSv1.3"
  const min = versions.indexOf(minVersion)
  const max = versions.indexOf(maxVersion)
  if (min < 0) throw optionError("minVersion", `expected one of ${versions.join(", ")}`)
  if (max < 0) throw optionError("maxVersion", `expected one of ${versions.join(", ")}`)
  if (min > max) {
    throw options.minVersion === undefined
      ? optionError("maxVersion", `expected at least the default minVersion, ${minVersion}, got ${maxVersion}`)
      : optionError("minVersion", `expected at most maxVersion, ${maxVersion}, got ${minVersion}`)
  }
  return { minVersion, maxVersion }
}

/** Whether the security level may be above 0, which excludes TLS 1.0 and 1.1. */
const isStrong = (minVersion: TlsVersion): boolean => minVersion === "TLSv1.2" || minVersion === "TLSv1.3"

/**
 * Node's ciphers at OpenSSL's security level 2, which rejects RSA keys below 2048 bits and SHA-1 signatures, like
 * Python and newer versions of Node.
 */
const defaultCiphers = (minVersion: TlsVersion): string => {
  if (!tlsLibrary().securityLevels || tls.DEFAULT_CIPHERS.includes("@SECLEVEL")) return tls.DEFAULT_CIPHERS
  return `${tls.DEFAULT_CIPHERS}:@SECLEVEL=${isStrong(minVersion) ? 2 : 0}`
}

interface Ciphers {
  readonly ciphers: string
  readonly maxVersion: TlsVersion
}

/**
 * Reads the cipher list, and rejects one that the runtime would ignore. As in Node, a list without suites of TLS 1.3
 * excludes this version. A library that always enables all of its suites needs `maxVersion` for that.
 */
const readCiphers = (ciphers: string | undefined, minVersion: TlsVersion, maxVersion: TlsVersion): Ciphers => {
  if (ciphers === undefined) return { ciphers: defaultCiphers(minVersion), maxVersion }
  const { cipherLists, tls13CipherLists } = tlsLibrary()
  if (!cipherLists) throw optionError("ciphers", "expected a runtime that applies cipher lists, such as Node or Bun")
  if (tls13CipherLists || maxVersion !== "TLSv1.3") return { ciphers, maxVersion }
  if (minVersion !== "TLSv1.3" && !/TLS_/i.test(ciphers)) return { ciphers, maxVersion: "TLSv1.2" }
  throw optionError(
    "ciphers",
    "expected no TLS 1.3, whose suites this runtime does not select; set maxVersion to TLSv1.2"
  )
}

/** Rejects renegotiation with BoringSSL and rustls, which do not let the client verify the peer again. */
const readRenegotiation = (allowed: boolean): boolean => {
  if (!allowed || tlsLibrary().securityLevels) return allowed
  throw optionError("allowRenegotiation", "expected a runtime with OpenSSL, such as Node")
}

const readCrl = (crl: NonNullable<ContextOptions["crl"]>): ReadonlyArray<string> => {
  if (tlsLibrary().cipherLists) return readRevocationLists("crl", crl)
  throw optionError("crl", "expected a runtime that applies revocation lists, such as Node or Bun")
}

const readAlpn = (protocols: ReadonlyArray<string> | undefined): ReadonlyArray<string> | undefined => {
  if (protocols === undefined) return undefined
  for (const protocol of protocols) {
    if (!/^[\x21-\x7e]{1,255}$/.test(protocol))
      throw optionError("alpn", "expected names of 1 to 255 printable ASCII characters")
  }
  return [...protocols]
}

const readName = (name: string | undefined): string | undefined => {
  if (name === undefined) return undefined
  const host = namedHost(name)
  if (typeof host !== "string") return host.name
  throw optionError("serverHostname", `expected a host name or an IP address, but ${host}`)
}

const readIdentity = (options: ContextOptions): Identity | undefined => {
  if (options.pfx !== undefined) {
    if (options.cert === undefined && options.key === undefined) return readPfx(options.pfx, options.passphrase)
    throw optionError("pfx", "expected either pfx, or cert and key")
  }
  if (options.cert === undefined && options.key === undefined) return undefined
  if (options.cert === undefined) throw optionError("cert", "expected cert together with key, got only key")
  if (options.key === undefined) throw optionError("key", "expected key together with cert, got only cert")
  const chain = readCertificates("cert", options.cert)
  const key = readKey("key", options.key, options.passphrase)
  if (chain[0]?.checkPrivateKey(key) !== true) {
    throw optionError("key", "expected the key of the first certificate in cert, got another")
  }
  return { chain, key }
}

const createSecureContext = (options: tls.SecureContextOptions): tls.SecureContext => {
  try {
    return tls.createSecureContext(options)
  } catch (error) {
    const code = errorCode(error) ?? "an unknown error"
    if (code.includes("CIPHER")) throw optionError("ciphers", "expected at least one cipher that OpenSSL supports")
    if (code.includes("CRYPTO_OPERATION") && options.crl !== undefined) {
      throw optionError("crl", "expected valid revocation lists in PEM or DER")
    }
    throw optionError("context", `expected options that OpenSSL accepts, got ${code}`)
  }
}

interface ParsedOptions {
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  readonly ciphers: string
  readonly alpn: ReadonlyArray<string> | undefined
  readonly authorities: Authorities
  readonly identity: Identity | undefined
  readonly crl: ReadonlyArray<string> | undefined
  readonly verify: boolean
  readonly serverHostname: string | undefined
  readonly renegotiates: boolean
  readonly strong: boolean
  readonly legacy: boolean
  readonly onKeyLog: ((line: string) => Effect.Effect<void>) | undefined
}

const digestOf = (parsed: ParsedOptions): string => {
  const { alpn, authorities, ciphers, crl, identity, legacy, maxVersion, minVersion, renegotiates } = parsed
  const parts = {
    minVersion,
    maxVersion,
    ciphers,
    alpn,
    bundled: authorities.bundled,
    system: authorities.system.length === 0 ? undefined : textDigest(authorities.system.join("\n")),
    renegotiates,
    legacy,
    ca: authorities.fromOption.map(sha256Of).sort(),
    cert: identity?.chain.map(sha256Of),
    key: identity === undefined ? undefined : keyDigest(identity.key),
    crl: crl?.map(textDigest).sort()
  }
  return textDigest(JSON.stringify(parts))
}

const textDigest = (text: string): string => createHash("sha256").update(text).digest("hex")

const secureContextOf = (parsed: ParsedOptions): tls.SecureContext => {
  const { authorities, ciphers, crl, identity, legacy, maxVersion, minVersion, renegotiates, strong } = parsed
  // Without `ca`, Node uses its bundled authorities and those of NODE_EXTRA_CA_CERTS.
  const ca = toCa(authorities)
  return createSecureContext({
    minVersion,
    maxVersion,
    ciphers,
    ...(strong && !tlsLibrary().securityLevels ? { sigalgs: strongHandshakes } : {}),
    // By default without renegotiation, so that a verified peer cannot change its identity or keep the CPU busy.
    secureOptions:
      (renegotiates ? 0 : constants.SSL_OP_NO_RENEGOTIATION) | (legacy ? constants.SSL_OP_LEGACY_SERVER_CONNECT : 0),
    ...(ca === undefined ? {} : { ca }),
    ...(identity === undefined ? {} : { cert: identity.chain.map(String).join("\n"), key: keyToPem(identity.key) }),
    ...(crl === undefined ? {} : { crl: [...crl] })
  })
}

const buildMaterial = (parsed: ParsedOptions): TlsMaterial => {
  const material: TlsMaterial = {
    key: digestOf(parsed),
    verify: parsed.verify,
    serverHostname: parsed.serverHostname,
    alpn: parsed.alpn,
    onKeyLog: parsed.onKeyLog,
    renegotiates: parsed.renegotiates,
    strong: parsed.strong,
    secureContext: secureContextOf(parsed),
    forOtherOrigin: () =>
      parsed.identity === undefined && parsed.serverHostname === undefined
        ? material
        : buildMaterial({ ...parsed, identity: undefined, serverHostname: undefined })
  }
  return material
}

/** Reads and validates the options of a context. Throws `SslContextError`. */
export const makeMaterial = (options: ContextOptions): TlsMaterial => {
  const { minVersion, ...versions } = readVersions(options)
  const { ciphers, maxVersion } = readCiphers(options.ciphers, minVersion, versions.maxVersion)
  return buildMaterial({
    minVersion,
    maxVersion,
    ciphers,
    alpn: readAlpn(options.alpn),
    authorities: readAuthorities(options),
    identity: readIdentity(options),
    crl: options.crl === undefined ? undefined : readCrl(options.crl),
    verify: options.verify !== false,
    serverHostname: readName(options.serverHostname),
    renegotiates: readRenegotiation(options.allowRenegotiation === true),
    strong: isStrong(minVersion),
    legacy: options.legacyServerConnect === true,
    onKeyLog: options.onKeyLog
  })
}
