/** Passes a response body from a connection to its consumer, with backpressure. */
import type { ClientError } from "../../Errors.js"
import { ByteBuilder } from "../byteBuilder.js"

/** Buffered bytes at which reading from the connection pauses. */
export const highWaterMark = 64 * 1024

/**
 * Bytes that the reader of a body may queue before it pauses the connection: four slabs of a socket. With two, a fast
 * download takes a tenth longer.
 */
const usualQueueLimit = 512 * 1024

/** How many pieces are buffered separately. Later ones are merged, because each may be a single byte. */
const fewPieces = 16

/** The consumer of a body. The last call is either `onEnd` or `onError`. */
export interface BodyConsumer {
  /** Receives bytes, which are valid only during the call. Returning `false` pauses reading until `resume`. */
  readonly onChunk: (slab: Buffer, start: number, end: number) => boolean
  readonly onEnd: () => void
  readonly onError: (error: ClientError) => void
}

/** The operations that a body needs from its connection. */
export interface BodyControl {
  /** Whether the consumer may keep the slab of the current `push`. Only for a slab that the body fills completely. */
  readonly keep?: () => boolean
  /** Resumes reading after `onChunk` or `push` returned `false`. */
  readonly resume: () => void
  /** Discards the rest. With `atOnce`, closes the connection instead of draining it. */
  readonly abandon: (atOnce: boolean) => void
  /** Fails the body after `millis` milliseconds without a byte during reading. Replaces an earlier limit. */
  readonly limitIdle?: (millis: number) => void
}

/** Header lines after a chunked body. */
export type Trailers = ReadonlyArray<readonly [name: string, value: string]>

/** A response body. Buffers up to the high-water mark until `consume` is called. */
export class IncomingBody {
  /** Bytes received, before decoding. */
  received = 0
  ended = false
  error: ClientError | undefined = undefined
  trailers: Trailers = []
  /** Deviations since the head, as bits of `deviations.ts`. */
  deviations = 0
  /** The length of the body, if the head declares it. */
  readonly length: number | undefined
  /** The number of bytes in the queue of a reader at which it pauses the connection. */
  readonly queueLimit: number
  private control: BodyControl | undefined
  private consumer: BodyConsumer | undefined = undefined
  private buffered: Array<Buffer> = []
  /** Bytes received after `buffered`. */
  private smallPieces: ByteBuilder | undefined = undefined
  private size = 0
  private paused = false
  /** Whether the chunk passed to the consumer is a copy from the buffer. */
  private flushing = false

  constructor(length: number | undefined, control: BodyControl, queueLimit = usualQueueLimit) {
    this.length = length
    this.queueLimit = queueLimit
    this.control = control
  }

  // Called by the connection.

  /** Accepts bytes. Returns `false` if reading must pause until `BodyControl.resume`. */
  push(slab: Buffer, start: number, end: number): boolean {
    this.received += end - start
    if (this.consumer !== undefined && !this.paused) {
      if (this.consumer.onChunk(slab, start, end)) return true
      this.paused = true
      return false
    }
    if (this.smallPieces === undefined && this.buffered.length < fewPieces) {
      this.buffered.push(Buffer.from(slab.subarray(start, end)))
    } else {
      this.smallPieces ??= new ByteBuilder()
      this.smallPieces.append(slab, start, end)
    }
    this.size += end - start
    return this.size < highWaterMark && !this.paused
  }

  /** Call when the body is complete. */
  end(trailers: Trailers): void {
    if (this.ended) return
    this.ended = true
    this.trailers = trailers
    this.control = undefined
    if (this.consumer === undefined || this.size > 0) return
    // `resume` must not notify the consumer again.
    this.paused = false
    this.consumer.onEnd()
  }

  /** Call when the body was truncated, is malformed or timed out. */
  fail(error: ClientError): void {
    if (this.ended) return
    this.ended = true
    this.error = error
    this.control = undefined
    if (this.consumer === undefined || this.size > 0) return
    this.paused = false
    this.consumer.onError(error)
  }

  // Called by the consumer.

  /** Whether the whole body has arrived. */
  get complete(): boolean {
    return this.ended && this.error === undefined
  }

  /** Whether the body has a consumer. */
  get consumed(): boolean {
    return this.consumer !== undefined
  }

  /** Delivers buffered chunks, then new ones. Call once. */
  consume(consumer: BodyConsumer): void {
    this.consumer = consumer
    this.flush()
  }

  /** Takes a complete body that arrived in one piece, instead of `consume`. */
  takeWhole(): Buffer | undefined {
    if (!this.complete || this.consumer !== undefined || this.smallPieces !== undefined) return undefined
    const [whole] = this.buffered
    if (this.buffered.length !== 1) return undefined
    this.consumer = discardingConsumer
    this.buffered = []
    this.size = 0
    return whole
  }

  /** Whether a consumer may keep the whole slab that was passed to `onChunk`. Call during `onChunk`. */
  keep(): boolean {
    return this.flushing || this.control?.keep?.() === true
  }

  /** Resumes reading after `onChunk` returned `false`. */
  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.flush()
  }

  /** Limits the time between two chunks from the connection, in milliseconds. */
  limitIdle(millis: number): void {
    this.control?.limitIdle?.(millis)
  }

  /** Discards the rest. The connection drains a short rest, unless `atOnce`, and closes otherwise. */
  abandon(atOnce = false): void {
    this.consumer = discardingConsumer
    this.buffered = []
    this.smallPieces = undefined
    this.size = 0
    this.paused = false
    this.control?.abandon(atOnce)
  }

  private flush(): void {
    const consumer = this.consumer
    if (consumer === undefined) return
    this.flushing = true
    while (this.size > 0 && !this.paused) {
      const chunk = this.buffered.shift() ?? this.takeSmallPieces()
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

  private takeSmallPieces(): Buffer | undefined {
    const blocks = this.smallPieces?.blocks() ?? []
    this.smallPieces = undefined
    this.buffered = blocks.map((block) => Buffer.from(block.buffer, block.byteOffset, block.length))
    return this.buffered.shift()
  }
}

const discardingConsumer: BodyConsumer = { onChunk: () => true, onEnd: () => {}, onError: () => {} }
