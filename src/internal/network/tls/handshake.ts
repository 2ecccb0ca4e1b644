/**
 * One TLS handshake on a connected socket, verified before a byte of a request can be written.
 */
import type { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Runtime from "effect/Runtime"
import * as Run from "effect/Runtime"
import type { Details, TlsError } from "../../../Errors.js"
import { ClientConnectorCertificateError, FingerprintMismatch } from "../../../Errors.js"
import type { Certificate, TlsInfo, TlsVersion } from "../../../Ssl.js"
import type { Trace } from "../../transport/trace.js"
import { fromX509, namesHost } from "./certificate.js"
import type { CachedSession, SessionCache } from "./sessionCache.js"
import { handshakeFailed, handshakeRefused, isVerification, type TlsPeer, verificationFailed } from "./tlsErrors.js"
import { tlsLibrary } from "./tlsLibrary.js"
import type { TlsSettings } from "./tlsSettings.js"
import { weakness } from "./weakness.js"

export interface HandshakeOptions {
  /** The peer's canonical host; IPv6 without brackets. Sent (names only) and verified unless the settings name another. */
  readonly host: string
  readonly port: number
  readonly settings: TlsSettings
  /** Whether the peer is the proxy. */
  readonly proxy: boolean
  readonly details: Details
  readonly trace: Trace | undefined
  /** Signals a certificate that ends within so many milliseconds. */
  readonly certificateWarning?: number | undefined
  /** The connector's; not used where there is a pin, because a resumed session shows no certificate. */
  readonly sessions?: SessionCache | undefined
  /** Whether to verify in full although there is a session; it is kept for later all the same. */
  readonly full?: boolean | undefined
  /** The way to the peer, such as the proxy's key: sessions do not cross from one to another. */
  readonly via?: string | undefined
}

/** A connection that may be written to. */
export interface Secured {
  readonly socket: tls.TLSSocket
  readonly info: TlsInfo
}

const nameMismatch = "ERR_TLS_CERT_ALTNAME_INVALID"

/** Ours, for a peer without a certificate where one is needed. */
const noCertificate = "ERR_TLS_NO_PEER_CERTIFICATE"

/** Ours, for a protocol that we do not speak. */
const badProtocol = "ERR_TLS_ALPN_PROTOCOL"

/** Ours, for a peer that asks for handshake after handshake. */
const tooMany = "ERR_TLS_TOO_MANY_RENEGOTIATIONS"

class NameMismatch extends Error {
  readonly code = nameMismatch
}

const isNameMismatch = (cause: unknown): boolean => cause === nameMismatch || cause instanceof NameMismatch

/** Handshakes that a peer may ask for on one connection: each costs both a signature. */
const maxRenegotiations = 3

/** Errors of handshakes that ended before they were complete, and that offered a session. */
const rejected = new WeakSet<object>()

/** Whether a server may have refused the session that was offered, so that a full handshake may succeed. */
export const rejectsSession = (error: unknown): boolean =>
  typeof error === "object" && error !== null && rejected.has(error)

// The one listener that stays: between the end of the handshake and the first listener of whoever takes the socket, an
// error must not be the process's.
const ignore = () => {}

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

/** One handshake's state, from the first byte to the verdict. */
class Attempt {
  readonly options: HandshakeOptions
  readonly peer: TlsPeer
  /** The name to verify. */
  readonly name: string
  readonly cached: CachedSession | undefined
  private readonly sessionKey: string | undefined
  private readonly sessions: SessionCache | undefined
  /** Sessions that came before the verdict. */
  private readonly early: Array<Buffer> = []
  private verdict: "open" | "accepted" | "refused" = "open"
  private handshakes = 0
  private certificate: Certificate | undefined
  /** Whether the handshake itself is over, so that what follows is about the certificate. */
  private finished = false

  constructor(options: HandshakeOptions, now: number) {
    const { settings } = options
    this.options = options
    this.peer = { host: options.host, port: options.port, details: options.details }
    this.name = settings.serverHostname ?? options.host
    if (options.sessions !== undefined && settings.pins.length === 0) {
      this.sessions = options.sessions
      this.sessionKey = JSON.stringify([options.host, options.port, options.via ?? "", this.name, settings.key])
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
      ALPNProtocols: [...settings.alpn],
      // Always given: left out, NODE_TLS_REJECT_UNAUTHORIZED would decide. BoringSSL and rustls verify in either case,
      // but tell which certificate they reject only without it; `refusal` ends the connection then.
      rejectUnauthorized: settings.verify && tlsLibrary().securityLevels,
      checkServerIdentity: () => this.checkName(secured),
      ...(this.cached === undefined ? {} : { session: this.cached.session })
    })
    return secured
  }

  private checkName(socket: tls.TLSSocket): Error | undefined {
    const shown = this.shown ?? socket.getPeerX509Certificate()
    if (shown !== undefined && namesHost(shown, this.name)) return undefined
    return new NameMismatch("The certificate does not name the host.")
  }

  private shown: X509Certificate | undefined

  /** The handshake is over; Node has still to verify. Bun emits "secure" after "secureConnect", or not at all. */
  onSecure(socket: tls.TLSSocket): void {
    this.finished = true
    this.verdict = "open"
    this.handshakes++
    this.shown = socket.getPeerX509Certificate()
    this.certificate = this.shown === undefined ? this.cached?.certificate : fromX509(this.shown)
  }

  onSession(socket: tls.TLSSocket, session: Buffer): void {
    if (this.verdict === "open") this.early.push(session)
    else if (this.verdict === "accepted") this.keep(socket, session)
  }

  private keep(socket: tls.TLSSocket, session: Buffer): void {
    if (this.sessionKey === undefined) return
    this.sessions?.put(this.sessionKey, {
      session,
      certificate: this.certificate,
      once: socket.getProtocol() === "TLSv1.3"
    })
  }

  /** Whether it is a peer to be talked to; Node has verified what it was told to. */
  judge(socket: tls.TLSSocket): TlsInfo | TlsError {
    if (!this.finished) this.onSecure(socket)
    const refusal = this.refusal(socket)
    if (refusal !== undefined) {
      this.refuse()
      return refusal
    }
    this.verdict = "accepted"
    for (const session of this.early.splice(0)) this.keep(socket, session)
    return infoOf(socket, this.certificate)
  }

  private refusal(socket: tls.TLSSocket): TlsError | undefined {
    if (this.handshakes > 1 + maxRenegotiations) return handshakeRefused(this.peer, tooMany, this.certificate)
    const { alpn, pins, verify } = this.options.settings
    // Node has destroyed the socket by now if it was to verify and could not: this is the second lock on that door.
    if (socket.encrypted !== true || (verify && !socket.authorized)) {
      return this.unverified(socket.authorizationError)
    }
    const weak = this.weakness()
    if (weak !== undefined) return this.unverified(weak)
    for (const pin of pins) {
      const certificate = this.shown === undefined ? undefined : this.certificate
      if (certificate === undefined) return handshakeRefused(this.peer, noCertificate, undefined)
      if (certificate.sha256 !== pin) return this.mismatch(pin, certificate)
    }
    const selected = socket.alpnProtocol
    if (typeof selected === "string" && (!alpn.includes(selected) || /^(h2|h3|spdy)/.test(selected))) {
      return handshakeRefused(this.peer, badProtocol, this.certificate)
    }
    return undefined
  }

  /** The second check of what the library was asked to verify, where it has no security levels. */
  private weakness(): string | undefined {
    const { strong, verify } = this.options.settings
    if (!verify || tlsLibrary().securityLevels) return undefined
    if (this.shown === undefined) return this.cached === undefined ? noCertificate : undefined
    if (!namesHost(this.shown, this.name)) return nameMismatch
    return strong && tlsLibrary().cipherLists ? weakness(this.shown) : undefined
  }

  private mismatch(expected: string, certificate: Certificate): FingerprintMismatch {
    const { details, host, port } = this.peer
    return new FingerprintMismatch({ ...details, host, port, expected, got: certificate.sha256, certificate })
  }

  /** What an error of the socket before the verdict means. */
  failure(error: unknown): TlsError {
    this.refuse()
    if (!this.finished && !isVerification(error)) {
      const failed = handshakeFailed(this.peer, error)
      if (this.cached !== undefined) rejected.add(failed)
      return failed
    }
    return this.unverified(error)
  }

  /** The error of a certificate that was not accepted; `cause` is an error, or its code. */
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

  private refuse(): void {
    this.verdict = "refused"
    if (this.sessionKey !== undefined) this.sessions?.remove(this.sessionKey)
  }
}

