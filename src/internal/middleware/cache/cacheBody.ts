/** Copies a body for the cache while its reader reads it. */
import { type BodyControl, IncomingBody } from "../../transport/incomingBody.js"

/** Receives a copy of a body while it is read. */
export interface CopyListener {
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
export const copyWhileRead = (
  received: IncomingBody,
  listener: CopyListener
): { readonly body: IncomingBody; readonly hurry: () => void } => {
  let pieces: Array<Buffer> = []
  let size = 0
  const { limit } = listener
  const control: BodyControl = {
    resume: () => received.resume(),
    limitIdle: (millis) => received.limitIdle(millis),
    abandon: (atOnce) => {
      pieces = []
      received.abandon(atOnce)
      listener.onLost("abandoned")
    }
  }
  const passedOn = new IncomingBody(received.length, control, received.queueLimit)
  received.consume({
    onChunk: (slab, start, end) => {
      size += end - start
      const isKept = size <= limit
      if (isKept) pieces.push(Buffer.from(slab.subarray(start, end)))
      else {
        pieces = []
        listener.onLost("large")
      }
      const goesOn = passedOn.push(slab, start, end)
      return goesOn || (isKept && listener.hurries())
    },
    onEnd: () => {
      if (size <= limit) listener.onComplete(Buffer.concat(pieces))
      passedOn.deviations = received.deviations
      passedOn.end(received.trailers)
    },
    onError: (error) => {
      listener.onLost("broken")
      passedOn.fail(error)
    }
  })
  return {
    body: passedOn,
    hurry: () => {
      if (size <= limit) received.resume()
    }
  }
}
