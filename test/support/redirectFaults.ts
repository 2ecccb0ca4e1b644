/**
 * Requests over redirects, checked for leaked secrets.
 */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Option, type Scope } from "effect"
import type * as ClientRequest from "effect-http-session/ClientRequest"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import * as Certificates from "./certificates.js"
import { invariants } from "./invariants.js"
import type * as Server from "./server.js"
import type { SessionParts } from "./sites.js"

export type Tls = { readonly cert: string; readonly key: string }

/** The value of Authorization for "user:s3cr3t-pass". */
export const basic = `Basic ${Buffer.from("user:s3cr3t-pass").toString("base64")}`

/** All bytes that a site received, as text. */
export const received = (at: Server.Server): string =>
  Effect.runSync(at.received)
    .map((bytes) => Buffer.from(bytes).toString("latin1"))
    .join("\n")

/** Asserts that a text contains no secret of the tests, plain or encoded. */
export const assertNoSecret = (text: string, where: string): void => {
  for (const secret of ["s3cr3t-", basic.slice("Basic ".length)]) assert.notInclude(text, secret, where)
}

/** Runs a test on sites and a session made before it; all invariants hold after it. */
export const safely = <A, E extends ClientError>(
  parts: SessionParts,
  servers: ReadonlyArray<Server.Server>,
  test: Effect.Effect<A, E, Scope.Scope>,
  options: { readonly within?: number; readonly interrupts?: boolean } = {}
) => Effect.map(invariants(test, { ...options, connector: parts.connector, servers, deliveries: 10 }), (exit) => exit)

export const tagOf = <A>(exit: Exit.Exit<A, ClientError>): string =>
  Exit.match(exit, {
    onFailure: (cause) => Option.match(Cause.failureOption(cause), { onNone: () => cause._tag, onSome: (e) => e._tag }),
    onSuccess: () => "Success"
  })

export const text = (session: Session.SessionService, url: string, options?: ClientRequest.RequestOptions) =>
  session.get(url, options).pipe(ClientResponse.text)

/** Certificates for the names of these tests. */
export const tlsFor = (names: ReadonlyArray<string>) =>
  Effect.flatMap(Certificates.standard(), ({ authority, ca }) =>
    Effect.map(authority.issue({ names }), (issued): Tls & { readonly ca: string } => ({ ...issued, ca }))
  )
