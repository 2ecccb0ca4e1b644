/** Lets a decoder take over the request of a verb before it is sent, so that no Scope is needed. */
import type * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"

/**
 * A key of the effects of verbs that their types do not show. Results of combinators such as `Effect.tap` do not have
 * it.
 */
export const Unopened: unique symbol = Symbol.for("effect-http-session/Unopened")

/** A request that has not been sent. Each run of one of its effects sends it. */
export interface UnopenedRequest<R, E = ClientError> {
  /** Sends the request, reads the whole body in the same step, releases the connection, then runs `f`. */
  readonly collect: <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ) => Effect.Effect<A, E | E2, R | R2>
  /** Sends the request, runs `f`, and releases the response. */
  readonly use: <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ) => Effect.Effect<A, E | E2, R | R2>
}

/** The request behind an effect that a verb returned; otherwise `undefined`. */
export const unopenedOf = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): UnopenedRequest<Exclude<R, Scope>, E> | undefined =>
  // Only verbs set the symbol, on effects of this type.
  (self as { readonly [Unopened]?: UnopenedRequest<Exclude<R, Scope>, E> })[Unopened]
