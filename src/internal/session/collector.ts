/**
 * A whole body, put together.
 */
import type { BodyError } from "../../Errors.js"
import type { BodySink } from "./bodyReader.js"
import { Gather } from "./gather.js"

/** Who wants it. */
export interface Collecting {
  collected(bytes: Uint8Array): void
  failed(error: BodyError): void
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
    this.response.collected(this.gather.takeAll())
  }
  onError(error: BodyError): void {
    this.response.failed(error)
  }
}
