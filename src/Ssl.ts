/**
 * TLS: what the `ssl` options take, and what a handshake tells.
 */
import type { FileSystem } from "@effect/platform/FileSystem"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { SslContextError } from "./Errors.js"

/**
 * `true` verifies with the connector's settings, `false` verifies nothing, a context or a pin says how. Anything
 * falsy but `false` verifies. A request's value replaces the connector's, except its pin, which always holds.
 */
export type Ssl = boolean | SslContext | Fingerprint

export declare const SslContextTypeId: SslContextTypeId
export type SslContextTypeId = "~effect-http-session/Ssl/SslContext"

/** Settings read and checked once (aiohttp: `ssl.SSLContext`). */
export interface SslContext {
  readonly [SslContextTypeId]: SslContextTypeId
}

export declare const FingerprintTypeId: FingerprintTypeId
export type FingerprintTypeId = "~effect-http-session/Ssl/Fingerprint"

/** The SHA-256 of the one certificate to be accepted, over its DER form (aiohttp: `Fingerprint`). */
export interface Fingerprint {
  readonly [FingerprintTypeId]: FingerprintTypeId
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** Whether the authority and the name are verified as well. */
  readonly verify: boolean
}

/** PEM text, or PEM or DER bytes. */
export type Pem = string | Uint8Array | Redacted.Redacted

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/** What contexts from values and from files have in common. */
export interface BaseOptions {
  /** The key's passphrase. */
  readonly passphrase?: string | Redacted.Redacted | undefined
  /** Default "TLSv1.2". */
  readonly minVersion?: TlsVersion | undefined
  /** Default "TLSv1.3". */
  readonly maxVersion?: TlsVersion | undefined
  /** OpenSSL's cipher list. Default: Node's. */
  readonly ciphers?: string | undefined
  /** Default ["http/1.1"]. */
  readonly alpn?: ReadonlyArray<string> | undefined
  /** The name sent and verified in place of the URL's. */
  readonly serverHostname?: string | undefined
  /** Default `true`. */
  readonly verify?: boolean | undefined
  /** Whether Node's bundled authorities count beside `ca`. Default: only where `ca` is not given. */
  readonly bundledCa?: boolean | undefined
  /** Receives NSS key log lines, for a packet sniffer. */
  readonly onKeyLog?: ((line: string) => Effect.Effect<void>) | undefined
}

export interface ContextOptions extends BaseOptions {
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** The client's certificate chain; needs `key`. */
  readonly cert?: Pem | undefined
  readonly key?: Pem | undefined
  readonly crl?: Pem | ReadonlyArray<Pem> | undefined
}

/** The same by path, PEM files. */
export interface FileOptions extends BaseOptions {
  readonly caFile?: string | ReadonlyArray<string> | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly crlFile?: string | ReadonlyArray<string> | undefined
}

/** A context from values; a certificate or key that cannot be read fails here, not in the first request. */
export declare const context: (options?: ContextOptions) => Effect.Effect<SslContext, SslContextError>

/** A context from files (aiohttp: `create_default_context(cafile=…)`, `load_cert_chain`). */
export declare const contextFromFiles: (options: FileOptions) => Effect.Effect<SslContext, SslContextError, FileSystem>

/**
 * A pin: 32 bytes, or 64 hex digits, colons allowed; anything else throws here. Alone it switches the other checks
 * off, as in aiohttp; `verify: true` asks for both. `context` brings own authorities or a client certificate.
 */
export declare const fingerprint: (
  sha256: string | Uint8Array,
  options?: { readonly verify?: boolean | undefined; readonly context?: SslContext | undefined }
) => Fingerprint

/** A certificate that a peer has shown. */
export interface Certificate {
  readonly subject: string
  readonly issuer: string
  /** DNS names and IP addresses that it is for. */
  readonly names: ReadonlyArray<string>
  readonly validFrom: DateTime.Utc
  readonly validTo: DateTime.Utc
  /** SHA-256 of the DER form, 64 lower-case hex digits. */
  readonly sha256: string
}

/** What a finished handshake has agreed on. */
export interface TlsInfo {
  readonly protocol: TlsVersion
  readonly cipher: string
  readonly alpn?: string | undefined
  readonly resumed: boolean
  readonly certificate?: Certificate | undefined
}
