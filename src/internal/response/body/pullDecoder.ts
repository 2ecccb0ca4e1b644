/**
 * Pulls of bytes turned into pulls of something else.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BodyError, ClientPayloadError } from "../../../Errors.js"
import type { Pull } from "../../pullStream.js"

/** Why a decoder takes no more. */
export interface Refusal {
  readonly reason: "LineTooLong" | "TooLarge"
  readonly description: string
}

/** Makes values of bytes that come in pieces. */
export interface Decoder<A> {
  /** Adds to `out`; a refusal is given after what came before it. */
  readonly push: (bytes: Uint8Array, out: Array<A>) => Refusal | undefined
  readonly end: (out: Array<A>) => Refusal | undefined
}

/** A pull of what `decoder` makes; values that came before a failure are given first. */
export const decoded = <A>(
  pull: Pull<Uint8Array, BodyError>,
  decoder: Decoder<A>,
  refuse: (reason: Refusal["reason"], cause: unknown) => ClientPayloadError
): Pull<A, BodyError> => {
  let last: Effect.Effect<never, Option.Option<BodyError>> | undefined
  const give = (out: Array<A>, refusal: Refusal | undefined): Pull<A, BodyError> => {
    if (refusal !== undefined) {
      last = Effect.fail(Option.some(refuse(refusal.reason, new Error(refusal.description))))
    }
    if (out.length > 0) return Effect.succeed(Chunk.unsafeFromArray(out))
    return last ?? next
  }
  const next: Pull<A, BodyError> = Effect.suspend(() => last ?? more)
  const more: Pull<A, BodyError> = Effect.matchEffect(pull, {
    onFailure: (end) => {
      last = Effect.fail(end)
      const out: Array<A> = []
      return Option.isNone(end) ? give(out, decoder.end(out)) : last
    },
    onSuccess: (batch) => {
      const out: Array<A> = []
      let refusal: Refusal | undefined
      for (const bytes of batch) {
        refusal = decoder.push(bytes, out)
        if (refusal !== undefined) break
      }
      return give(out, refusal)
    }
  })
  return next
}
