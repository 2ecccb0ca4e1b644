/** Compresses a request body chunk by chunk, with the backpressure of the transport. */
import * as Zlib from "node:zlib"
import * as Effect from "effect/Effect"
import { RequestBodyError } from "../../../Errors.js"
import { callback } from "../../effect/callback.js"
import type { RequestSink } from "../../transport/transport.js"

/** Values of the option `compress`. "deflate" is the zlib format (RFC 9110 section 8.4.1.2). */
export type Compression = "deflate" | "gzip" | "br"

const transforms = {
  deflate: () => Zlib.createDeflate(),
  gzip: () => Zlib.createGzip(),
  // The default, 11, is for content that is compressed once and sent often.
  br: () => Zlib.createBrotliCompress({ params: { [Zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })
} as const

export class Compressor {
  private readonly transform: Zlib.Deflate | Zlib.Gzip | Zlib.BrotliCompress
  private failure: Error | undefined = undefined
  private onFailure: ((error: Error) => void) | undefined = undefined

  constructor(compression: Compression, sink: RequestSink) {
    const transform = transforms[compression]()
    this.transform = transform
    transform.on("data", (chunk: Buffer) => {
      if (chunk.length === 0 || sink.write(chunk)) return
      transform.pause()
      sink.onDrain = () => {
        sink.onDrain = undefined
        transform.resume()
      }
    })
    transform.on("error", (error) => {
      this.failure = error
      this.onFailure?.(error)
    })
  }

  /** Completes when zlib has taken the bytes, which it does not while the transport pauses the output. */
  write(bytes: Uint8Array): Effect.Effect<void, RequestBodyError> {
    return this.step((done) => {
      this.transform.write(bytes, () => done())
      return undefined
    })
  }

  /** Completes when the transport has all of the output. */
  readonly end: Effect.Effect<void, RequestBodyError> = this.endStep()

  destroy(): void {
    this.transform.destroy()
  }

  private endStep(): Effect.Effect<void, RequestBodyError> {
    return this.step((done) => {
      this.transform.once("end", done)
      this.transform.end()
    })
  }

  private step(begin: (done: () => void) => void): Effect.Effect<void, RequestBodyError> {
    return callback((resume) => {
      const fail = (cause: Error) => resume(Effect.fail(new RequestBodyError({ reason: "Encode", cause })))
      if (this.failure !== undefined) {
        fail(this.failure)
        return
      }
      this.onFailure = fail
      begin(() => resume(Effect.void))
    })
  }
}
