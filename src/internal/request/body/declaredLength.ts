/** Fails for a body stream whose length differs from the declared one. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RequestBodyError } from "../../../Errors.js"
import { mapPiecesEffect } from "../../effect/streams.js"

/** The same stream. It fails instead of emitting a byte too many, and at the end if it is too short. */
export const withDeclaredLength = (
  stream: Stream.Stream<Uint8Array, unknown>,
  length: number
): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() => {
    let count = 0
    const bounded = mapPiecesEffect(stream, (chunk) => {
      for (const bytes of chunk) count += bytes.length
      return count > length ? Effect.fail(lengthError(length, true)) : Effect.succeed(chunk)
    })
    const end = Stream.suspend(() => (count < length ? Stream.fail(lengthError(length, false)) : Stream.empty))
    return Stream.concat(bounded, end)
  })

/** The error for a body whose length differs from the declared one. */
export const lengthError = (declared: number, longer: boolean): RequestBodyError =>
  new RequestBodyError({
    reason: "Length",
    cause: new RangeError(`expected a body of ${declared} bytes as declared, got ${longer ? "more" : "fewer"}`)
  })
