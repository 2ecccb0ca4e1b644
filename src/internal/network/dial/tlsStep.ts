/**
 * The TLS steps of a dial: with the origin, and before that with an https proxy. They share no setting and no session.
 */
import type * as Net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectionTimeoutError, TlsError } from "../../../Errors.js"
import type { Ssl } from "../../../Ssl.js"
import type { ExchangeContext, ProxyRoute, Route } from "../../transport/transport.js"
import { type HandshakeOptions, handshake, type Secured } from "../tls/handshake.js"
import { makeSessionCache } from "../tls/sessionCache.js"
import { settingsOf } from "../tls/tlsSettings.js"
import { during, timedOut } from "./reach.js"

export type SecureError = TlsError | ConnectionTimeoutError

/** What a TLS step has to know of its request. */
export interface TlsContext extends ExchangeContext {
  readonly route: Route
}

export interface TlsStep {
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
  return {
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
        via: key
      })
    }
  }
}
