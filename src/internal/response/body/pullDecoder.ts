/** Decodes pulled bytes to values, in short steps, so that timers and other sockets are not delayed. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { BodyError, ClientPayloadError } from "../../../Errors.js"
import type { Pull } from "../../effect/pullStream.js"
import { nextTurn } from "../../transport/endOfTurn.js"

/** Why a decoder stops. */
export interface Refusal {
  readonly reason: "LineTooLong" | "TooLarge"
  readonly description: string
}

/** Decodes values from chunks of bytes. */
export interface Decoder<A> {
  /** Takes the next bytes. Call only after `read` has consumed the previous ones. */
  readonly push: (bytes: Uint8Array) => void
  /** Call after the last `push`. */
  readonly end: () => void
  /**
   * Reads at most `lines` lines and adds their values to `out`. Returns how many lines fewer it read; 0 means that more
   * may follow. Returns a refusal after adding the values before it.
   */
  readonly read: (out: Array<A>, lines: number) => number | Refusal
}

/** Most lines decoded per turn of the event loop. A read of 128 KiB may contain as many lines as bytes. */
const linesPerTurn = 4096

type Refuse = (reason: Refusal["reason"], cause: unknown) => ClientPayloadError

class DecodedPull<A> {
  private readonly decoder: Decoder<A>
  private readonly refuse: Refuse
  private readonly pullMore: Pull<A, BodyError>
  private pieces: Iterator<Uint8Array> = none
  /** Whether the decoder may have more lines, which the next turn decodes. */
  private mayHaveMoreLines = false
  /** The failure that ends the pulls, once all values are delivered. */
  private finalFailure: Effect.Effect<never, Option.Option<BodyError>> | undefined = undefined

  constructor(source: Pull<Uint8Array, BodyError>, decoder: Decoder<A>, refuse: Refuse) {
    this.decoder = decoder
    this.refuse = refuse
    this.pullMore = Effect.matchEffect(source, {
      onFailure: (end) => {
        this.finalFailure = Effect.fail(end)
        if (Option.isSome(end)) return this.finalFailure
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
    if (this.mayHaveMoreLines) return this.stepNextTurn
    return this.finalFailure ?? this.pullMore
  })

  private readonly stepNextTurn: Pull<A, BodyError> = Effect.zipRight(
    nextTurn,
    Effect.suspend(() => this.step())
  )

  /** Decodes more lines and succeeds with their values. Pulls again if there are no values yet. */
  private step(): Pull<A, BodyError> {
    const out: Array<A> = []
    const refusal = this.fill(out)
    if (refusal !== undefined) {
      this.finalFailure = Effect.fail(Option.some(this.refuse(refusal.reason, new Error(refusal.description))))
    }
    return out.length > 0 ? Effect.succeed(out) : this.pull
  }

  private fill(out: Array<A>): Refusal | undefined {
    let lines = linesPerTurn
    for (;;) {
      const left = this.decoder.read(out, lines)
      this.mayHaveMoreLines = left === 0
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

/** Pulls the values of `decoder`. Values before a failure are delivered first. */
export const pullDecoded = <A>(
  pull: Pull<Uint8Array, BodyError>,
  decoder: Decoder<A>,
  refuse: Refuse
): Pull<A, BodyError> => new DecodedPull(pull, decoder, refuse).pull
