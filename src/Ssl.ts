/**
 * TLS settings, and the results of handshakes.
 *
 * By default the client verifies every connection to a server or a proxy, regardless of NODE_TLS_REJECT_UNAUTHORIZED:
 * the certificate against Node's bundled authorities, and the host against the subject alternative names of the
 * certificate (RFC 9525; the CN is ignored). Without custom authorities, NODE_EXTRA_CA_CERTS adds authorities, and
 * `--use-openssl-ca` replaces Node's authorities by those of the system, as everywhere in Node.
 *
 * The client rejects renegotiation on a connection (TLS 1.2 and earlier), unless the context has `allowRenegotiation`.
 * If a server ends a handshake that tries to resume a TLS session, the client connects once more with a full handshake.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { SslContextError } from "./Errors.js"
import { reasonOf } from "./internal/effect/fileErrors.js"
import * as material from "./internal/network/tls/tlsMaterial.js"
import * as settings from "./internal/network/tls/tlsSettings.js"

/**
 * The value of the option `ssl`, on a connector or a request:
 *
 * - `true`: the certificate and the name are verified. On a request, `true` means the setting of the connector.
 * - `false`: neither the certificate nor the name is verified. Other falsy values do not turn verification off:
 *   `undefined`, `null`, `0` and `""` verify.
 * - a context: custom authorities, a client certificate, TLS versions and more.
 * - a fingerprint: only the certificate with this fingerprint is accepted.
 *
 * A value of a request other than `true` replaces the connector's setting with its client certificate. Only the
 * connector's fingerprint still applies, in addition to one of the request. Requests share connections only if their
 * settings are equal.
 *
 * aiohttp: `ssl=`.
 *
 * @since 0.1.0
 * @category models
 */
export type Ssl = boolean | SslContext | Fingerprint

/**
 * Marks a context.
 *
 * @since 0.1.0
 * @category type ids
 */
export const SslContextTypeId: SslContextTypeId = settings.SslContextTypeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type SslContextTypeId = "~effect-http-session/Ssl/SslContext"

/**
 * TLS settings, which are read and validated once (aiohttp: `ssl.SSLContext`). Printing a context does not reveal its
 * content. Contexts from equal values share connections.
 *
 * @since 0.1.0
 * @category models
 */
export interface SslContext {
  readonly [SslContextTypeId]: SslContextTypeId
}

/**
 * Marks a pin.
 *
 * @since 0.1.0
 * @category type ids
 */
export const FingerprintTypeId: FingerprintTypeId = settings.FingerprintTypeId

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category type ids
 */
export type FingerprintTypeId = "~effect-http-session/Ssl/Fingerprint"

/**
 * The SHA-256 of the only acceptable certificate, over its DER form (aiohttp: `Fingerprint`). The client compares it on
 * every connection before it sends any byte of a request, and does not resume TLS sessions.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fingerprint {
  readonly [FingerprintTypeId]: FingerprintTypeId
  /** The digest: 64 lower-case hex digits. */
  readonly sha256: string
  /** Whether the authority and the name are verified too. */
  readonly verify: boolean
}

/**
 * PEM text, or PEM or DER bytes. Text around PEM blocks and blocks of other kinds are ignored, so that one file can
 * provide both the certificate and the key.
 *
 * @since 0.1.0
 * @category models
 */
export type Pem = string | Uint8Array | Redacted.Redacted

/**
 * The content of a PKCS #12 file (.pfx, .p12): bytes, `Redacted` bytes, or `Redacted` text in base64.
 *
 * @since 0.1.0
 * @category models
 */
export type Pfx = Uint8Array | Redacted.Redacted<Uint8Array | string>

/**
 * A TLS version in Node's notation.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/**
 * The options that contexts from values and from files share.
 *
 * @since 0.1.0
 * @category models
 */
