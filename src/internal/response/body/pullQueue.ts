/** Reads a body by pulls. Each pull returns all bytes received so far; reading pauses while the queue is full. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BodyError } from "../../../Errors.js"
import { ByteBuilder } from "../../byteBuilder.js"
import { cancellable } from "../../effect/callback.js"
import type { Pull } from "../../effect/pullStream.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { BodySink } from "./bodyReader.js"

/** Chunks of fewer bytes are merged. */
const smallSize = 4 * 1024

export class PullQueue implements BodySink, Turning {
  /** Called after bytes were taken, to resume reading. The reader of the body sets it. */
  onTaken: () => void = () => {}
  private pieces: Array<Uint8Array> = []
  private readonly smallPieces = new ByteBuilder()
  private size = 0
  private isPaused = false
  private ended = false
  private error: BodyError | undefined = undefined
  private wake: (() => void) | undefined = undefined
  private waking = false
  /** The number of bytes in the queue at which reading pauses. */
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    if (end - start < smallSize) {
      this.smallPieces.append(slab, start, end)
      return this.grow(end - start)
    }
    return this.onOwned(new Uint8Array(slab.subarray(start, end)))
  }

  onOwned(bytes: Uint8Array): boolean {
    if (bytes.length < smallSize) this.smallPieces.append(bytes, 0, bytes.length)
    else {
      this.mergeSmallPieces()
      this.pieces.push(toPlainArray(bytes))
    }
    return this.grow(bytes.length)
  }

  onEnd(): void {
    this.ended = true
    this.wakeReader()
  }

  onError(error: BodyError): void {
    this.error = error
    this.ended = true
    this.wakeReader()
  }

  /** Whether a pull returns without waiting. */
  get ready(): boolean {
    return this.size > 0 || this.ended
  }

  /** Removes and returns the queued chunks; empty at the end of the body. */
  take(): Array<Uint8Array> {
    this.mergeSmallPieces()
    const out = this.pieces
    this.pieces = []
    this.size = 0
    if (this.isPaused) {
      this.isPaused = false
      this.onTaken()
    }
    return out
  }

  /**
   * After the last bytes, fails with the error of the body, or with `None` if it is complete. Pulls must not overlap.
   */
  readonly pull: Pull<Uint8Array, BodyError> = Effect.suspend(() =>
    this.ready ? this.next() : Effect.zipRight(this.wait, this.takeNext)
  )

  private readonly takeNext = Effect.suspend(() => this.next())

  private readonly wait = cancellable<void>((resume) => {
    if (this.ready) {
      resume(Effect.void)
      return
    }
    this.wake = () => resume(Effect.void)
    return () => {
      this.wake = undefined
    }
  })

  private next(): Pull<Uint8Array, BodyError> {
    if (this.size > 0) return Effect.succeed(this.take())
    return Effect.fail(Option.fromNullable(this.error))
  }

  private mergeSmallPieces(): void {
    if (this.smallPieces.size > 0) for (const block of this.smallPieces.blocks()) this.pieces.push(block)
  }

  private grow(by: number): boolean {
    this.size += by
    this.isPaused = this.size >= this.limit
    if (this.isPaused) this.wakeReader()
    else if (this.wake !== undefined && !this.waking) {
      this.waking = true
      atTurnEnd(this)
    }
    return !this.isPaused
  }

  /** Wakes the reader at the end of the turn, because that costs more than merging the chunks of the turn. */
  endTurn(): void {
    this.waking = false
    if (this.ready) this.wakeReader()
  }

  private wakeReader(): void {
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }
}

const toPlainArray = (bytes: Uint8Array): Uint8Array =>
  Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes

/** A pull that succeeds once, with a body in memory. */
export const once = (bytes: Uint8Array): PullQueue["pull"] => {
  let delivered = bytes.length === 0
  return Effect.suspend(() => {
    if (delivered) return Effect.fail(Option.none())
    delivered = true
    return Effect.succeed([bytes])
  })
}
