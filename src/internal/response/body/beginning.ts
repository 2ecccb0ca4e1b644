/** Reads the first bytes of a body for an error. The whole body can still be read afterwards. */
import * as Effect from "effect/Effect"
import type { BodyError } from "../../../Errors.js"
import { ByteBuilder } from "../../byteBuilder.js"
import { cancellable } from "../../effect/callback.js"
import * as Deadlines from "../../transport/deadlines.js"
import type { BodySink } from "./bodyReader.js"

/** Milliseconds to wait for the first bytes. */
const beginningTime = 1000

/** Collects bytes until it has more than `size`, then pauses the reader until another sink takes over. */
export class Beginning implements BodySink {
  /** Whether the body is complete or has failed. */
  ended = false
  error: BodyError | undefined = undefined
  private readonly size: number
  private readonly builder = new ByteBuilder()
  private stopped = false
  private successor: BodySink | undefined = undefined
  private wake: (() => void) | undefined = undefined

  constructor(size: number) {
    this.size = size
  }

  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    if (this.successor !== undefined) return this.successor.onBytes(slab, start, end)
    this.builder.append(slab, start, end)
    if (this.builder.size <= this.size) return true
    this.stopped = true
    this.settle()
    return false
  }

  onOwned(bytes: Uint8Array): boolean {
    return this.successor === undefined ? this.onBytes(bytes, 0, bytes.length) : this.successor.onOwned(bytes)
  }

  onEnd(): void {
    if (this.successor !== undefined) this.successor.onEnd()
    else this.end(undefined)
  }

  onError(error: BodyError): void {
    if (this.successor !== undefined) this.successor.onError(error)
    else this.end(error)
  }

  /** The bytes received so far, which the next sink receives again. */
  get bytes(): Uint8Array {
    const bytes = this.builder.bytes()
    this.builder.append(bytes, 0, bytes.length)
    return bytes
  }

  /**
   * Passes the received bytes and all later ones to another sink. Returns whether the caller must resume the reader.
   */
  continueIn(sink: BodySink): boolean {
    this.successor = sink
    const bytes = this.builder.bytes()
    const more = bytes.length === 0 || sink.onOwned(bytes)
    if (this.error !== undefined) sink.onError(this.error)
    else if (this.ended) sink.onEnd()
    return more && this.stopped
  }

  /** Waits for enough bytes or the end of the body, at most one second. */
  get wait(): Effect.Effect<void> {
    return Effect.clockWith((clock) =>
      cancellable<void>((resume) => {
        if (this.ended || this.stopped) {
          resume(Effect.void)
          return
        }
        const deadlines = Deadlines.of(clock)
        const deadline = deadlines.schedule(deadlines.now() + beginningTime, () => this.settle())
        this.wake = () => {
          deadline.cancel()
          resume(Effect.void)
        }
        return () => {
          this.wake = undefined
          deadline.cancel()
        }
      })
    )
  }

  private end(error: BodyError | undefined): void {
    this.ended = true
    this.error = error
    this.settle()
  }

  private settle(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
