/**
 * Opens the socket of one exchange within its time to connect.
 */
import * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import { endedBy } from "../raceWithCallback.js"
import { Sockets, type Wire } from "../transport/networkStream.js"
import type { Exchange } from "../transport/transport.js"
import type { Dialer } from "./dial/dialer.js"
import { timeoutError } from "./slotWaiter.js"

/** What opening a socket needs of its network. */
export interface Opening<A> {
  readonly exchange: Exchange
  /** When the time to connect began. */
  readonly startedAt: number
  readonly dialer: Dialer
  /** Why the exchange must not go on, if it must not. */
  readonly refusal: () => ClientError | undefined
  /** Keeps each socket that is tried, until it is closed. */
  readonly track: (socket: Wire["socket"]) => void
  /** Takes the open socket; no interruption comes between. */
  readonly adopt: (wire: Wire) => A
}

/** Calls `fail` when the time to connect is over, or when the exchange is ended by its own limits or its session. */
export const limitConnect = (
  { exchange, refusal, startedAt }: Pick<Opening<unknown>, "exchange" | "refusal" | "startedAt">,
  fail: (error: ClientError) => void
) => {
  const refused = refusal()
  if (refused !== undefined) fail(refused)
  const limit = exchange.limits.connect
  const deadline = exchange.deadlines.schedule(startedAt + limit, () => fail(timeoutError(exchange, "connect", limit)))
  exchange.onAbort = fail
  return () => {
    deadline.cancel()
    exchange.onAbort = undefined
  }
}

/** Dials and adopts the socket, or destroys all that were tried. */
export const openWire = <A>(opening: Opening<A>): Effect.Effect<A, ClientError> =>
  Effect.suspend(() => {
    const refused = opening.refusal()
    if (refused !== undefined) return Effect.fail(refused)
    const sockets = new Sockets(opening.track)
    const dialled = endedBy(opening.dialer.dial(opening.exchange, sockets), (fail: (error: ClientError) => void) =>
      limitConnect(opening, fail)
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.matchCauseEffect(restore(dialled), {
        // A socket may have opened in the very moment in which the fiber was interrupted.
        onFailure: (cause) =>
          Effect.zipRight(
            Effect.sync(() => sockets.destroy()),
            Effect.failCause(cause)
          ),
        onSuccess: (wire) => Effect.sync(() => opening.adopt(wire))
      })
    )
  })
