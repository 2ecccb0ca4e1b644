/**
 * The bytes of a Blob.
 */
import * as Stream from "effect/Stream"

/** Read anew each time. */
export const blobStream = (blob: Blob): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() =>
    Stream.fromReadableStream<Uint8Array, unknown>({ evaluate: () => blob.stream(), onError: (cause) => cause })
  )
