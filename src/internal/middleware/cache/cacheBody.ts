/** Bodies for the cache: one that a listener taps while it is read, and one from stored bytes. */
import { IncomingBody } from "../../transport/incomingBody.js"

/** Receives a copy of a body while it is read. */
export interface Listener {
  /** Most bytes to keep. */
  readonly limit: number
  /** Whether to continue reading when the reader of the body pauses. */
  readonly hurries: () => boolean
  /** Called with the whole body if it has at most `limit` bytes. */
  readonly onComplete: (bytes: Uint8Array) => void
  /** Called if the body broke, is too large, or was abandoned by its reader. May be called more than once. */
  readonly onLost: (why: "broken" | "large" | "abandoned") => void
}

/** Returns a body with the same content for the reader, and `hurry`, which resumes reading at once. */
export const listenTo = (
  from: IncomingBody,
  listener: Listener
): { readonly body: IncomingBody; readonly hurry: () => void } => {
  let pieces: Array<Buffer> = []
  let size = 0
  const { limit } = listener
  const to = new IncomingBody(from.length, {
    resume: () => from.resume(),
    limitIdle: (millis) => from.limitIdle(millis),
    abandon: (atOnce) => {
      pieces = []
      from.abandon(atOnce)
      listener.onLost("abandoned")
    }
  })
  from.consume({
    onChunk: (slab, start, end) => {
      size += end - start
      const kept = size <= limit
      if (kept) pieces.push(Buffer.from(slab.subarray(start, end)))
      else {
        pieces = []
        listener.onLost("large")
      }
      const wanted = to.push(slab, start, end)
      return wanted || (kept && listener.hurries())
    },
    onEnd: () => {
      if (size <= limit) listener.onComplete(Buffer.concat(pieces))
      to.deviations = from.deviations
      to.end(from.trailers)
    },
    onError: (error) => {
      listener.onLost("broken")
      to.fail(error)
    }
  })
  return {
    body: to,
    hurry: () => {
      if (size <= limit) from.resume()
    }
  }
}
