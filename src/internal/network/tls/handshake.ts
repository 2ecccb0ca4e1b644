/** Runs a TLS handshake on a connected socket and verifies the peer before any byte of a request can be written. */
import { isIP } from "node:net"
import type { Duplex } from "node:stream"
import type * as tls from "node:tls"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TlsError } from "../../../Errors.js"
import type { Certificate, TlsInfo } from "../../../Ssl.js"
import { cancellable } from "../../effect/callback.js"
import { currentEnvironment, type Environment } from "../../effect/fiberState.js"
import { run } from "../../effect/fibers.js"
import { loadSuffixes } from "../../http/publicSuffix.js"
import type { Trace } from "../../transport/trace.js"
import { HandshakeAttempt, type HandshakeOptions } from "./handshakeAttempt.js"
import { unsolicitedBytes } from "./tlsErrors.js"
import { tlsLibrary } from "./tlsLibrary.js"

/** A verified connection. */
export interface Secured {
  readonly socket: tls.TLSSocket
  readonly info: TlsInfo
}

// This listener stays on the socket, because an unhandled error before the next owner adds its own would end the
// process.
const ignore = () => {}

const endOfFile = () =>
  Object.assign(new Error("expected a complete TLS handshake, got the end of the connection"), { code: "ECONNRESET" })

const beforeHandshake = () =>
  Object.assign(new Error("expected no bytes of the peer before the TLS handshake; it may not speak TLS"), {
    code: unsolicitedBytes
  })

/**
 * Judges the peer again after each renegotiation. Node verifies it before "secureConnect", and closes the connection if
 * that fails. Until then, OpenSSL passes no data of the peer.
 */
const verifyAgain = (secured: tls.TLSSocket, attempt: HandshakeAttempt): void => {
  secured.prependListener("secure", () => attempt.onSecure(secured))
  secured.on("secureConnect", () => {
    const verdict = attempt.judge(secured)
    if (!("resumed" in verdict)) secured.destroy(verdict)
  })
}

/** Runs the handshake. Destroys the socket on failure and on interruption. */
const negotiate = (
  socket: Duplex,
  options: HandshakeOptions,
  now: number,
  environment: Environment<never>
): Effect.Effect<Secured, TlsError> =>
  cancellable((resume) => {
    const attempt = new HandshakeAttempt(options, now)
    let secured: tls.TLSSocket
    socket.on("error", ignore)
    try {
      if (socket.destroyed) throw endOfFile()
      // Node passes bytes before the handshake, for example after the reply to CONNECT, to OpenSSL, which fails. Bun
      // drops them.
      if (socket.readableLength > 0 && !tlsLibrary().securityLevels) throw beforeHandshake()
      secured = attempt.connect(socket)
    } catch (error) {
      socket.destroy()
      resume(Effect.fail(attempt.toFailure(error)))
      return
    }
    const onSecure = () => attempt.onSecure(secured)
    const onFailure = (error?: unknown) => fail(attempt.toFailure(typeof error === "object" ? error : endOfFile()))
    const onSecureConnect = () => {
      const verdict = attempt.judge(secured)
      if (!("resumed" in verdict)) return fail(verdict)
      release()
      if (options.settings.renegotiates) verifyAgain(secured, attempt)
      // Bun ignores the option of the secure context that disables renegotiation.
      else secured.disableRenegotiation()
      resume(Effect.succeed({ socket: secured, info: verdict }))
    }
    const release = () => {
      secured
        .off("secure", onSecure)
        .off("secureConnect", onSecureConnect)
        .off("error", onFailure)
        .off("close", onFailure)
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
    // Node emits "secure" before it verifies, so the certificate is known even if Node then destroys the socket.
    secured.prependListener("secure", onSecure)
    secured.on("error", ignore).on("secureConnect", onSecureConnect).on("error", onFailure).on("close", onFailure)
    // This listener stays as long as the socket, because TLS 1.3 sends sessions after the handshake.
    secured.on("session", (session) => attempt.onSession(secured, session))
    const { onKeyLog } = options.settings
    if (onKeyLog !== undefined) {
      secured.on("keylog", (line) => {
        const text = line.toString("latin1").trimEnd()
        run(
          environment,
          Effect.suspend(() => onKeyLog(text))
        )
      })
    }
    return destroy
  })

const isExpiring = (info: TlsInfo, now: number, within: number | undefined): Certificate | undefined => {
  const { certificate } = info
  if (within === undefined || certificate === undefined) return undefined
  return DateTime.toEpochMillis(certificate.validTo) - now <= within ? certificate : undefined
}

const emitEnd = (trace: Trace, options: HandshakeOptions, info: TlsInfo, now: number): Effect.Effect<void> => {
  const { host, proxy } = options
  const ended = trace.emit({ _tag: "TlsHandshakeEnd", host, proxy, tls: info })
  const certificate = isExpiring(info, now, options.certificateWarning)
  if (certificate === undefined) return ended
  return Effect.zipRight(ended, trace.emit({ _tag: "TlsCertificateExpiring", host, certificate }))
}

/**
 * Runs a TLS handshake on a connected socket (a TLS socket, for TLS in TLS) and returns the verified TLS socket.
 * Failure and interruption destroy both sockets. Two listeners remain, which ignore errors and store sessions. The
 * caller must check `destroyed`, then add its own `error` and `close` listeners. If the fiber is interrupted after
 * success, the caller must destroy one of the sockets.
 */
export const handshake = (socket: Duplex, options: HandshakeOptions): Effect.Effect<Secured, TlsError> =>
  Effect.onExit(
    Effect.gen(function* () {
      const { host, proxy, trace } = options
      const environment = yield* currentEnvironment
      const now = yield* Clock.currentTimeMillis
      if (trace !== undefined) yield* trace.emit({ _tag: "TlsHandshakeStart", host, proxy })
      // Matching a wildcard of a certificate needs the Public Suffix List. Only names can match wildcards.
      if (isIP(options.settings.serverHostname ?? host) === 0) yield* loadSuffixes
      const secured = yield* negotiate(socket, options, now, environment)
      if (trace !== undefined) yield* emitEnd(trace, options, secured.info, now)
      return secured
    }),
    (exit) => (Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => socket.destroy()))
  )
