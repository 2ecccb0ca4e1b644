/**
 * Sessions and servers for tests of TLS faults.
 */
import { assert } from "@effect/vitest"
import { type Cause, Effect, Exit } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Ssl from "effect-http-session/Ssl"
import { type Issued, standard } from "./certificates.js"
import { type InvariantOptions, invariants } from "./invariants.js"
import { secureSite } from "./secureSite.js"

export const limits = { timeout: "10 seconds" } as const

export const text = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, { ...limits, ...options }).pipe(ClientResponse.text)

/** The number of the connection, and whether its handshake resumed a session. */
export const connection = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  Effect.scoped(
    Effect.tap(session.get(url, { ...limits, ...options }), (response) => ClientResponse.text(Effect.succeed(response)))
  ).pipe(Effect.map((response) => response.connection))

export const tagAndReason = (error: ClientError): string =>
  "reason" in error ? `${error._tag} ${error.reason}` : error._tag

export const trusting = Effect.gen(function* () {
  const set = yield* standard()
  return { set, ssl: yield* Ssl.context({ ca: set.ca }) }
})

export const site = ({ cert, key }: Issued) => secureSite({ cert, key })

/** Asserts that an effect succeeds and that the invariants hold after it. */
export const holds = <A, E, R>(test: Effect.Effect<A, E, R>, options: InvariantOptions) =>
  Effect.map(invariants(test, { settle: 2000, ...options }), (exit) => {
    if (Exit.isFailure(exit)) assert.fail(String(exit.cause satisfies Cause.Cause<E>))
  })
