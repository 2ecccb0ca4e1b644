/** Collects a whole body in memory. */
import { constants } from "node:buffer"
import type { BodyError, ClientError } from "../../../Errors.js"
import { ByteBuilder } from "../../byteBuilder.js"
import type { BodyConsumer } from "../../transport/incomingBody.js"
import type { BodySink, BodyWatch } from "./bodyReader.js"

/** Receives the collected body. The last call is one of `collected`, `collectedIn` and `failed`. */
export interface CollectorOwner {
  collected(bytes: Uint8Array): void
  /** `builder` holds the whole body. */
  collectedIn(builder: ByteBuilder): void
  /** Abandons a body that exceeds its limit and returns the error for it. */
  abandonTooLarge(): BodyError
  failed(error: BodyError): void
  /** Converts an error of the connection to an error of the body. */
  bodyError(error: ClientError): BodyError
}

/** Collects a body that a `BodyReader` decodes or limits. */
export class Collector implements BodySink {
  private readonly owner: CollectorOwner
  private readonly builder = new ByteBuilder()

  constructor(owner: CollectorOwner) {
    this.owner = owner
  }
  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    this.builder.append(slab, start, end)
    return true
  }
  onOwned(bytes: Uint8Array): boolean {
    this.builder.append(bytes, 0, bytes.length)
    return true
  }
  onEnd(): void {
    this.owner.collectedIn(this.builder)
  }
  onError(error: BodyError): void {
    this.owner.failed(error)
  }
}

/** Whether `Buffer.allocUnsafe` uses its pool. Reading `.buffer` of the result would take longer. */
const isPooled = (length: number): boolean => length < Buffer.poolSize >>> 1

/**
 * Collects a body that needs no decoding, without a `BodyReader`. Most such bodies arrive in one chunk, which is copied
 * once.
 */
export class PlainCollector implements BodyConsumer {
  private readonly owner: CollectorOwner
  private readonly length: number | undefined
  private readonly watch: BodyWatch | undefined
  private received = 0
  /** A copy of the body, if it arrived in one chunk. */
  private onlyChunk: Uint8Array | undefined = undefined
  private builder: ByteBuilder | undefined = undefined
  private readonly maxLength: number

  constructor(
    owner: CollectorOwner,
    length: number | undefined,
    watch: BodyWatch | undefined,
    largest = constants.MAX_LENGTH
  ) {
    this.owner = owner
    this.length = length
    this.watch = watch
    this.maxLength = largest
  }
  onChunk(slab: Buffer, start: number, end: number): boolean {
    this.received += end - start
    if (this.received > this.maxLength || (this.length !== undefined && this.length > this.maxLength)) {
      this.builder = undefined
      this.fail(this.owner.abandonTooLarge())
      return true
    }
    if (this.builder === undefined && this.onlyChunk === undefined && end - start === this.length) {
      const copy = Buffer.allocUnsafe(this.length)
      // `slab.copy` takes twice as long for a part of a slab.
      copy.set(slab.subarray(start, end))
      this.onlyChunk = copy
      // The watch may keep a pooled buffer, because the reader of the response gets a copy of such a buffer.
      if (this.watch !== undefined) this.watch.chunk?.(isPooled(this.length) ? copy : Buffer.from(copy))
      return true
    }
    if (this.watch !== undefined) this.watch.chunk?.(Buffer.from(slab.subarray(start, end)))
    this.builder ??= new ByteBuilder(this.length)
    this.builder.append(slab, start, end)
    return true
  }
  onEnd(): void {
    if (this.watch !== undefined) this.watch.end?.(this.received, this.received, undefined)
    if (this.builder !== undefined) this.owner.collectedIn(this.builder)
    else this.owner.collected(this.onlyChunk ?? new Uint8Array(0))
  }
  onError(error: ClientError): void {
    this.fail(this.owner.bodyError(error))
  }
  private fail(failure: BodyError): void {
    if (this.watch !== undefined) this.watch.end?.(this.received, this.received, failure)
    this.owner.failed(failure)
  }
}
