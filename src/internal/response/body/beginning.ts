/**
 * The beginning of a body, which an error keeps; the rest stays where it is, and can be read after it.
 */
import * as Effect from "effect/Effect"
import type { BodyError } from "../../../Errors.js"
import { Gather } from "../../byteBuilder.js"
import * as Deadlines from "../../transport/deadlines.js"
import type { BodySink } from "./bodyReader.js"

/** Milliseconds for which the beginning is awaited. */
const beginningTime = 1000

/** Gathers bytes until there are more than `size`, then stops the reader until another sink takes over. */
export class Beginning implements BodySink {
  /** Whether the body has ended, well or not. */
  ended = false
  error: BodyError | undefined = undefined
  private readonly size: number
  private readonly gather = new Gather()
  private stopped = false
  private next: BodySink | undefined = undefined
  private wake: (() => void) | undefined = undefined

  constructor(size: number) {
    this.size = size
  }

  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    if (this.next !== undefined) return this.next.onBytes(slab, start, end)
    this.gather.append(slab, start, end)
    if (this.gather.size <= this.size) return true
    this.stopped = true
    this.settle()
    return false
  }

  onOwned(bytes: Uint8Array): boolean {
    return this.next === undefined ? this.onBytes(bytes, 0, bytes.length) : this.next.onOwned(bytes)
  }

  onEnd(): void {
    if (this.next !== undefined) this.next.onEnd()
    else this.end(undefined)
  }

  onError(error: BodyError): void {
    if (this.next !== undefined) this.next.onError(error)
    else this.end(error)
  }

  /** The bytes so far. They stay for the next sink. */
  get bytes(): Uint8Array {
    const bytes = this.gather.takeAll()
    this.gather.append(bytes, 0, bytes.length)
    return bytes
  }

  /** Passes the bytes and what follows them to another sink. Returns whether the reader must be resumed. */
  continueIn(sink: BodySink): boolean {
    this.next = sink
    const bytes = this.gather.takeAll()
    const more = bytes.length === 0 || sink.onOwned(bytes)
    if (this.error !== undefined) sink.onError(this.error)
    else if (this.ended) sink.onEnd()
    return more && this.stopped
  }

  /** Waits until there is enough, or the body has ended, but no longer than a second. */
  get awaited(): Effect.Effect<void> {
    return Effect.clockWith((clock) =>
      Effect.async<void>((resume) => {
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
        return Effect.sync(() => {
          this.wake = undefined
          deadline.cancel()
        })
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
