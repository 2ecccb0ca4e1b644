/**
 * Ends a gzip or deflate stream whose input has ended, and reports whether it was complete, lacked only its trailer or
 * final block, or stopped inside a block. The coded data shows this at two places:
 *
 * - A sync or full flush ends with an empty stored block, 00 00 ff ff. All data before it is complete.
 * - After the final block, only the checksum and the length are missing. zlib does not report that it waits for them,
 *   so this module writes four zero bytes. After the final block, zlib rejects them as a checksum or a length. Inside a
 *   block it cannot, because at least one of them belongs to the block, and a checksum needs four.
 *
 * RFC 1950 section 2.2, RFC 1951 section 3.2.4 and RFC 1952 section 2.3.1.
 */
import * as Coding from "../../http/contentCoding.js"

/** Receives the outcome by a single call of one of the methods. */
export interface EndOwner {
  /** The stream was complete, and has emitted its end. */
  readonly onComplete: () => void
  readonly onTruncated: () => void
  readonly onCut: (cause: unknown) => void
}

const emptyBlock = 0x0000ffff

/** Zero bytes are the correct checksum of an empty member. Ones are never its length, so zlib rejects them next. */
const zeros = new Uint8Array(4)
const ones = new Uint8Array(4).fill(0xff)

/** A number with its four bytes in reverse order. */
const reverseBytes = (tail: number): number =>
  ((tail >>> 24) | ((tail >>> 8) & 0xff00) | ((tail & 0xff00) << 8) | (tail << 24)) >>> 0

const rejectsChecksum = "incorrect data check"
const rejectsLength = "incorrect length check"
/**
 * The error if the zero bytes were the length of an empty member, because Node takes the next bytes for another member.
 */
const rejectsMember = "incorrect header check"

export class CodingEnd {
  private readonly owner: EndOwner
  private readonly stream: Coding.DecodeStream
  /** How many bytes of the body were written to the stream. */
  private readonly written: number
  private step: "flushed" | "zeros" | "ones" | "over" = "flushed"

  constructor(owner: EndOwner, stream: Coding.DecodeStream, written: number) {
    this.owner = owner
    this.stream = stream
    this.written = written
  }

  /** Whether bytes of this module were written. Output from then on does not belong to the body. */
  get isProbing(): boolean {
    return this.step !== "flushed"
  }

  /**
   * `tail` are the last four bytes as a number, `trailer` whether the format has a trailer, and `produced` the number
   * of decoded bytes. A complete gzip member ends with that number, so that most bodies need no probe.
   */
  start(tail: number, trailer: boolean, produced: number): void {
    if (tail === emptyBlock || !trailer || (produced > 0 && reverseBytes(tail) === produced >>> 0)) {
      this.stream.end()
      return
    }
    this.step = "zeros"
    this.stream.write(zeros, () => {
      if (this.step !== "zeros") return
      this.step = "ones"
      this.stream.write(ones, () => this.reportCut())
    })
  }

  /** Call when the stream emits its end. */
  onEnd(): void {
    if (this.step === "over") return
    const completed = this.stream.bytesWritten > this.written
    this.step = "over"
    if (completed) this.owner.onTruncated()
    else this.owner.onComplete()
  }

  /** Call when the stream emits an error. `tail` as for `start`. */
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
      this.reportCut()
      return
    }
    this.step = "over"
    this.owner.onTruncated()
  }

  private reportCut(): void {
    if (this.step === "over") return
    this.step = "over"
    this.owner.onCut(new Error("unexpected end of file: the coded data stops inside a block"))
  }
}

/** The last four bytes, as a number, of a stream that ended with `tail` before `bytes`. */
export const tailAfter = (tail: number, bytes: Uint8Array): number => {
  let out = tail
  for (let at = Math.max(0, bytes.length - 4); at < bytes.length; at++) out = ((out << 8) | bytes[at]) >>> 0
  return out
}
