/**
 * The parts of a multipart message that is received.
 */
import * as Multipart from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { nextTurn } from "../../transport/endOfTurn.js"

/** Bytes that are parsed before their parts are handed out: a part may have as few as 40. */
const sliceSize = 64 * 1024

/** Parts that are handed out before timers and other sockets have their turn. */
const partsPerTurn = 256

const sliced = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  if (bytes.length <= sliceSize) return [bytes]
  const slices: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += sliceSize) slices.push(bytes.subarray(at, at + sliceSize))
  return slices
}

/** Parsed by @effect/platform, within its limits, as they come. */
export const receivedParts = <E>(source: {
  readonly headers: { readonly [name: string]: string }
  readonly stream: Stream.Stream<Uint8Array, E>
}): Stream.Stream<Multipart.Part, E | Multipart.MultipartError> =>
  Stream.suspend(() => {
    let parts = 0
    const slices = Stream.rechunk(Stream.mapConcat(source.stream, sliced), 1)
    // One slice waits while another is parsed.
    const parsed = Stream.pipeThroughChannel(slices, Multipart.makeChannel<E>({ ...source.headers }, 1))
    return Stream.mapChunksEffect(parsed, (chunk) => {
      parts += chunk.length
      if (parts < partsPerTurn) return Effect.succeed(chunk)
      parts = 0
      return Effect.as(nextTurn, chunk)
    })
  })
