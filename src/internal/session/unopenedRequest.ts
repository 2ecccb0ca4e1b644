/**
 * How a verb hands its request to a decoder before it is opened, so that no Scope has to be made for it.
 */
import type * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { ClientResponse } from "../../ClientResponse.js"
import type { ClientError } from "../../Errors.js"

/** Stands on the effects of verbs; types do not show it, and `Effect.tap` and the like lose it. */
export const Unopened: unique symbol = Symbol.for("effect-http-session/Unopened")

/** A request that has not been sent. Each run of an effect made by it sends it. */
export interface UnopenedRequest<R, E = ClientError> {
  /** Opens it, reads the whole body in the same step, gives the connection back, then maps what is there. */
  readonly collect: <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ) => Effect.Effect<A, E | E2, R | R2>
  /** Opens it, runs `f`, and releases it. */
  readonly use: <A, E2, R2>(
    f: (response: ClientResponse) => Effect.Effect<A, E2, R2>
  ) => Effect.Effect<A, E | E2, R | R2>
}

/** The request behind an effect, if it comes from a verb. */
export const unopenedOf = <E, R>(
  self: Effect.Effect<ClientResponse, E, R>
): UnopenedRequest<Exclude<R, Scope>, E> | undefined =>
  // Only verbs set the symbol, on effects of this type.
  (self as { readonly [Unopened]?: UnopenedRequest<Exclude<R, Scope>, E> })[Unopened]
