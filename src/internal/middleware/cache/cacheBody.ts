/** Copies a body for the cache while its reader reads it. */
import { IncomingBody } from "../../transport/incomingBody.js"

/** Receives a copy of a body while it is read. */
export interface Listener {
  /** Most bytes to keep. */
  readonly limit: number
  /** Whether reading continues while the reader of the body pauses. */
  readonly hurries: () => boolean
  /** Called with the whole body, unless it exceeds `limit`. */
  readonly onComplete: (bytes: Uint8Array) => void
  /** Called if the connection broke, the body exceeds `limit`, or its reader abandoned it. May be called repeatedly. */
  readonly onLost: (why: "broken" | "large" | "abandoned") => void
}

/** Returns a body with the same content for the reader, and `hurry`, which continues reading at once. */
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
