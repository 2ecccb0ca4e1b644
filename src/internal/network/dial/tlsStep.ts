/**
 * The TLS handshakes of a dial: with the origin, and before that with an https proxy. The two share neither settings
 * nor TLS sessions.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ClientError, ConnectionTimeoutError, TlsError } from "../../../Errors.js"
import type { Ssl } from "../../../Ssl.js"
import type { Http2Offer } from "../../transport/networkStream.js"
import type { ExchangeContext, ProxyRoute, Route } from "../../transport/transport.js"
import { handshake, type Secured } from "../tls/handshake.js"
import { type HandshakeOptions, rejectsSession } from "../tls/handshakeAttempt.js"
import { makeSessionCache } from "../tls/sessionCache.js"
import { settingsOf } from "../tls/tlsSettings.js"
import { during, phaseTimeout } from "./reach.js"

export type SecureError = TlsError | ConnectionTimeoutError

/** The part of an exchange that a TLS step needs. */
export interface TlsContext extends ExchangeContext {
  readonly route: Route
}

export interface TlsStep {
  /** The same steps with full handshakes, which do not offer a session. */
  readonly full: TlsStep
  readonly origin: (context: TlsContext, socket: Net.Socket, http2: Http2Offer) => Effect.Effect<Secured, SecureError>
  readonly proxy: (context: TlsContext, proxy: ProxyRoute, socket: Net.Socket) => Effect.Effect<Secured, SecureError>
}

const runHandshake = (
  context: TlsContext,
  socket: Net.Socket,
  options: Omit<HandshakeOptions, "details" | "trace">
): Effect.Effect<Secured, SecureError> => {
  const limit = context.limits.tls
  const attempt = Effect.suspend(() =>
    handshake(socket, { ...options, details: context.details("tls"), trace: context.trace })
  )
  return during(
    context,
    "tls",
    limit === Infinity
      ? attempt
      : Effect.timeoutFail(attempt, {
          duration: Duration.millis(limit),
          onTimeout: () => phaseTimeout(context, "tls", "tls")
        })
  )
}

/** The steps of one connector. `certificateWarning` is in milliseconds. */
export const makeTlsStep = (ssl: Ssl | undefined, certificateWarning: number | undefined): TlsStep => {
  const origins = makeSessionCache()
  const proxies = makeSessionCache()
  const steps = (full: boolean): Omit<TlsStep, "full"> => ({
    origin: (context, socket, http2) => {
      const { origin, proxy, serverHostname, ssl: routeSsl } = context.route
      const settings = settingsOf(routeSsl, ssl, serverHostname)
      const { host, port, zone } = origin
      return runHandshake(context, socket, {
        host,
        port,
        settings,
        http2,
        proxy: false,
        certificateWarning,
        sessions: origins,
        full,
        via: proxy?.key ?? zone
      })
    },
    // The connector's settings, including its client certificate, apply to origins only.
    proxy: (context, { host, key, port, ssl: proxySsl }, socket) => {
      const settings = settingsOf(proxySsl, undefined, undefined)
      return runHandshake(context, socket, {
        host,
        port,
        settings,
        http2: "never",
        proxy: true,
        certificateWarning,
        sessions: proxies,
        full,
        via: key
      })
    }
  })
  const full: TlsStep = {
    ...steps(true),
    get full() {
      return full
    }
  }
  return { ...steps(false), full }
}

/** Whether an origin or an https proxy may have rejected the session that the client offered. */
const mayRejectSession = (error: ClientError): boolean => rejectsSession(error) || rejectsSession(error.cause)

/**
 * Dials again with full handshakes if a server may have rejected a session. RFC 8446 and RFC 5246 require it to fall
 * back to a full handshake, but some servers close instead.
 */
export const withFullHandshake = <A>(
  step: TlsStep,
  dial: (step: TlsStep) => Effect.Effect<A, ClientError>
): Effect.Effect<A, ClientError> => Effect.catchIf(dial(step), mayRejectSession, () => dial(step.full))