export interface BaseOptions {
  /** The passphrase of the key, or of `pfx`. */
  readonly passphrase?: string | Redacted.Redacted | undefined
  /**
   * The lowest TLS version to accept. Default "TLSv1.2". With a lower version, OpenSSL also accepts weak keys and
   * digests, which such versions require.
   */
  readonly minVersion?: TlsVersion | undefined
  /** The highest TLS version to accept. Default "TLSv1.3". */
  readonly maxVersion?: TlsVersion | undefined
  /**
   * The cipher list in OpenSSL's format. Default: that of Node, at security level 2 like Python's (no RSA keys under
   * 2048 bits, no SHA-1 signatures). Where the TLS library has no security levels (Bun, Deno), this package rejects the
   * same certificates. Fails with `SslContextError` where the library ignores the list: always on Deno, and for TLS 1.3
   * on Bun.
   */
  readonly ciphers?: string | undefined
  /**
   * The protocols to offer by ALPN (RFC 7301). Default ["h2", "http/1.1"]; an empty list offers none. "h2" is offered
   * only for requests that may use HTTP/2.
   */
  readonly alpn?: ReadonlyArray<string> | undefined
  /**
   * The name to send and verify instead of the host of the URL: a host name or an IP address. The option
   * `serverHostname` of a request takes precedence. An invalid name fails with `SslContextError`.
   */
  readonly serverHostname?: string | undefined
  /** Whether to verify the certificate and the name. Default `true`; only `false` turns verification off. */
  readonly verify?: boolean | undefined
  /**
   * Whether to trust Node's bundled authorities, including those of NODE_EXTRA_CA_CERTS, in addition to `ca`. Default
   * `true` without `ca`, else `false`.
   */
  readonly bundledCa?: boolean | undefined
  /**
   * Whether to trust the operating system's authorities too (`tls.getCACertificates("system")`). Requires Node 22.15 or
   * 23.10; older versions fail with `SslContextError`. Default `false`.
   */
  readonly systemCa?: boolean | undefined
  /**
   * Whether the server may request another handshake on a connection, to ask for a client certificate on some paths
   * only (TLS 1.2 and earlier; TLS 1.3 has no renegotiation). Allows at most three per connection, and verifies the
   * server again after each. Data sent before a renegotiation went to the server with the earlier certificate, and each
   * handshake takes time. Fails with `SslContextError` on Bun and Deno. Default `false`.
   */
  readonly allowRenegotiation?: boolean | undefined
  /**
   * Whether to connect to servers without secure renegotiation (RFC 5746), which OpenSSL 3 rejects. On such a
   * connection an attacker in between can insert bytes before the first request, and neither side notices. Default
   * `false`.
   */
  readonly legacyServerConnect?: boolean | undefined
  /** Receives NSS key log lines, for example for Wireshark. With these lines anyone can decrypt the connection. */
  readonly onKeyLog?: ((line: string) => Effect.Effect<void>) | undefined
}

/**
 * Options of a context from values, for example from Config.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContextOptions extends BaseOptions {
  /** Certificates of the authorities to trust, instead of Node's bundled ones. */
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** The client's certificate, followed by its intermediates. Requires `key`. */
  readonly cert?: Pem | undefined
  /** The private key of `cert`, in PKCS #8, PKCS #1 or SEC 1. */
  readonly key?: Pem | undefined
  /**
   * The client's certificate, its intermediates and its key as PKCS #12, instead of `cert` and `key`. It may be
   * encrypted with AES or triple DES, but not with RC2, which OpenSSL 3 does not support. Authorities in the file are
   * not trusted.
   */
  readonly pfx?: Pfx | undefined
  /**
   * Certificate revocation lists. If there is one, OpenSSL requires a list of every authority in a chain. Fails with
   * `SslContextError` on Deno, which ignores the lists.
   */
  readonly crl?: Pem | ReadonlyArray<Pem> | undefined
}

/**
 * Options of a context from files. Each file is read once.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions extends BaseOptions {
  readonly caFile?: string | ReadonlyArray<string> | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** A PKCS #12 file, instead of `certFile` and `keyFile`. */
  readonly pfxFile?: string | undefined
  readonly crlFile?: string | ReadonlyArray<string> | undefined
}

const make = (
  options: ContextOptions,
  optionName: (option: string) => string = (option) => option
): Effect.Effect<SslContext, SslContextError> =>
  Effect.try({
    try: () => settings.makeContext(material.makeMaterial(options)),
    catch: (error) =>
      error instanceof SslContextError
        ? new SslContextError({ option: optionName(error.option), description: error.description })
        : new SslContextError({ option: "context", description: "cannot be used" })
  })

