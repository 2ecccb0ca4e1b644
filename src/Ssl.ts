/**
 * TLS: what the `ssl` options take, and what a handshake tells.
 *
 * Certificates are verified against Node's bundled authorities, and the host against the certificate's subject
 * alternative names (RFC 9525; a CN alone names nobody), whatever NODE_TLS_REJECT_UNAUTHORIZED says. The same holds for
 * each connection and each proxy. Where no authority is given, NODE_EXTRA_CA_CERTS adds to Node's and
 * `--use-openssl-ca` puts the system's in their place, as they do for all of Node.
 *
 * A peer is verified once: one that asks for another handshake on the same connection (TLS 1.2 and earlier) is refused,
 * unless its context has `allowRenegotiation`. A server that ends a handshake in which an earlier session was offered is
 * dialled once more with a full handshake.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { SslContextError } from "./Errors.js"
import * as material from "./internal/network/tls/tlsMaterial.js"
import * as settings from "./internal/network/tls/tlsSettings.js"

/**
 * What `ssl` takes, on a connector and per request:
 *
 * - `true`: verify. On a request it means the connector's setting.
 * - `false`: verify neither authority nor name. Nothing else switches verification off; from JavaScript, `undefined`,
 *   `null`, `0` and `""` verify.
 * - a context: own authorities, a client certificate, versions.
 * - a fingerprint: a pin.
 *
 * A request's value other than `true` replaces the connector's as a whole, its client certificate included, except for
 * the connector's pin, which always holds; a request's own pin then has to hold too. A connection is shared only by
 * requests whose settings are equal.
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
 * Settings read and checked once (aiohttp: `ssl.SSLContext`). Opaque: printing one shows nothing of what it holds.
 * Contexts made apart from equal values are equal for the pool.
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
 * The SHA-256 of the one certificate to be accepted, over its DER form (aiohttp: `Fingerprint`). Compared on every
 * connection before a byte of a request is written; sessions are not resumed where there is a pin.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fingerprint {
  readonly [FingerprintTypeId]: FingerprintTypeId
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** Whether the authority and the name are verified as well. */
  readonly verify: boolean
}

/**
 * PEM text, or PEM or DER bytes. Text around PEM blocks, and blocks of another kind, are passed over, so a file with
 * certificate and key in it serves for both.
 *
 * @since 0.1.0
 * @category models
 */
export type Pem = string | Uint8Array | Redacted.Redacted

/**
 * A PKCS #12 file (.pfx, .p12): its bytes, or redacted, where text is base64.
 *
 * @since 0.1.0
 * @category models
 */
export type Pfx = Uint8Array | Redacted.Redacted<Uint8Array | string>

/**
 * A version of TLS, as Node spells it.
 *
 * @since 0.1.0
 * @category models
 */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/**
 * What contexts from values and from files have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface BaseOptions {
  /** The passphrase of the key, or of `pfx`. */
  readonly passphrase?: string | Redacted.Redacted | undefined
  /** Default "TLSv1.2". Anything lower lets OpenSSL take weak keys and digests too: those versions exist only so. */
  readonly minVersion?: TlsVersion | undefined
  /** Default "TLSv1.3". */
  readonly maxVersion?: TlsVersion | undefined
  /**
   * OpenSSL's cipher list. Default: Node's, at security level 2 (no RSA keys under 2048 bits, no SHA-1 signatures), which
   * is also Python's.
   */
  readonly ciphers?: string | undefined
  /**
   * Protocols to offer (RFC 7301). Default ["http/1.1"]; an empty list offers none. A server that selects HTTP/2 fails
   * the handshake.
   */
  readonly alpn?: ReadonlyArray<string> | undefined
  /**
   * The name sent and verified in place of the URL's: a host name or an IP address, as a request's `serverHostname`,
   * which comes before it. Anything else fails with `SslContextError`.
   */
  readonly serverHostname?: string | undefined
  /** Default `true`. Only `false` switches verification off. */
  readonly verify?: boolean | undefined
  /**
   * Whether Node's bundled authorities count beside `ca`, with those of NODE_EXTRA_CA_CERTS. Default: only where `ca` is
   * not given.
   */
  readonly bundledCa?: boolean | undefined
  /**
   * Whether the operating system's authorities count too (`tls.getCACertificates("system")`). Default `false`. An older
   * Node than 22.15 or 23.10 cannot read them: `SslContextError`.
   */
  readonly systemCa?: boolean | undefined
  /**
   * Whether the server may ask for another handshake on a connection, for a client certificate that it wants for some
   * paths only (TLS 1.2 and earlier; TLS 1.3 has no renegotiation). At most three for a connection, and the server is
   * verified again after each. Until it is, what has been sent was for the earlier certificate, and each handshake costs
   * time. Default `false`.
   */
  readonly allowRenegotiation?: boolean | undefined
  /**
   * Whether to connect to servers without secure renegotiation (RFC 5746), which OpenSSL 3 refuses. An attacker between
   * can put bytes before the first request of a connection to such a server, unseen by both ends. Default `false`.
   */
  readonly legacyServerConnect?: boolean | undefined
  /** Receives NSS key log lines, for a packet sniffer. Whoever has them can read the connection. */
  readonly onKeyLog?: ((line: string) => Effect.Effect<void>) | undefined
}

