/**
 * A body for a reader who pulls: each pull gives all that has come so far, and reading stops while nobody pulls.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BodyError } from "../../../Errors.js"
import { Gather } from "../../byteBuilder.js"
import type { Pull } from "../../pullStream.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { BodySink } from "./bodyReader.js"

/** Bytes that wait for the reader before the connection stops. */
const window = 256 * 1024

/** Smaller pieces are put together. */
const small = 4 * 1024

export class Batches implements BodySink, Turning {
  /** Reads on; set by whoever connects it to a body. */
  onTaken: () => void = () => {}
  private pieces: Array<Uint8Array> = []
  private readonly crumbs = new Gather()
  private size = 0
  private full = false
  private ended = false
  private error: BodyError | undefined = undefined
  private wake: (() => void) | undefined = undefined
  private waking = false

  onBytes(slab: Uint8Array, start: number, end: number): boolean {
    if (end - start < small) {
      this.crumbs.append(slab, start, end)
      return this.grown(end - start)
    }
    return this.onOwned(new Uint8Array(slab.subarray(start, end)))
  }

  onOwned(bytes: Uint8Array): boolean {
    if (bytes.length < small) this.crumbs.append(bytes, 0, bytes.length)
    else {
      this.sweep()
      this.pieces.push(plain(bytes))
    }
    return this.grown(bytes.length)
  }

  onEnd(): void {
    this.ended = true
    this.signal()
  }

  onError(error: BodyError): void {
    this.error = error
    this.ended = true
    this.signal()
  }

  /** Whether a pull would not wait. */
  get ready(): boolean {
    return this.size > 0 || this.ended
  }

  /** What has come; empty at the end. */
  take(): Array<Uint8Array> {
    this.sweep()
    const out = this.pieces
    this.pieces = []
    this.size = 0
    if (this.full) {
      this.full = false
      this.onTaken()
    }
    return out
  }

  /** Fails at the end of what has come, with `None` where the body is whole. One pull at a time. */
  readonly pull: Pull<Uint8Array, BodyError> = Effect.suspend(() =>
    this.ready ? this.next() : Effect.zipRight(this.wait, this.taken)
  )

  private readonly taken = Effect.suspend(() => this.next())

  private readonly wait = Effect.async<void>((resume) => {
    if (this.ready) {
      resume(Effect.void)
      return
    }
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private next(): Pull<Uint8Array, BodyError> {
    if (this.size > 0) return Effect.succeed(Chunk.unsafeFromArray(this.take()))
    return Effect.fail(Option.fromNullable(this.error))
  }

  private sweep(): void {
    if (this.crumbs.size > 0) for (const block of this.crumbs.take()) this.pieces.push(block)
  }

  private grown(by: number): boolean {
    this.size += by
    this.full = this.size >= window
    if (this.full) this.signal()
    else if (this.wake !== undefined && !this.waking) {
      this.waking = true
      atTurnEnd(this)
    }
    return !this.full
  }

  /** A reader's step costs more than a piece: what comes in one turn is taken at once. */
  endTurn(): void {
    this.waking = false
    if (this.ready) this.signal()
  }

  private signal(): void {
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }
}

const plain = (bytes: Uint8Array): Uint8Array =>
  Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes

/** A body that is there, as one pull. */
export const once = (bytes: Uint8Array): Batches["pull"] => {
  let given = bytes.length === 0
  return Effect.suspend(() => {
    if (given) return Effect.fail(Option.none())
    given = true
    return Effect.succeed(Chunk.of(bytes))
  })
}
