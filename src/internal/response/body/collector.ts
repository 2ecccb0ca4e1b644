/**
 * A whole body, put together.
 */
import { constants } from "node:buffer"
import type { BodyError, ClientError } from "../../../Errors.js"
import { Gather } from "../../byteBuilder.js"
import type { BodyConsumer } from "../../transport/incomingBody.js"
import type { BodySink, BodyWatch } from "./bodyReader.js"

/** Who wants it. */
export interface Collecting {
  collected(bytes: Uint8Array): void
  gathered(gather: Gather): void
  /** Gives up a body that is larger than an array may be. */
  refused(): BodyError
  failed(error: BodyError): void
  /** What a body fails with that its connection has failed. */
  bodyError(error: ClientError): BodyError
}

export class Collector implements BodySink {
  private readonly response: Collecting
  private readonly gather = new Gather()

  constructor(response: Collecting) {
    this.response = response
  }
  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    this.gather.append(slab, start, end)
    return true
  }
  onOwned(bytes: Uint8Array): boolean {
    this.gather.append(bytes, 0, bytes.length)
    return true
  }
  onEnd(): void {
    this.response.gathered(this.gather)
  }
  onError(error: BodyError): void {
    this.response.failed(error)
  }
}

/** As `Buffer.allocUnsafe` has it; to look at the buffer behind costs more. */
const isPooled = (length: number): boolean => length < Buffer.poolSize >>> 1

/** For a body that needs no decoding and has no limit: most come in one piece. */
export class PlainCollector implements BodyConsumer {
  private readonly response: Collecting
  private readonly length: number | undefined
  private readonly watch: BodyWatch | undefined
  private received = 0
  private only: Uint8Array | undefined = undefined
  private gather: Gather | undefined = undefined
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
      this.gather = undefined
      this.fail(this.response.refused())
      return true
    }
    if (this.gather === undefined && this.only === undefined && end - start === this.length) {
      const copy = Buffer.allocUnsafe(this.length)
      slab.copy(copy, 0, start, end)
      this.only = copy
      // A small one stands in Node's pool: whoever reads the response gets another copy.
      if (this.watch !== undefined) this.watch.chunk?.(isPooled(this.length) ? copy : Buffer.from(copy))
      return true
    }
    if (this.watch !== undefined) this.watch.chunk?.(Buffer.from(slab.subarray(start, end)))
    this.gather ??= new Gather(this.length)
    this.gather.append(slab, start, end)
    return true
  }
  onEnd(): void {
    if (this.watch !== undefined) this.watch.end?.(this.received, this.received, undefined)
    if (this.gather !== undefined) this.response.gathered(this.gather)
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
