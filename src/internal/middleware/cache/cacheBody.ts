/**
 * Bodies of the cache: one that is listened to on its way, one that is there.
 */
import { IncomingBody } from "../../transport/incomingBody.js"

/** Who listens to a body. */
export interface Listener {
  /** Bytes that are kept at most. */
  readonly limit: number
  /** Whether to read on where the body's own reader does not. */
  readonly hurries: () => boolean
  /** All bytes have come, and there are at most `limit`. */
  readonly onComplete: (bytes: Uint8Array) => void
  /** They will not: the body broke or is too large, or its reader has given it up. Maybe more than once. */
  readonly onLost: (why: "broken" | "large" | "abandoned") => void
}

/** The same body, and what makes it read on at once. */
export const listenTo = (
  from: IncomingBody,
  listener: Listener
): { readonly body: IncomingBody; readonly hurry: () => void } => {
  let pieces: Array<Buffer> = []
  let size = 0
  const { limit } = listener
  const to = new IncomingBody(from.length, {
    resume: () => from.resume(),
    limitSilence: (millis) => from.limitSilence(millis),
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

/** A body that has come. */
export const bodyOf = (bytes: Uint8Array): IncomingBody => {
  const body = new IncomingBody(bytes.length, { resume: () => {}, abandon: () => {} })
  if (bytes.length > 0) body.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  body.end([])
  return body
}
