/** The handshakes of one connection: the session that they resume, and the verdict on the peer and its certificate. */
import type { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import type { Details, TlsError } from "../../../Errors.js"
import { ClientConnectorCertificateError, FingerprintMismatch } from "../../../Errors.js"
import type { Certificate, TlsInfo, TlsVersion } from "../../../Ssl.js"
import type { Http2Offer } from "../../transport/networkStream.js"
import type { Trace } from "../../transport/trace.js"
import { fromX509, namesHost } from "./certificate.js"
import type { CachedSession, SessionCache } from "./sessionCache.js"
import {
  badProtocol,
  handshakeFailed,
  handshakeRejected,
  isVerification,
  type TlsPeer,
  verificationFailed
} from "./tlsErrors.js"
import { tlsLibrary } from "./tlsLibrary.js"
import { protocolsOf, type TlsSettings } from "./tlsSettings.js"
import { weakness } from "./weakness.js"

export interface HandshakeOptions {
  /**
   * The canonical host of the peer, IPv6 without brackets. The certificate must match it, and SNI contains it if it is
   * a name, unless the settings have a `serverHostname`.
   */
  readonly host: string
  readonly port: number
  readonly settings: TlsSettings
  /** Whether the client offers HTTP/2, and whether the peer must select it. */
  readonly http2: Http2Offer
  /** Whether the peer is a proxy. */
  readonly proxy: boolean
  readonly details: Details
  readonly trace: Trace | undefined
  /** Milliseconds before the expiry of a certificate from which a signal is emitted. */
  readonly certificateWarning?: number | undefined
  /** The sessions of the connector. Not used with a pin, because a resumed handshake does not send the certificate. */
  readonly sessions?: SessionCache | undefined
  /** Whether a full handshake runs even if a session is cached. The session stays in the cache. */
  readonly full?: boolean | undefined
  /** The path to the peer, such as the key of a proxy. Sessions are not shared between paths. */
  readonly via?: string | undefined
}

const nameMismatch = "ERR_TLS_CERT_ALTNAME_INVALID"

/** A code of this package: a pin requires a certificate, and the peer sent none. */
const noCertificate = "ERR_TLS_NO_PEER_CERTIFICATE"

/** A code of this package: the peer selected HTTP/2 over a TLS version or cipher suite that RFC 9113 excludes. */
const inadequateSecurity = "ERR_HTTP2_INADEQUATE_SECURITY"

/** Cipher suites of TLS 1.2 with ephemeral keys and authenticated encryption; RFC 9113 appendix A lists all others. */
const adequateCipher = /^(?:ECDHE|DHE)-.*(?:GCM|CCM|POLY1305)/

/** Whether RFC 9113 section 9.2 allows HTTP/2 with this version and cipher suite. */
const isAdequate = (version: TlsVersion, cipher: string): boolean =>
  version === "TLSv1.3" || (version === "TLSv1.2" && adequateCipher.test(cipher))

/** A code of this package: the peer exceeded `maxRenegotiations`. */
const tooManyRenegotiations = "ERR_TLS_TOO_MANY_RENEGOTIATIONS"

class NameMismatch extends Error {
  readonly code = nameMismatch
}

const isNameMismatch = (cause: unknown): boolean => cause === nameMismatch || cause instanceof NameMismatch

/** Most renegotiations of one connection. A peer could keep the CPU busy with the signatures that each needs. */
const maxRenegotiations = 3

/** Errors of incomplete handshakes in which the client offered a session. */
const sessionErrors = new WeakSet<object>()

/** Whether the server may have rejected the offered session, so that a full handshake may succeed. */
export const rejectsSession = (error: unknown): boolean =>
  typeof error === "object" && error !== null && sessionErrors.has(error)

const versions: ReadonlyArray<TlsVersion> = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

const versionOf = (socket: tls.TLSSocket): TlsVersion => {
  const protocol = socket.getProtocol()
  return versions.find((version) => version === protocol) ?? "TLSv1"
}

const infoOf = (socket: tls.TLSSocket, certificate: Certificate | undefined): TlsInfo => ({
  protocol: versionOf(socket),
  cipher: socket.getCipher().name,
  alpn: typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined,
  resumed: socket.isSessionReused(),
  certificate
})

export class HandshakeAttempt {
  readonly options: HandshakeOptions
  readonly peer: TlsPeer
  /** The name to verify. */
  readonly name: string
  /** Offered by ALPN. */
  readonly protocols: ReadonlyArray<string>
  readonly cached: CachedSession | undefined
  private readonly sessionKey: string | undefined
  private readonly sessions: SessionCache | undefined
  /** Sessions received before the verdict. */
  private readonly earlySessions: Array<Buffer> = []
  private verdict: "open" | "accepted" | "rejected" = "open"
  private handshakes = 0
  private certificate: Certificate | undefined
  /** Whether the handshake is complete, so that a later error concerns the certificate. */
  private isComplete = false

  constructor(options: HandshakeOptions, now: number) {
    const { settings } = options
    this.options = options
    this.peer = { host: options.host, port: options.port, details: options.details }
    this.name = settings.serverHostname ?? options.host
    this.protocols = protocolsOf(settings, options.http2)
    if (options.sessions !== undefined && settings.pins.length === 0) {
      this.sessions = options.sessions
      // A session can be resumed only with the protocol that was selected with it.
      const { protocols } = this
      this.sessionKey = JSON.stringify([options.host, options.port, options.via, this.name, settings.key, protocols])
      this.cached = options.full === true ? undefined : this.sessions.take(this.sessionKey, now)
    }
  }

  connect(socket: Duplex): tls.TLSSocket {
    const { host, settings } = this.options
    const secured: tls.TLSSocket = tls.connect({
      socket,
      host,
      servername: isIP(this.name) === 0 ? this.name.replace(/\.$/, "") : "",
      secureContext: settings.secureContext,
      ALPNProtocols: [...this.protocols],
      // Always sets the option, because NODE_TLS_REJECT_UNAUTHORIZED would decide otherwise. BoringSSL and rustls
      // verify in either case, but only with `false` do they show the certificate that they reject; `refusal` ends the
      // connection.
      rejectUnauthorized: settings.verify && tlsLibrary().securityLevels,
      checkServerIdentity: () => this.checkName(secured),
      ...(this.cached === undefined ? {} : { session: this.cached.session })
    })
    return secured
  }

  private checkName(socket: tls.TLSSocket): Error | undefined {
    const x509 = this.x509 ?? socket.getPeerX509Certificate()
    if (x509 !== undefined && namesHost(x509, this.name)) return undefined
    return new NameMismatch("expected a certificate that names the host")
  }

  /** The certificate of the last handshake, if it was sent. */
  private x509: X509Certificate | undefined

  /** Call when the handshake is complete, before Node verifies. Bun emits "secure" after "secureConnect", or never. */
  onSecure(socket: tls.TLSSocket): void {
    this.isComplete = true
    this.verdict = "open"
    this.handshakes++
    this.x509 = socket.getPeerX509Certificate()
    this.certificate = this.x509 === undefined ? this.cached?.certificate : fromX509(this.x509)
  }

  onSession(socket: tls.TLSSocket, session: Buffer): void {
    if (this.verdict === "open") this.earlySessions.push(session)
    else if (this.verdict === "accepted") this.storeSession(socket, session)
  }

  private storeSession(socket: tls.TLSSocket, session: Buffer): void {
    if (this.sessionKey === undefined) return
    this.sessions?.put(this.sessionKey, {
      session,
      certificate: this.certificate,
      once: socket.getProtocol() === "TLSv1.3"
    })
  }

  /** Decides whether to accept the peer, after Node's own verification. Returns the TLS info or an error. */
  judge(socket: tls.TLSSocket): TlsInfo | TlsError {
    if (!this.isComplete) this.onSecure(socket)
    const refusal = this.refusal(socket)
    if (refusal !== undefined) {
      this.reject()
      return refusal
    }
    this.verdict = "accepted"
    for (const session of this.earlySessions.splice(0)) this.storeSession(socket, session)
    return infoOf(socket, this.certificate)
  }

  private refusal(socket: tls.TLSSocket): TlsError | undefined {
    if (this.handshakes > 1 + maxRenegotiations)
      return handshakeRejected(this.peer, tooManyRenegotiations, this.certificate)
    const { pins, verify } = this.options.settings
    // Checks the verification again, although Node should have destroyed an unverified socket before this.
    if (socket.encrypted !== true || (verify && !socket.authorized)) {
      return this.unverified(socket.authorizationError)
    }
    const weak = this.weakness()
    if (weak !== undefined) return this.unverified(weak)
    for (const pin of pins) {
      const certificate = this.x509 === undefined ? undefined : this.certificate
      if (certificate === undefined) return handshakeRejected(this.peer, noCertificate, undefined)
      if (certificate.sha256 !== pin) return this.mismatch(pin, certificate)
    }
    const wrong = this.wrongProtocol(socket)
    return wrong === undefined ? undefined : handshakeRejected(this.peer, wrong, this.certificate)
  }

  /** The code of the error if the client did not offer the protocol that the peer selected; otherwise `undefined`. */
  private wrongProtocol(socket: tls.TLSSocket): string | undefined {
    const { http2 } = this.options
    const selected = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : undefined
    if (selected === "h2" && http2 !== "never" && this.protocols.includes(selected)) {
      return isAdequate(versionOf(socket), socket.getCipher().name) ? undefined : inadequateSecurity
    }
    if (http2 === "required") return badProtocol
    const spoken = selected === undefined || (this.protocols.includes(selected) && !/^(h2|h3|spdy)/.test(selected))
    return spoken ? undefined : badProtocol
  }

  /** Checks the verified chain again if the TLS library has no security levels. */
  private weakness(): string | undefined {
    const { strong, verify } = this.options.settings
    if (!verify || tlsLibrary().securityLevels) return undefined
    if (this.x509 === undefined) return this.cached === undefined ? noCertificate : undefined
    if (!namesHost(this.x509, this.name)) return nameMismatch
    return strong && tlsLibrary().cipherLists ? weakness(this.x509) : undefined
  }

  private mismatch(expected: string, certificate: Certificate): FingerprintMismatch {
    const { details, host, port } = this.peer
    return new FingerprintMismatch({ ...details, host, port, expected, got: certificate.sha256, certificate })
  }

  /** Converts an error of the socket before the verdict. */
  toFailure(error: unknown): TlsError {
    this.reject()
    if (!this.isComplete && !isVerification(error)) {
      const failed = handshakeFailed(this.peer, error)
      if (this.cached !== undefined) sessionErrors.add(failed)
      return failed
    }
    return this.unverified(error)
  }

  /** The error for a certificate that was not accepted. `cause` is an error or a code. */
  private unverified(cause: unknown): TlsError {
    if (this.certificate === undefined || !isNameMismatch(cause)) {
      return verificationFailed(this.peer, cause, this.certificate)
    }
    const { details, host, port } = this.peer
    return new ClientConnectorCertificateError({
      ...details,
      host,
      port,
      reason: "HostnameMismatch",
      code: nameMismatch,
      certificate: this.certificate,
      ...(typeof cause === "string" ? {} : { cause })
    })
  }

  private reject(): void {
    this.verdict = "rejected"
    if (this.sessionKey !== undefined) this.sessions?.remove(this.sessionKey)
  }
}
