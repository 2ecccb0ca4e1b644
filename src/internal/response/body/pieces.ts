/** Limits the size of chunks. */
import * as Chunk from "effect/Chunk"
import * as Stream from "effect/Stream"

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
  return Stream.mapChunks(stream, (chunk) =>
    Chunk.some(chunk, (bytes) => bytes.length > size)
      ? Chunk.flatMap(chunk, (bytes) => Chunk.unsafeFromArray(split(bytes, size)))
      : chunk
  )
}