const endOfFile = () =>
  Object.assign(new Error("The connection ended before the TLS handshake was complete."), { code: "ECONNRESET" })

/**
 * Judges the peer after each further handshake as after the first. Node verifies before "secureConnect" and ends the
 * connection if it cannot; OpenSSL hands out nothing of the peer in between.
 */
const verifyAgain = (secured: tls.TLSSocket, attempt: Attempt): void => {
  secured.prependListener("secure", () => attempt.onSecure(secured))
  secured.on("secureConnect", () => {
    const verdict = attempt.judge(secured)
    if (!("resumed" in verdict)) secured.destroy(verdict)
  })
}

/** Runs the handshake; on anything but success the socket is destroyed. */
const negotiate = (
  socket: Duplex,
  options: HandshakeOptions,
  now: number,
  runtime: Runtime.Runtime<never>
): Effect.Effect<Secured, TlsError> =>
  Effect.async((resume) => {
    const attempt = new Attempt(options, now)
    let secured: tls.TLSSocket
    socket.on("error", ignore)
    try {
      if (socket.destroyed) throw endOfFile()
      secured = attempt.connect(socket)
    } catch (error) {
      socket.destroy()
      resume(Effect.fail(attempt.failure(error)))
      return
    }
    const onSecure = () => attempt.onSecure(secured)
    const onEnd = (error?: unknown) => fail(attempt.failure(typeof error === "object" ? error : endOfFile()))
    const onSecureConnect = () => {
      const verdict = attempt.judge(secured)
      if (!("resumed" in verdict)) return fail(verdict)
      release()
      if (options.settings.renegotiates) verifyAgain(secured, attempt)
      resume(Effect.succeed({ socket: secured, info: verdict }))
    }
    const release = () => {
      secured.off("secure", onSecure).off("secureConnect", onSecureConnect).off("error", onEnd).off("close", onEnd)
    }
    const destroy = () => {
      release()
      secured.destroy()
      socket.destroy()
    }
    const fail = (error: TlsError) => {
      destroy()
      resume(Effect.fail(error))
    }
    // "secure" comes before Node verifies, so that the certificate is known when it refuses and destroys the socket.
    secured.prependListener("secure", onSecure)
    secured.on("error", ignore).on("secureConnect", onSecureConnect).on("error", onEnd).on("close", onEnd)
    // TLS 1.3 sends its sessions after the handshake, so this listener lives as long as the socket.
    secured.on("session", (session) => attempt.onSession(secured, session))
    const { onKeyLog } = options.settings
    if (onKeyLog !== undefined) {
      secured.on("keylog", (line) => {
        const text = line.toString("latin1").trimEnd()
        Run.runFork(runtime)(Effect.suspend(() => onKeyLog(text)))
      })
    }
    return Effect.sync(destroy)
  })

