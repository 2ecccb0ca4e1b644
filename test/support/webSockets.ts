/**
 * Sessions for tests of WebSockets, and the types of their errors.
 */
import { Effect, type ParseResult, type Scope } from "effect"
import { type Errors, Session } from "effect-http-session"
import type { LoggedRequest } from "./server.js"

/** A jar that stores cookies of IP addresses: the servers of these tests are on 127.0.0.1. */
export const local: Session.LayerOptions = { cookieJar: { unsafe: true } }

/** Runs an effect with its own session, in a Scope. */
export const inSession = <A, E>(
  effect: Effect.Effect<A, E, Session.Session | Scope.Scope>,
  options: Session.LayerOptions = local
): Effect.Effect<A, E> => effect.pipe(Effect.scoped, Effect.provide(Session.layer(options)))

export const headersOf = (request: LoggedRequest | undefined): Record<string, string> =>
  Object.fromEntries((request?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value]))

export const webSocketError = (error: Errors.ClientError | ParseResult.ParseError): Errors.WebSocketError => {
  if (error._tag !== "WebSocketError") throw new Error(`it is ${error._tag}: ${error.message}`)
  return error
}

export const handshakeError = (error: Errors.ClientError): Errors.WSServerHandshakeError => {
  if (error._tag !== "WSServerHandshakeError") throw new Error(`it is ${error._tag}: ${error.message}`)
  return error
}
