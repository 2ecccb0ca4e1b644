/**
 * A test of a fault: a scripted server, a separate session, and the invariants after it.
 */
import { assert, it } from "@effect/vitest"
import { type Cause, Effect, Exit, type Scope } from "effect"
import * as ClientResponse from "effect-http-session/ClientResponse"
import * as Connector from "effect-http-session/Connector"
import * as CookieJar from "effect-http-session/CookieJar"
import type { ClientError } from "effect-http-session/Errors"
import * as Session from "effect-http-session/Session"
import { type InvariantOptions, invariants } from "./invariants.js"
import { type Play, type Server, server } from "./server.js"

export interface FaultOptions extends Omit<InvariantOptions, "connector" | "servers" | "followUp"> {
  readonly session?: Session.SessionOptions | undefined
  readonly connector?: Connector.TcpOptions | undefined
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Whether another request on the session is made afterwards. Default `true`. */
  readonly followUp?: boolean | undefined
}

let nonces = 0

/** A request that must get its own answer, whatever was left on the connections. */
export const nonce = (session: Session.SessionService, at: Server, options?: { readonly ssl?: undefined | false }) =>
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
    const connector = yield* Connector.tcp(options.connector)
    const jar = yield* CookieJar.make()
    const session = yield* Session.make(options.session).pipe(
      Effect.provideService(Connector.Connector, connector),
      Effect.provideService(CookieJar.CookieJar, jar)
    )
    return { at, connector, session }
  })

/**
 * A test on real sockets and real time. `test` is the program; `check` inspects its exit. Without `check` it must
 * succeed. Afterwards all invariants hold, and the session answers another request.
 */
export const itFault = <A, E extends ClientError | { readonly _tag: string }>(
  name: string,
  plays: Play | ReadonlyArray<Play>,
  test: (session: Session.SessionService, at: Server) => Effect.Effect<A, E, Scope.Scope>,
  check?: ((exit: Exit.Exit<A, E>, at: Server) => void) | undefined,
  options: FaultOptions = {}
): void => {
  const list = typeof plays === "function" ? [plays] : plays
  it.scopedLive(name, () =>
    Effect.gen(function* () {
      const { at, connector, session } = yield* faultySession(list, options)
      const exit = yield* invariants(test(session, at), {
        ...options,
        connector,
        servers: [at],
        followUp: options.followUp === false ? undefined : nonce(session, at)
      })
      if (check !== undefined) check(exit, at)
      else if (Exit.isFailure(exit)) assert.fail(`failed: ${String(exit.cause satisfies Cause.Cause<E>)}`)
    })
  )
}

/** The failure's tag, or "Success". */
export const outcome = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string =>
  Exit.match(exit, {
    onFailure: (cause) => (cause._tag === "Fail" ? cause.error._tag : cause._tag),
    onSuccess: () => "Success"
  })
