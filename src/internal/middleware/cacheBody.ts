/**
 * Bodies of the cache: one that is listened to on its way, one that is there.
 */
import { IncomingBody } from "../transport/incomingBody.js"

/** The same body; `onComplete` gets its bytes when all have come and there are at most `limit`. */
export const listenTo = (from: IncomingBody, limit: number, onComplete: (bytes: Uint8Array) => void): IncomingBody => {
  let pieces: Array<Buffer> = []
  let size = 0
  const to = new IncomingBody(from.length, {
    resume: () => from.resume(),
    abandon: () => {
      pieces = []
      from.abandon()
    }
  })
  from.consume({
    onChunk: (slab, start, end) => {
      size += end - start
      if (size <= limit) pieces.push(Buffer.from(slab.subarray(start, end)))
      else pieces = []
      return to.push(slab, start, end)
    },
    onEnd: () => {
      if (size <= limit) onComplete(Buffer.concat(pieces))
      to.end(from.trailers)
    },
    onError: (error) => to.fail(error)
  })
  return to
}

/** A body that has come. */
export const bodyOf = (bytes: Uint8Array): IncomingBody => {
  const body = new IncomingBody(bytes.length, { resume: () => {}, abandon: () => {} })
  if (bytes.length > 0) body.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
  body.end([])
  return body
}
