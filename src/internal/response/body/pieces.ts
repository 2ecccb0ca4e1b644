/** Limits the size of chunks. */
import * as Stream from "effect/Stream"
import { mapPieces } from "../../effect/streams.js"

const split = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> => {
  const out: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += size) out.push(bytes.subarray(at, at + size))
  return out
}

/** Splits chunks larger than `size` bytes. Without a size, returns the stream unchanged. */
export const inPieces = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  size: number | undefined
): Stream.Stream<Uint8Array, E, R> => {
  if (size === undefined) return stream
  if (!Number.isInteger(size) || size < 1) {
    return Stream.die(new RangeError(`Invalid option "chunkSize": expected a positive integer, got ${String(size)}`))
  }
  return mapPieces(stream, (chunk) =>
    chunk.some((bytes) => bytes.length > size) ? chunk.flatMap((bytes) => split(bytes, size)) : chunk
  )
}
