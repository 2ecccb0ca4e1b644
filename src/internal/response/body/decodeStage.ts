/**
 * One coding of a body on its way through zlib, with backpressure at both ends.
 */
import * as Coding from "../../http/contentCoding.js"
import { CodingEnd, tailAfter } from "./codingEnd.js"

/**
 * Streams that one coding may take beyond one for each so many bytes: a stream undoes one frame of zstd, or those that
 * come in writes of their own, and costs more than some frames have bytes.
 */
const freeStreams = 64
const bytesPerStream = 1024

const nothing = new Uint8Array(0)

/** One coding of a body; it begins with the first byte, so that a body of none is none in any coding. */
export class DecodeStage {
  private readonly coding: Coding.Coding
  private readonly output: StageOutput
  private stream: Coding.Undoing | undefined = undefined
  private streams = 0
  /** Bytes that all streams, and that this one, were given; of this one the last ones. */
  private taken = 0
  private given = 0
  private last: Uint8Array = nothing
  /** The last four bytes as a number. */
  private tail = 0
  /** Bytes of output. */
  private produced = 0
  /** Whether the format of the stream has a trailer. */
  private trailer = false
  /** Ends a coding that may be truncated, once all bytes were written. */
  private codingEnd: CodingEnd | undefined = undefined
  private readonly tolerant: boolean
  /** The coding's own end has come; bytes after it are nobody's. */
  private finished = false
  private ending = false
  busy = false

  constructor(coding: Coding.Coding, toleratesTruncated: boolean, output: StageOutput) {
    this.coding = coding
    this.tolerant = toleratesTruncated && (coding === "gzip" || coding === "deflate")
    this.output = output
  }

  /** Not while it is busy. The bytes must stay. */
  write(bytes: Uint8Array): void {
    if (this.finished || bytes.length === 0) return
    this.taken += bytes.length
    if (this.tolerant) this.tail = tailAfter(this.tail, bytes)
    this.give(bytes)
  }

  private give(bytes: Uint8Array): void {
    const stream = this.stream ?? this.open(bytes[0] ?? 0)
    this.stream = stream
    this.given += bytes.length
    this.last = bytes
    this.busy = true
    stream.write(bytes, () => {
      // What is left over is written when the end has been read, too.
      if (this.stream !== stream || this.left.length > 0) return
      this.busy = false
      this.output.onIdle()
      if (this.tolerant) this.endTolerantly()
    })
  }

  /** What a stream has left over that has come to its end: another frame of zstd. */
  private get left(): Uint8Array {
    if (this.coding !== "zstd" || this.stream === undefined) return nothing
    return this.last.subarray(this.last.length - (this.given - this.stream.bytesWritten))
  }

  private goOn(bytes: Uint8Array): void {
    this.stream = undefined
    this.given = 0
    if (this.streams < freeStreams + this.taken / bytesPerStream) this.give(bytes)
    else this.output.onError(new Error("The body has too many frames for its size"))
  }

  end(): void {
    if (this.stream === undefined || this.finished) this.output.onEnd()
    else {
      this.ending = true
      if (this.tolerant) this.endTolerantly()
      else this.stream.end()
    }
  }

  /** Ends the coding once zlib and the output have taken all data: an error of zlib's discards data that waits. */
  private endTolerantly(): void {
    const { stream } = this
    if (!this.ending || this.finished || this.codingEnd !== undefined || stream === undefined) return
    if (this.busy || stream.isPaused() || stream.readableLength > 0) return
    this.codingEnd = new CodingEnd(this, stream, this.given)
    this.codingEnd.start(this.tail, this.trailer, this.produced)
  }

  /** For `CodingEnd`. */
  onComplete(): void {
    this.finished = true
    this.output.onEnd()
  }

  /** For `CodingEnd`. */
  onTruncated(): void {
    this.finished = true
    this.output.onTruncated()
    this.output.onEnd()
  }

  /** For `CodingEnd`. */
  onCut(cause: unknown): void {
    this.output.onError(cause)
  }

  private open(first: number): Coding.Undoing {
    const stream = Coding.create(this.coding, first)
    this.streams++
    this.trailer = Coding.hasTrailer(this.coding, first)
    stream.on("data", (chunk: Buffer) => {
      if (this.codingEnd?.isProbing === true) return
      this.produced += chunk.length
      if (!this.output.onData(chunk)) stream.pause()
      else if (this.tolerant) this.endTolerantly()
    })
    stream.on("end", () => {
      if (this.codingEnd !== undefined) {
        this.codingEnd.onEnd()
        return
      }
      const { left } = this
      if (left.length > 0) {
        this.goOn(left)
        return
      }
      this.finished = true
      // zlib does not call back for a write whose last bytes come after the coding's end.
      if (this.busy) {
        this.busy = false
        this.output.onIdle()
      }
      if (this.ending) this.output.onEnd()
    })
    stream.on("error", (cause) => {
      if (this.codingEnd === undefined) this.output.onError(cause)
      else this.codingEnd.onError(cause, this.tail)
    })
    return stream
  }

  resume(): void {
    if (this.stream?.isPaused()) this.stream.resume()
    if (this.tolerant) this.endTolerantly()
  }

  destroy(): void {
    this.stream?.destroy()
  }
}

/** What a stage calls. */
export interface StageOutput {
  readonly onData: (chunk: Buffer) => boolean
  readonly onIdle: () => void
  readonly onEnd: () => void
  readonly onTruncated: () => void
  readonly onError: (cause: unknown) => void
}
