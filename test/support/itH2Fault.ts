/**
 * A test of a fault over HTTP/2: a scripted server, a separate session, and the invariants after it. Without TLS the
 * session speaks HTTP/2 without asking.
 */
import { it } from "@effect/vitest"
import { Effect, type Exit, type Scope } from "effect"
import type * as Session from "effect-http-session/Session"
import { type H2Play, type H2Request, type H2Server, h2Server, response } from "./h2Server.js"
import { type FaultOptions, faultTest } from "./itFault.js"
import { sessionOn } from "./session.js"

export type H2FaultOptions = Omit<FaultOptions, "tls">

/** A session that speaks HTTP/2 without asking. */
export const h2Session = ({ connector, session }: H2FaultOptions = {}) =>
  sessionOn({ http2: { mode: "prior-knowledge" }, ...connector }, session)

/** As `itFault`. Each connection runs its play and then answers nonces, as do later connections. */
export const itH2Fault = <A, E>(
  name: string,
  plays: H2Play | ReadonlyArray<H2Play>,
  test: (session: Session.SessionService, at: H2Server) => Effect.Effect<A, E, Scope.Scope>,
  check?: ((exit: Exit.Exit<A, E>, at: H2Server) => void) | undefined,
  options: H2FaultOptions = {}
): void => {
  const list = typeof plays === "function" ? [plays] : plays
  const begin = Effect.gen(function* () {
    const at = yield* h2Server(list)
    return { at, ...(yield* h2Session(options)) }
  })
  it.scopedLive(name, () => faultTest(begin, test, check, options))
}

/** A play that runs these in order. */
export const plays =
  (...steps: ReadonlyArray<H2Play>): H2Play =>
  (peer) =>
    Effect.forEach(steps, (step) => step(peer), { discard: true })

/** Takes so many whole requests, then sends the frames that `f` returns for them. */
export const gathered =
  (count: number, f: (requests: ReadonlyArray<H2Request>) => ReadonlyArray<Uint8Array>): H2Play =>
  (peer) =>
    Effect.flatMap(Effect.all(Effect.replicate(peer.request, count)), (requests) =>
      peer.send(Buffer.concat(f(requests)))
    )

/** A response with the target as its body, or with the requested nonce. */
export const echoed = ({ stream, target }: Pick<H2Request, "stream" | "target">): Buffer =>
  response(stream, 200, target.startsWith("/nonce?") ? target.slice("/nonce?".length) : target)
