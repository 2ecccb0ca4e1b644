/** Opens a socket for one exchange within its `connect` limit. */
import * as Effect from "effect/Effect"
import type { ClientError } from "../../Errors.js"
import { raceWithCallback } from "../raceWithCallback.js"
import { type Http2Offer, type NetworkStream, Sockets } from "../transport/networkStream.js"
import type { Exchange } from "../transport/transport.js"
import type { Dialer } from "./dial/dialer.js"
import { timeoutError } from "./slotWaiter.js"

/** The exchange for which a socket is opened, and the callbacks of the network. */
export interface OpenStreamOptions<A> {
  readonly exchange: Exchange
  /** The start of the time to connect. */
  readonly startedAt: number
  readonly dialer: Dialer
  readonly http2: Http2Offer
  /** Why the exchange must not continue; `undefined` if it may. */
  readonly refusal: () => ClientError | undefined
  /** Called with every socket, including those that fail to connect. */
  readonly track: (socket: NetworkStream["socket"]) => void
  /** Takes ownership of the open socket. Runs uninterruptibly after dialing. */
  readonly adopt: (wire: NetworkStream) => A
}

/** Calls `fail` when the `connect` limit is over or the exchange is aborted. The returned function cancels this. */
export const limitConnect = (
  { exchange, refusal, startedAt }: Pick<OpenStreamOptions<unknown>, "exchange" | "refusal" | "startedAt">,
  fail: (error: ClientError) => void
) => {
  const error = refusal()
  if (error !== undefined) fail(error)
  const limit = exchange.limits.connect
  const deadline = exchange.deadlines.schedule(startedAt + limit, () => fail(timeoutError(exchange, "connect", limit)))
  exchange.onAbort = fail
  return () => {
    deadline.cancel()
    exchange.onAbort = undefined
  }
}

/** Dials, then adopts the socket. A failure or an interruption destroys all sockets of the dial. */
export const openStream = <A>(options: OpenStreamOptions<A>): Effect.Effect<A, ClientError> =>
  Effect.suspend(() => {
    const error = options.refusal()
    if (error !== undefined) return Effect.fail(error)
    const sockets = new Sockets(options.track)
    const dialed = raceWithCallback(
      options.dialer.dial(options.exchange, sockets, options.http2),
      (fail: (error: ClientError) => void) => limitConnect(options, fail)
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.matchCauseEffect(restore(dialed), {
        // A socket may have connected just before the fiber was interrupted.
        onFailure: (cause) =>
          Effect.zipRight(
            Effect.sync(() => sockets.destroy()),
            Effect.failCause(cause)
          ),
        onSuccess: (wire) => Effect.sync(() => options.adopt(wire))
      })
    )
  })