const isExpiring = (info: TlsInfo, now: number, within: number | undefined): Certificate | undefined => {
  const { certificate } = info
  if (within === undefined || certificate === undefined) return undefined
  return DateTime.toEpochMillis(certificate.validTo) - now <= within ? certificate : undefined
}

const tell = (trace: Trace, options: HandshakeOptions, info: TlsInfo, now: number): Effect.Effect<void> => {
  const { host, proxy } = options
  const ended = trace.emit({ _tag: "TlsHandshakeEnd", host, proxy, tls: info })
  const certificate = isExpiring(info, now, options.certificateWarning)
  if (certificate === undefined) return ended
  return Effect.zipRight(ended, trace.emit({ _tag: "TlsCertificateExpiring", host, certificate }))
}

/**
 * Speaks TLS on a connected socket (a TLS socket, for TLS in TLS) until the peer is verified, and gives the socket to be
 * used. Whatever else happens, interruption included, destroys both. No listener of it is left but for one that keeps
 * errors from being uncaught and one that keeps sessions, so the caller attaches its own `error` and `close`, and looks
 * at `destroyed` first. Interrupted between its success and its caller, it cannot clean up: the caller does, by
 * destroying either socket.
 */
export const handshake = (socket: Duplex, options: HandshakeOptions): Effect.Effect<Secured, TlsError> =>
  Effect.onExit(
    Effect.gen(function* () {
      const { host, proxy, trace } = options
      const runtime = yield* Effect.runtime<never>()
      const now = yield* Clock.currentTimeMillis
      if (trace !== undefined) yield* trace.emit({ _tag: "TlsHandshakeStart", host, proxy })
      const secured = yield* negotiate(socket, options, now, runtime)
      if (trace !== undefined) yield* tell(trace, options, secured.info, now)
      return secured
    }),
    (exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => socket.destroy()))
  )
