/**
 * The TLS steps of a dial: with the origin, and before that with an https proxy. They share no setting and no session.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ClientError, ConnectionTimeoutError, TlsError } from "../../../Errors.js"
import type { Ssl } from "../../../Ssl.js"
import type { ExchangeContext, ProxyRoute, Route } from "../../transport/transport.js"
import { type HandshakeOptions, handshake, rejectsSession, type Secured } from "../tls/handshake.js"
import { makeSessionCache } from "../tls/sessionCache.js"
import { settingsOf } from "../tls/tlsSettings.js"
import { during, timedOut } from "./reach.js"

export type SecureError = TlsError | ConnectionTimeoutError

/** What a TLS step has to know of its request. */
export interface TlsContext extends ExchangeContext {
  readonly route: Route
}

export interface TlsStep {
  /** The same steps, which offer no session. */
  readonly full: TlsStep
  readonly origin: (context: TlsContext, socket: Net.Socket) => Effect.Effect<Secured, SecureError>
  readonly proxy: (context: TlsContext, proxy: ProxyRoute, socket: Net.Socket) => Effect.Effect<Secured, SecureError>
}

const run = (
  context: TlsContext,
  socket: Net.Socket,
  options: Omit<HandshakeOptions, "details" | "trace">
): Effect.Effect<Secured, SecureError> => {
  const limit = context.limits.tls
  const secured = Effect.suspend(() =>
    handshake(socket, { ...options, details: context.details("tls"), trace: context.trace })
  )
  return during(
    context,
    "tls",
    limit === Infinity
      ? secured
      : Effect.timeoutFail(secured, {
          duration: Duration.millis(limit),
          onTimeout: () => timedOut(context, "tls", "tls")
        })
  )
}

/** The steps of one connector; `certificateWarning` in milliseconds. */
export const makeTlsStep = (ssl: Ssl | undefined, certificateWarning: number | undefined): TlsStep => {
  const origins = makeSessionCache()
  const proxies = makeSessionCache()
  const steps = (full: boolean): Omit<TlsStep, "full"> => ({
    origin: (context, socket) => {
      const { origin, proxy, serverHostname, ssl: own } = context.route
      const settings = settingsOf(own, ssl, serverHostname)
      const { host, port, zone } = origin
      return run(context, socket, {
        host,
        port,
        settings,
        proxy: false,
        certificateWarning,
        sessions: origins,
        full,
        via: proxy?.key ?? zone
      })
    },
    // The connector's own settings, and the identity in them, are for origins.
    proxy: (context, { host, key, port, ssl: own }, socket) => {
      const settings = settingsOf(own, undefined, undefined)
      return run(context, socket, {
        host,
        port,
        settings,
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

/** Whether a server, or an https proxy, has ended a handshake in which a session was offered. */
const mayBeSession = (error: ClientError): boolean => rejectsSession(error) || rejectsSession(error.cause)

/** Dials once more with full handshakes where a server may have refused a session (RFC 8446 and 5246 have it fall back). */
export const withFullHandshake = <A>(
  step: TlsStep,
  dial: (step: TlsStep) => Effect.Effect<A, ClientError>
): Effect.Effect<A, ClientError> => Effect.catchIf(dial(step), mayBeSession, () => dial(step.full))
