/**
 * A test of a fault: a scripted server, a separate session, and the invariants after it.
 */
import { assert, it } from "@effect/vitest"
import { type Cause, Effect, Exit, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import type * as Connector from "effect-http-session/Connector"
import type { ClientError } from "effect-http-session/Errors"
import type * as Session from "effect-http-session/Session"
import { type InvariantOptions, invariants, type WatchedServer } from "./invariants.js"
import { type Play, type Server, server } from "./server.js"
import { sessionOn } from "./session.js"

export interface FaultOptions extends Omit<InvariantOptions, "connector" | "servers" | "followUp"> {
  readonly session?: Session.SessionOptions | undefined
  readonly connector?: Connector.TcpOptions | undefined
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Whether another request on the session is made afterwards. Default `true`. */
  readonly followUp?: boolean | undefined
}

let nonces = 0

/** A request that must get its own response although connections of earlier requests may be open. */
export const nonce = (
  session: Session.SessionService,
  at: Pick<Server, "url">,
  options?: { readonly ssl?: undefined | false }
) =>
  Effect.suspend(() => {
    const own = `n${++nonces}`
    return session.get(`${at.url}/nonce?${own}`, { timeout: "15 seconds", ssl: options?.ssl }).pipe(
      ClientResponse.text,
      Effect.flatMap((text) => (text === own ? Effect.void : Effect.fail(`asked for ${own} and got ${text}`)))
    )
  })

/** A server with these plays, a session, and its connector, in a Scope. */
export const faultySession = (plays: ReadonlyArray<Play>, options: FaultOptions = {}) =>
  Effect.gen(function* () {
    const at = yield* server(plays, { tls: options.tls })
    return { at, ...(yield* sessionOn(options.connector, options.session)) }
  })

/**
 * The program of a fault test. `begin` makes the server and the session, `test` is run on them, and `check` inspects its
 * exit. Without `check` it must succeed. Afterwards all invariants hold, and the session answers another request.
 */
export const faultTest = <At extends WatchedServer & Pick<Server, "url">, A, E>(
  begin: Effect.Effect<
    { readonly at: At; readonly connector: Connector.ConnectorService; readonly session: Session.SessionService },
    never,
    Scope.Scope
  >,
  test: (session: Session.SessionService, at: At) => Effect.Effect<A, E, Scope.Scope>,
  check: ((exit: Exit.Exit<A, E>, at: At) => void) | undefined,
  options: Omit<FaultOptions, "tls">
) =>
  Effect.gen(function* () {
    const { at, connector, session } = yield* begin
    const exit = yield* invariants(test(session, at), {
      ...options,
      connector,
      servers: [at],
      followUp: options.followUp === false ? undefined : nonce(session, at)
    })
    if (check !== undefined) check(exit, at)
    else if (Exit.isFailure(exit)) assert.fail(`failed: ${String(exit.cause satisfies Cause.Cause<E>)}`)
  })

/** A test on real sockets and real time, by `faultTest`. */
export const itFault = <A, E extends ClientError | { readonly _tag: string }>(
  name: string,
  plays: Play | ReadonlyArray<Play>,
  test: (session: Session.SessionService, at: Server) => Effect.Effect<A, E, Scope.Scope>,
  check?: ((exit: Exit.Exit<A, E>, at: Server) => void) | undefined,
  options: FaultOptions = {}
): void => {
  const list = typeof plays === "function" ? [plays] : plays
  it.scopedLive(name, () => faultTest(faultySession(list, options), test, check, options))
}

/** The tag of the error, or "Success". */
export const outcome = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string =>
  Exit.match(exit, {
    onFailure: (cause) => (cause._tag === "Fail" ? cause.error._tag : cause._tag),
    onSuccess: () => "Success"
  })
