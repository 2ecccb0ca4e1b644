/**
 * The parts of a multipart message that is received.
 */
import * as Multipart from "@effect/platform/Multipart"
import * as Stream from "effect/Stream"

/** Parsed by @effect/platform, within its limits, as they come. */
export const receivedParts = <E>(source: {
  readonly headers: { readonly [name: string]: string }
  readonly stream: Stream.Stream<Uint8Array, E>
}): Stream.Stream<Multipart.Part, E | Multipart.MultipartError> =>
  Stream.pipeThroughChannel(source.stream, Multipart.makeChannel<E>({ ...source.headers }))
