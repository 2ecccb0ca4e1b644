/**
 * A response's body on its way from a connection to one consumer, with backpressure.
 */
import type { ClientError } from "../../Errors.js"
import { Gather } from "../byteBuilder.js"

/** Bytes of one body between a connection and its consumer before reading stops. */
export const highWaterMark = 64 * 1024

/** Pieces that are kept as they came; those that follow are put together, as they may have a byte each. */
const fewPieces = 16

/** Who reads a body. `onEnd` or `onError` is called once, last. */
export interface BodyConsumer {
  /** The bytes are valid during the call only. `false` stops reading until `resume`. */
  readonly onChunk: (slab: Buffer, start: number, end: number) => boolean
  readonly onEnd: () => void
  readonly onError: (error: ClientError) => void
}

/** What a body needs of its connection. */
export interface BodyControl {
  /** Whether the slab of this `push` may be kept, which is full of the body's bytes. */
  readonly keep?: () => boolean
  /** Reads on after an `onChunk` or `push` that returned `false`. */
  readonly resume: () => void
  /** Nobody wants the rest; `atOnce`: not even to save the connection. */
  readonly abandon: (atOnce: boolean) => void
  /** Fails the body after so many milliseconds without a byte while it is read. Replaces an earlier limit. */
  readonly limitSilence?: (millis: number) => void
}

/** A header line after a chunked body. */
export type Trailers = ReadonlyArray<readonly [name: string, value: string]>

/** A body. Until `consume` it keeps what comes, up to the high-water mark. */
export class IncomingBody {
  /** Bytes of the body as they came, before decoding. */
  received = 0
  ended = false
  error: ClientError | undefined = undefined
  trailers: Trailers = []
  /** Deviations that were tolerated since its head, as bits of `deviations.ts`. */
  deviations = 0
  /** Total, if the head says it. */
  readonly length: number | undefined
  private control: BodyControl | undefined
  private consumer: BodyConsumer | undefined = undefined
  private buffered: Array<Buffer> = []
  /** What came after `buffered`. */
  private crumbs: Gather | undefined = undefined
  private size = 0
  private paused = false
  /** What is handed out came earlier, and stands in copies. */
  private flushing = false

  constructor(length: number | undefined, control: BodyControl) {
    this.length = length
    this.control = control
  }

  // The connection's side.

  /** Takes bytes; `false` asks to stop reading until `BodyControl.resume`. */
  push(slab: Buffer, start: number, end: number): boolean {
    this.received += end - start
    if (this.consumer !== undefined && !this.paused) {
      if (this.consumer.onChunk(slab, start, end)) return true
      this.paused = true
      return false
    }
    if (this.crumbs === undefined && this.buffered.length < fewPieces) {
      this.buffered.push(Buffer.from(slab.subarray(start, end)))
    } else {
      this.crumbs ??= new Gather()
      this.crumbs.append(slab, start, end)
    }
    this.size += end - start
    return this.size < highWaterMark && !this.paused
  }

  /** The whole body has come. */
  end(trailers: Trailers): void {
    if (this.ended) return
    this.ended = true
    this.trailers = trailers
    this.control = undefined
    if (this.consumer === undefined || this.size > 0) return
    // A consumer that resumes afterwards is not told a second time.
    this.paused = false
    this.consumer.onEnd()
  }

  /** The body is cut, malformed or out of time. */
  fail(error: ClientError): void {
    if (this.ended) return
    this.ended = true
    this.error = error
    this.control = undefined
    if (this.consumer === undefined || this.size > 0) return
    this.paused = false
    this.consumer.onError(error)
  }

  // The consumer's side.

  /** Whether all bytes have come and none was handed out. */
  get complete(): boolean {
    return this.ended && this.error === undefined
  }

  /** Whether somebody reads it. */
  get consumed(): boolean {
    return this.consumer !== undefined
  }

  /** Hands out what has come and what comes. Once. */
  consume(consumer: BodyConsumer): void {
    this.consumer = consumer
    this.flush()
  }

  /** Instead of `consume`: all of a body that has come in one piece. */
  takeWhole(): Buffer | undefined {
    if (!this.complete || this.consumer !== undefined || this.crumbs !== undefined) return undefined
    const [whole] = this.buffered
    if (this.buffered.length !== 1) return undefined
    this.consumer = abandoned
    this.buffered = []
    this.size = 0
    return whole
  }

  /** Asked during `onChunk` by a consumer of all that the slab holds: whether it may keep it. */
  keep(): boolean {
    return this.flushing || this.control?.keep?.() === true
  }

  /** Reads on after an `onChunk` that returned `false`. */
  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.flush()
  }

  /** Bounds the time between two pieces that the connection delivers, in milliseconds. */
  limitSilence(millis: number): void {
    this.control?.limitSilence?.(millis)
  }

  /** Nobody will read the rest: the connection drains a small one, or closes, which it does in any case `atOnce`. */
  abandon(atOnce = false): void {
    this.consumer = abandoned
    this.buffered = []
    this.crumbs = undefined
    this.size = 0
    this.paused = false
    this.control?.abandon(atOnce)
  }

  private flush(): void {
    const consumer = this.consumer
    if (consumer === undefined) return
    this.flushing = true
    while (this.size > 0 && !this.paused) {
      const chunk = this.buffered.shift() ?? this.sweep()
      if (chunk === undefined) break
      this.size -= chunk.length
      if (!consumer.onChunk(chunk, 0, chunk.length)) this.paused = true
    }
    this.flushing = false
    if (this.paused) return
    if (!this.ended) this.control?.resume()
    else if (this.error !== undefined) consumer.onError(this.error)
    else consumer.onEnd()
  }

  private sweep(): Buffer | undefined {
    const blocks = this.crumbs?.take() ?? []
    this.crumbs = undefined
    this.buffered = blocks.map((block) => Buffer.from(block.buffer, block.byteOffset, block.length))
    return this.buffered.shift()
  }
}

const abandoned: BodyConsumer = { onChunk: () => true, onEnd: () => {}, onError: () => {} }
