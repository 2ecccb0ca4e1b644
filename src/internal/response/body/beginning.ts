/**
 * The beginning of a body that an error keeps.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { BodyError } from "../../../Errors.js"
import { Gather } from "../../byteBuilder.js"
import { endedBy } from "../../raceWithCallback.js"
import * as Deadlines from "../../transport/deadlines.js"
import type { Batches } from "./pullQueue.js"

/** Bytes of the body that a `ClientResponseError` keeps. */
export const errorBodySize = 1024

/** Milliseconds for which those are waited for. */
const errorBodyTime = 1000

/** What becomes of the rest. */
export interface BeginningEnd {
  /** The body ended within the beginning; `Some`: it failed. */
  readonly ended: (bytes: Uint8Array, failure: Option.Option<BodyError>) => void
  /** There is more of it, or none in time. */
  readonly abandoned: (late: boolean) => void
}

/** Reads the first KiB, and what came with it, or less where that takes too long. `received`: it waits for nothing. */
export const readBeginning = (
  pull: Batches["pull"],
  received: boolean,
  end: BeginningEnd
): Effect.Effect<Uint8Array> => {
  const gather = new Gather()
  const enough = (late: boolean) =>
    Effect.sync(() => {
      end.abandoned(late)
      return gather.takeAll()
    })
  const loop: Effect.Effect<Uint8Array> = Effect.matchEffect(pull, {
    onFailure: (failure) =>
      Effect.sync(() => {
        const bytes = gather.takeAll()
        end.ended(bytes, failure)
        return bytes
      }),
    onSuccess: (batch) => {
      for (const piece of batch) gather.append(piece, 0, piece.length)
      return gather.size <= errorBodySize ? loop : enough(false)
    }
  })
  if (received) return loop
  const inTime = Effect.clockWith((clock) =>
    endedBy(loop, (late: (_: "late") => void) => {
      const deadlines = Deadlines.of(clock)
      const deadline = deadlines.schedule(deadlines.now() + errorBodyTime, () => late("late"))
      return () => deadline.cancel()
    })
  )
  return Effect.catchAll(inTime, () => enough(true))
}