/**
 * Creates a context from values. An invalid value fails here, and not in the first request, with `SslContextError`,
 * which contains the name of the option but not its value.
 *
 * aiohttp: an `ssl.SSLContext`.
 *
 * ```ts
 * import { Config, Effect } from "effect"
 * import { Ssl } from "effect-http-session"
 *
 * const program = Effect.gen(function* () {
 *   const key = yield* Config.redacted("DEVICE_KEY")
 *   const cert = yield* Config.string("DEVICE_CERTIFICATE")
 *   return yield* Ssl.context({ cert, key, minVersion: "TLSv1.3" })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const context = (options?: ContextOptions): Effect.Effect<SslContext, SslContextError> =>
  Effect.suspend(() => make(options ?? {}))

const fileOptionOf = new Map([
  ["ca", "caFile"],
  ["cert", "certFile"],
  ["key", "keyFile"],
  ["pfx", "pfxFile"],
  ["crl", "crlFile"]
])

const isPath = (paths: string | ReadonlyArray<string>): paths is string => typeof paths === "string"

/**
 * Creates a context from files, which it reads when the effect runs. Fails with `SslContextError` if a file cannot be
 * read or used.
 *
 * aiohttp: `ssl.create_default_context(cafile=...)`, `load_cert_chain`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ClientResponse, Session, Ssl } from "effect-http-session"
 *
 * const program = Effect.gen(function* () {
 *   const ssl = yield* Ssl.contextFromFiles({ caFile: "ca-bundle.crt" })
 *   return yield* Session.get("https://example.com", { ssl }).pipe(ClientResponse.text)
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const contextFromFiles = (
  options: FileOptions
): Effect.Effect<SslContext, SslContextError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const read = (option: string, path: string) =>
      Effect.mapError(
        fs.readFile(path),
        (error) => new SslContextError({ option, description: `"${path}" cannot be read: ${reasonOf(error)}` })
      )
    const readAll = (option: string, paths: string | ReadonlyArray<string>) =>
      Effect.forEach(isPath(paths) ? [paths] : paths, (path) => read(option, path))
    const { caFile, certFile, crlFile, keyFile, pfxFile, ...base } = options
    const ca = caFile === undefined ? undefined : yield* readAll("caFile", caFile)
    const crl = crlFile === undefined ? undefined : yield* readAll("crlFile", crlFile)
    const cert = certFile === undefined ? undefined : yield* read("certFile", certFile)
    const key = keyFile === undefined ? undefined : yield* read("keyFile", keyFile)
    const pfx = pfxFile === undefined ? undefined : yield* read("pfxFile", pfxFile)
    return yield* make({ ...base, ca, crl, cert, key, pfx }, (option) => fileOptionOf.get(option) ?? option)
  })

const plainHex = /^[0-9a-f]{64}$/
const colonHex = /^[0-9a-f]{2}(:[0-9a-f]{2}){31}$/

const toHex = (sha256: string | Uint8Array): string => {
  if (typeof sha256 !== "string") return Buffer.from(sha256).toString("hex")
  const text = sha256.toLowerCase()
  return colonHex.test(text) ? text.replaceAll(":", "") : text
}

/**
 * Creates a fingerprint from 32 bytes, or from 64 hexadecimal digits with or without colons, as `openssl x509
 * -fingerprint -sha256` prints them. Throws a `TypeError` for anything else, because a fingerprint is usually a
 * literal; for a value from Config, `Config.mapAttempt` turns the exception into a `ConfigError`.
 *
 * A fingerprint alone turns the checks of authority and name off, as in aiohttp; `verify: true` keeps them. `context`
 * adds custom authorities or a client certificate. A request to a server with another certificate fails with
 * `FingerprintMismatch`.
 *
 * aiohttp: `Fingerprint`.
 *
 * ```ts
 * import { ClientResponse, Session, Ssl } from "effect-http-session"
 *
 * const pin = Ssl.fingerprint("0f:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0:0f:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0")
 * const program = Session.get("https://example.com", { ssl: pin }).pipe(ClientResponse.text)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fingerprint = (
  sha256: string | Uint8Array,
  options?: { readonly verify?: boolean | undefined; readonly context?: SslContext | undefined }
): Fingerprint => {
  const hex = toHex(sha256)
  if (plainHex.test(hex)) return settings.makeFingerprint(hex, options?.verify === true, options?.context)
  throw new TypeError(
    hex.replaceAll(":", "").length === 32 || hex.replaceAll(":", "").length === 40
      ? "A fingerprint is a SHA-256; MD5 and SHA-1 are not secure and not supported."
      : "A fingerprint is 32 bytes, or 64 hex digits with colons or without."
  )
}

/**
 * The certificate of a peer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Certificate {
  /** The subject, such as "C=DE, O=Example, CN=example.com". */
  readonly subject: string
  readonly issuer: string
  /** The DNS names and IP addresses for which the certificate is valid, at most 1000. The CN is not included. */
  readonly names: ReadonlyArray<string>
  readonly validFrom: DateTime.Utc
  readonly validTo: DateTime.Utc
  /** The SHA-256 of the DER form: 64 lower-case hex digits. */
  readonly sha256: string
}

/**
 * The result of a handshake.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsInfo {
  readonly protocol: TlsVersion
  /** The cipher suite, by OpenSSL's name. */
  readonly cipher: string
  readonly alpn?: string | undefined
  /** Whether the connection resumed a TLS session; `certificate` is then that of the earlier connection. */
  readonly resumed: boolean
  readonly certificate?: Certificate | undefined
}
