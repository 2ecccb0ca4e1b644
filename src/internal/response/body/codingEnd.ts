/**
 * Ends a gzip or deflate stream of which all bytes were read, and says whether it was complete, lacked only its trailer
 * or final block, or stopped inside a block. The coded data shows this at two places:
 *
 * - A sync or full flush ends with an empty stored block, 00 00 ff ff: all data so far precedes it.
 * - After the final block only the checksum and the length are left. zlib does not say that it waits for them, so four
 *   zero bytes are written: zlib rejects them at once as a checksum or a length. Inside a block the same bytes cannot be
 *   rejected so, as at least one of them belongs to the block and a checksum has four.
 *
 * RFC 1950 section 2.2, RFC 1951 section 3.2.4 and RFC 1952 section 2.3.1.
 */
import * as Coding from "../../http/contentCoding.js"

/** Receives the outcome; one method is called, once. */
export interface EndOwner {
  /** The stream emits its end, or its error. */
  readonly onComplete: () => void
  readonly onTruncated: () => void
  readonly onCut: (cause: unknown) => void
}

const emptyBlock = 0x0000ffff

/** The zero bytes are accepted as the checksum of an empty member; the ones are rejected as its length then. */
const zeros = new Uint8Array(4)
const ones = new Uint8Array(4).fill(0xff)

/** A number with its four bytes in reverse order. */
const swapped = (tail: number): number =>
  ((tail >>> 24) | ((tail >>> 8) & 0xff00) | ((tail & 0xff00) << 8) | (tail << 24)) >>> 0

const rejectsChecksum = "incorrect data check"
const rejectsLength = "incorrect length check"
/** The zero bytes were the whole length, that of an empty member: Node takes bytes behind it for another member. */
const rejectsMember = "incorrect header check"

export class CodingEnd {
  private readonly owner: EndOwner
  private readonly stream: Coding.DecodeStream
  /** Bytes of the body that the stream was given. */
  private readonly given: number
  private step: "flushed" | "zeros" | "ones" | "over" = "flushed"

  constructor(owner: EndOwner, stream: Coding.DecodeStream, given: number) {
    this.owner = owner
    this.stream = stream
    this.given = given
  }

  /** Whether output is made of the bytes that were written here, and not of the body. */
  get isProbing(): boolean {
    return this.step !== "flushed"
  }

  /**
   * `tail`: the last four bytes, as a number. `trailer`: whether the format has one. `produced`: bytes of output; those
   * of a complete gzip member are its last four bytes, so that most bodies need no probe.
   */
  start(tail: number, trailer: boolean, produced: number): void {
    if (tail === emptyBlock || !trailer || (produced > 0 && swapped(tail) === produced >>> 0)) {
      this.stream.end()
      return
    }
    this.step = "zeros"
    this.stream.write(zeros, () => {
      if (this.step !== "zeros") return
      this.step = "ones"
      this.stream.write(ones, () => this.refuse())
    })
  }

  /** The stream has emitted its end. */
  onEnd(): void {
    if (this.step === "over") return
    const completed = this.stream.bytesWritten > this.given
    this.step = "over"
    if (completed) this.owner.onTruncated()
    else this.owner.onComplete()
  }

  /** The stream has emitted an error. `tail` as for `start`. */
  onError(cause: unknown, tail: number): void {
    const { step } = this
    if (step === "over") return
    if (step === "flushed" && !Coding.isUnfinished(cause)) {
      this.step = "over"
      this.owner.onCut(cause)
      return
    }
    const message = cause instanceof Error ? cause.message : ""
    const truncated =
      step === "flushed"
        ? tail === emptyBlock
        : message === rejectsLength || message === (step === "zeros" ? rejectsChecksum : rejectsMember)
    if (!truncated) {
      this.refuse()
      return
    }
    this.step = "over"
    this.owner.onTruncated()
  }

  private refuse(): void {
    if (this.step === "over") return
    this.step = "over"
    this.owner.onCut(new Error("unexpected end of file: the coded data stops inside a block"))
  }
}

/** The last four bytes of a stream as a number, after `bytes` were added to one that ended with `tail`. */
export const tailAfter = (tail: number, bytes: Uint8Array): number => {
  let out = tail
  for (let at = Math.max(0, bytes.length - 4); at < bytes.length; at++) out = ((out << 8) | bytes[at]) >>> 0
  return out
}
