/**
 * A stream that keeps to the length that was declared for it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { RequestBodyError } from "../../../Errors.js"

/** Fails before it gives a byte too many, and where it ends too early. */
export const exactly = (
  stream: Stream.Stream<Uint8Array, unknown>,
  length: number
): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() => {
    let count = 0
    const checked = Stream.mapChunksEffect(stream, (chunk) => {
      for (const bytes of chunk) count += bytes.length
      return count > length ? Effect.fail(lengthError(length, true)) : Effect.succeed(chunk)
    })
    const end = Stream.suspend(() => (count < length ? Stream.fail(lengthError(length, false)) : Stream.empty))
    return Stream.concat(checked, end)
  })

/** What a body of another length than declared fails with. */
export const lengthError = (declared: number, longer: boolean): RequestBodyError =>
  new RequestBodyError({
    reason: "Length",
    cause: new RangeError(`the body is ${longer ? "longer" : "shorter"} than the ${declared} bytes declared`)
  })
