/**
 * Pulls of bytes turned into pulls of something else, so much at a time that timers and other sockets have their turn.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BodyError, ClientPayloadError } from "../../../Errors.js"
import type { Pull } from "../../pullStream.js"
import { nextTurn } from "../../transport/endOfTurn.js"

/** Why a decoder takes no more. */
export interface Refusal {
  readonly reason: "LineTooLong" | "TooLarge"
  readonly description: string
}

/** Makes values of bytes that come in pieces. */
export interface Decoder<A> {
  /** Takes bytes, once it has read those before them. */
  readonly push: (bytes: Uint8Array) => void
  /** All bytes have come. */
  readonly end: () => void
  /**
   * Reads on, so many lines at most, and adds what they make to `out`. Gives how many lines it did not need: with 0 there
   * may be more to read. A refusal is given after what came before it.
   */
  readonly read: (out: Array<A>, lines: number) => number | Refusal
}

/** Lines that are read in one turn of the event loop: a read of 128 KiB may hold as many lines as bytes. */
const linesPerTurn = 4096

type Refuse = (reason: Refusal["reason"], cause: unknown) => ClientPayloadError

class DecodedPull<A> {
  private readonly decoder: Decoder<A>
  private readonly refuse: Refuse
  private readonly more: Pull<A, BodyError>
  private pieces: Iterator<Uint8Array> = none
  /** The decoder may have more lines; they wait for the next turn. */
  private resting = false
  /** How it ends, once all values are given. */
  private last: Effect.Effect<never, Option.Option<BodyError>> | undefined = undefined

  constructor(source: Pull<Uint8Array, BodyError>, decoder: Decoder<A>, refuse: Refuse) {
    this.decoder = decoder
    this.refuse = refuse
    this.more = Effect.matchEffect(source, {
      onFailure: (end) => {
        this.last = Effect.fail(end)
        if (Option.isSome(end)) return this.last
        this.decoder.end()
        return this.step()
      },
      onSuccess: (batch) => {
        this.pieces = batch[Symbol.iterator]()
        return this.step()
      }
    })
  }

  readonly pull: Pull<A, BodyError> = Effect.suspend(() => {
    if (this.resting) return this.rested
    return this.last ?? this.more
  })

  private readonly rested: Pull<A, BodyError> = Effect.zipRight(
    nextTurn,
    Effect.suspend(() => this.step())
  )

  /** Reads on, gives what was made, or pulls again. */
  private step(): Pull<A, BodyError> {
    const out: Array<A> = []
    const refusal = this.fill(out)
    if (refusal !== undefined) {
      this.last = Effect.fail(Option.some(this.refuse(refusal.reason, new Error(refusal.description))))
    }
    return out.length > 0 ? Effect.succeed(Chunk.unsafeFromArray(out)) : this.pull
  }

  private fill(out: Array<A>): Refusal | undefined {
    let lines = linesPerTurn
    for (;;) {
      const left = this.decoder.read(out, lines)
      this.resting = left === 0
      if (typeof left !== "number") return left
      if (left === 0) return undefined
      lines = left
      const { done, value } = this.pieces.next()
      if (done === true) return undefined
      this.decoder.push(value)
    }
  }
}

const none: Iterator<Uint8Array> = [].values()

/** A pull of what `decoder` makes; values that came before a failure are given first. */
export const decoded = <A>(
  pull: Pull<Uint8Array, BodyError>,
  decoder: Decoder<A>,
  refuse: Refuse
): Pull<A, BodyError> => new DecodedPull(pull, decoder, refuse).pull
