/** Collects a whole body in memory. */
import { constants } from "node:buffer"
import type { BodyError, ClientError } from "../../../Errors.js"
import { ByteBuilder } from "../../byteBuilder.js"
import type { BodyConsumer } from "../../transport/incomingBody.js"
import type { BodySink, BodyWatch } from "./bodyReader.js"

/** Receives the collected body. The last call is one of `collected`, `gathered` and `failed`. */
export interface Collecting {
  collected(bytes: Uint8Array): void
  gathered(builder: ByteBuilder): void
  /** Abandons a body that exceeds its limit and returns the error for it. */
  refused(): BodyError
  failed(error: BodyError): void
  /** Converts an error of the connection to an error of the body. */
  bodyError(error: ClientError): BodyError
}

/** Collects a body that a `BodyReader` decodes or limits. */
export class Collector implements BodySink {
  private readonly response: Collecting
  private readonly builder = new ByteBuilder()

  constructor(response: Collecting) {
    this.response = response
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
    this.response.gathered(this.builder)
  }
  onError(error: BodyError): void {
    this.response.failed(error)
  }
}

/** Whether `Buffer.allocUnsafe` uses its pool. Reading `.buffer` of the result would take longer. */
const isPooled = (length: number): boolean => length < Buffer.poolSize >>> 1

/**
 * Collects a body that needs no decoding, without a `BodyReader`. Most such bodies arrive in one chunk, which is copied
 * once.
 */
export class PlainCollector implements BodyConsumer {
  private readonly response: Collecting
  private readonly length: number | undefined
  private readonly watch: BodyWatch | undefined
  private received = 0
  private only: Uint8Array | undefined = undefined
  private builder: ByteBuilder | undefined = undefined
  private readonly largest: number

  constructor(
    response: Collecting,
    length: number | undefined,
    watch: BodyWatch | undefined,
    largest = constants.MAX_LENGTH
  ) {
    this.response = response
    this.length = length
    this.watch = watch
    this.largest = largest
  }
  onChunk(slab: Buffer, start: number, end: number): boolean {
    this.received += end - start
    if (this.received > this.largest || (this.length !== undefined && this.length > this.largest)) {
      this.builder = undefined
      this.fail(this.response.refused())
      return true
    }
    if (this.builder === undefined && this.only === undefined && end - start === this.length) {
      const copy = Buffer.allocUnsafe(this.length)
      // `slab.copy` takes twice as long for a part of a slab.
      copy.set(slab.subarray(start, end))
      this.only = copy
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
    if (this.builder !== undefined) this.response.gathered(this.builder)
    else this.response.collected(this.only ?? new Uint8Array(0))
  }
  onError(error: ClientError): void {
    this.fail(this.response.bodyError(error))
  }
  private fail(failure: BodyError): void {
    if (this.watch !== undefined) this.watch.end?.(this.received, this.received, failure)
    this.response.failed(failure)
  }
}