/**
 * A context from values: texts and bytes that are at hand, such as from Config.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContextOptions extends BaseOptions {
  /** Authorities to trust, in place of Node's bundled ones. */
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** The client's certificate, then its intermediates; needs `key`. */
  readonly cert?: Pem | undefined
  /** Its private key: PKCS #8, PKCS #1 or SEC 1. */
  readonly key?: Pem | undefined
  /**
   * The client's certificate, its intermediates and its key in PKCS #12, in place of `cert` and `key`. Encrypted with AES
   * or triple DES, or not at all; RC2, which OpenSSL 3 does not have, is refused. Authorities in it are not trusted.
   */
  readonly pfx?: Pfx | undefined
  /** Revocation lists. With one, OpenSSL wants a list of every authority in a chain. */
  readonly crl?: Pem | ReadonlyArray<Pem> | undefined
}

/**
 * A context from files, each named by its path and read once.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileOptions extends BaseOptions {
  readonly caFile?: string | ReadonlyArray<string> | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** PKCS #12, in place of `certFile` and `keyFile`. */
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
 * A context from values. What cannot be read fails here, not in the first request, with `SslContextError`, which names
 * the option and holds nothing of its value.
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
 * A context from files, read when the effect runs. Fails with `SslContextError` if one cannot be read or used.
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
      Effect.mapError(fs.readFile(path), (error) => {
        const why = error._tag === "SystemError" ? error.reason : error._tag
        return new SslContextError({ option, description: `"${path}" cannot be read: ${why}` })
      })
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
 * A pin: 32 bytes, or 64 hex digits, with colons or without, as `openssl x509 -fingerprint -sha256` prints them.
 * Anything else throws a `TypeError` here; a pin is a literal, and `Config.mapAttempt` turns the throw into a
 * `ConfigError`.
 *
 * Alone it switches the other checks off, as in aiohttp; `verify: true` asks for both. `context` brings own authorities
 * or a client certificate. A request to another certificate fails with `FingerprintMismatch`.
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
 * A certificate that a peer has shown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Certificate {
  /** Such as "C=DE, O=Example, CN=example.com". */
  readonly subject: string
  readonly issuer: string
  /** DNS names and IP addresses that it is for: the first 1000. The subject's CN is none of them. */
  readonly names: ReadonlyArray<string>
  readonly validFrom: DateTime.Utc
  readonly validTo: DateTime.Utc
  /** SHA-256 of the DER form, 64 lower-case hex digits. */
  readonly sha256: string
}

/**
 * What a finished handshake has agreed on.
 *
 * @since 0.1.0
 * @category models
 */
export interface TlsInfo {
  readonly protocol: TlsVersion
  /** OpenSSL's name. */
  readonly cipher: string
  readonly alpn?: string | undefined
  /** Whether an earlier connection's session was resumed; `certificate` is then that connection's. */
  readonly resumed: boolean
  readonly certificate?: Certificate | undefined
}
