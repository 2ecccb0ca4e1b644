/** Decodes one content coding with zlib streams, with backpressure on input and output. */
import * as Coding from "../../http/contentCoding.js"
import { CodingEnd, tailAfter } from "./codingEnd.js"

/**
 * Limits the streams of one body to `freeStreams` and one per `bytesPerStream` coded bytes. A zstd body needs a stream
 * per frame, and a frame of a few bytes would cost as much memory as a large one.
 */
const freeStreams = 64
const bytesPerStream = 1024

const nothing = new Uint8Array(0)

/** Decodes one coding. Opens the stream with the first byte, so that an empty body is valid in any coding. */
export class DecodeStage {
  private readonly coding: Coding.Coding
  private readonly output: StageOutput
  private stream: Coding.DecodeStream | undefined = undefined
  private streams = 0
  /** Bytes written to all streams. */
  private written = 0
  /** Bytes written to the current stream. */
  private writtenToStream = 0
  /** The last bytes written to the current stream. */
  private lastWrite: Uint8Array = nothing
  /** The last four coded bytes as a number. */
  private tail = 0
  /** Number of decoded bytes. */
  private produced = 0
  /** Whether the format of the stream has a trailer. */
  private trailer = false
  /** Examines the end of a coding that may be truncated. Set once all bytes are written. */
  private codingEnd: CodingEnd | undefined = undefined
  private readonly toleratesTruncated: boolean
  /** Whether the coding has ended. Later bytes are ignored. */
  private finished = false
  private ending = false
  busy = false

  constructor(coding: Coding.Coding, toleratesTruncated: boolean, output: StageOutput) {
    this.coding = coding
    this.toleratesTruncated = toleratesTruncated && (coding === "gzip" || coding === "deflate")
    this.output = output
  }

  /** Do not call while `busy`. The bytes must not change until `onIdle`. */
  write(bytes: Uint8Array): void {
    if (this.finished || bytes.length === 0) return
    this.written += bytes.length
    if (this.toleratesTruncated) this.tail = tailAfter(this.tail, bytes)
    this.writeToStream(bytes)
  }

  private writeToStream(bytes: Uint8Array): void {
    const stream = this.stream ?? this.open(bytes[0] ?? 0)
    this.stream = stream
    this.writtenToStream += bytes.length
    this.lastWrite = bytes
    this.busy = true
    stream.write(bytes, () => {
      // Bytes after the end of a frame are written to the next stream, when this one emits its end.
      if (this.stream !== stream || this.unused.length > 0) return
      this.busy = false
      this.output.onIdle()
      if (this.toleratesTruncated) this.endTolerantly()
    })
  }

  /** The bytes after the end of the current zstd frame, which the stream did not use. They begin another frame. */
  private get unused(): Uint8Array {
    if (this.coding !== "zstd" || this.stream === undefined) return nothing
    return this.lastWrite.subarray(this.lastWrite.length - (this.writtenToStream - this.stream.bytesWritten))
  }

  private beginFrame(bytes: Uint8Array): void {
    this.stream = undefined
    this.writtenToStream = 0
    if (this.streams < freeStreams + this.written / bytesPerStream) this.writeToStream(bytes)
    else this.output.onError(new Error("The body has too many frames for its size"))
  }

  end(): void {
    if (this.stream === undefined || this.finished) this.output.onEnd()
    else {
      this.ending = true
      if (this.toleratesTruncated) this.endTolerantly()
      else this.stream.end()
    }
  }

  /** Ends the coding when zlib and the output have taken all data. Before that, an error of zlib would discard data. */
  private endTolerantly(): void {
    const { stream } = this
    if (!this.ending || this.finished || this.codingEnd !== undefined || stream === undefined) return
    if (this.busy || stream.isPaused() || stream.readableLength > 0) return
    this.codingEnd = new CodingEnd(this, stream, this.writtenToStream)
    this.codingEnd.start(this.tail, this.trailer, this.produced)
  }

  /** Called by `CodingEnd`. */
  onComplete(): void {
    this.finished = true
    this.output.onEnd()
  }

  /** Called by `CodingEnd`. */
  onTruncated(): void {
    this.finished = true
    this.output.onTruncated()
    this.output.onEnd()
  }

  /** Called by `CodingEnd`. */
  onCut(cause: unknown): void {
    this.output.onError(cause)
  }

  private open(first: number): Coding.DecodeStream {
    const stream = Coding.create(this.coding, first)
    this.streams++
    this.trailer = Coding.hasTrailer(this.coding, first)
    stream.on("data", (chunk: Buffer) => {
      if (this.codingEnd?.isProbing === true) return
      this.produced += chunk.length
      if (!this.output.onData(chunk)) stream.pause()
      else if (this.toleratesTruncated) this.endTolerantly()
    })
    stream.on("end", () => {
      if (this.codingEnd !== undefined) {
        this.codingEnd.onEnd()
        return
      }
      const { unused } = this
      if (unused.length > 0) {
        this.beginFrame(unused)
        return
      }
      this.finished = true
      // zlib does not call back for a write with bytes after the end of the coding.
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
    if (this.toleratesTruncated) this.endTolerantly()
  }

  destroy(): void {
    this.stream?.destroy()
  }
}

/** The callbacks of a stage. */
export interface StageOutput {
  readonly onData: (chunk: Buffer) => boolean
  readonly onIdle: () => void
  readonly onEnd: () => void
  readonly onTruncated: () => void
  readonly onError: (cause: unknown) => void
}
