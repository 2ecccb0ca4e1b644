/** Decodes the content codings of a body with zlib, with backpressure on input and output. */
import { ByteBuilder } from "../../byteBuilder.js"
import * as Coding from "../../http/contentCoding.js"
import { DecodeStage, type StageOutput } from "./decodeStage.js"

/** Coded bytes waiting for zlib at which reading pauses. One write to zlib has at most this many bytes, too. */
const highWaterMark = 64 * 1024

/** A body of at most this many coded bytes is decoded synchronously if the receiver needs it only as a whole. */
const smallCoded = 16 * 1024

/** Most bytes that are decoded synchronously, which takes about a millisecond. Streams decode larger bodies. */
const smallDecoded = 1024 * 1024

/** Receives the decoded bytes. The last call is either `onDecodedEnd` or `onCorrupt`. */
export interface DecodedSink {
  /** The receiver may keep the bytes. If it returns `false`, decoding pauses until `resume`. */
  readonly onDecoded: (bytes: Uint8Array) => boolean
  readonly onDecodedEnd: () => void
  /** A coding lacks its trailer or final block; `onDecodedEnd` follows. */
  readonly onTruncated: () => void
  readonly onCorrupt: (cause: unknown) => void
  /** Called when writing may continue after a `write` that returned `false`. */
  readonly onRoom: () => void
}

/** How a body is decoded. */
export interface DecodeOptions {
  /** Whether the receiver uses the bytes only at the end. */
  readonly whole: boolean
  /** Whether gzip and deflate may lack their trailer or final block. */
  readonly toleratesTruncated: boolean
}

/** Decodes one body. The coding that was applied last is decoded first. */
export class ContentDecoding {
  /** Coded bytes written to zlib. */
  fed = 0
  private readonly codings: ReadonlyArray<Coding.Coding>
  private readonly output: DecodedSink
  private readonly toleratesTruncated: boolean
  /** Whether the body may still be decoded synchronously. Until its end, its bytes only wait. */
  private mayDecodeAtOnce: boolean
  private stages: Array<DecodeStage> | undefined = undefined
  private readonly waiting = new ByteBuilder()
  private queue: Array<Uint8Array> = []
  private isInputPaused = false
  private inputEnded = false
  private endSent = false
  private done = false

  constructor(codings: ReadonlyArray<Coding.Coding>, options: DecodeOptions, output: DecodedSink) {
    this.codings = codings
    this.mayDecodeAtOnce = options.whole
    this.toleratesTruncated = options.toleratesTruncated
    this.output = output
  }

  /** Takes coded bytes. Returns `false` if the caller must pause until `onRoom`. */
  write(slab: Uint8Array, start: number, end: number): boolean {
    if (this.done) return true
    this.waiting.append(slab, start, end)
    if (this.mayDecodeAtOnce && this.waiting.size <= smallCoded) return true
    this.mayDecodeAtOnce = false
    this.feed()
    this.isInputPaused = this.waiting.size >= highWaterMark
    return !this.isInputPaused
  }

  /** Call after the last `write`. */
  end(): void {
    this.inputEnded = true
    if (this.done) return
    if (this.mayDecodeAtOnce && this.decodeAtOnce()) return
    this.mayDecodeAtOnce = false
    this.feed()
  }

  /** Continues after `onDecoded` returned `false`. */
  resume(): void {
    this.stages?.[this.stages.length - 1]?.resume()
  }

  /** Releases zlib. The output is not called again. */
  destroy(): void {
    this.done = true
    this.waiting.blocks()
    for (const stage of this.stages ?? []) stage.destroy()
  }

  private decodeAtOnce(): boolean {
    const coded = this.waiting.bytes()
    let bytes = coded
    try {
      for (const coding of this.codings) bytes = Coding.decodeSync(coding, bytes, smallDecoded)
    } catch (cause) {
      // Only streams show where the data of a truncated body ends.
      if (cause instanceof Coding.TooLargeForOneStep || (this.toleratesTruncated && Coding.isUnfinished(cause))) {
        this.waiting.append(coded, 0, coded.length)
        return false
      }
      this.done = true
      this.output.onCorrupt(cause)
      return true
    }
    this.fed = coded.length
    this.done = true
    if (bytes.length > 0) this.output.onDecoded(bytes)
    this.output.onDecodedEnd()
    return true
  }

  /** Writes the waiting bytes to zlib while it is not busy. */
  private feed(): void {
    const outermost = this.open()[0]
    if (outermost === undefined) return
    while (!outermost.busy && !this.endSent && !this.done) {
      const bytes = this.nextInput()
      if (bytes !== undefined) {
        this.fed += bytes.length
        outermost.write(bytes)
      } else if (this.inputEnded) {
        this.endSent = true
        outermost.end()
      } else break
    }
    if (this.isInputPaused && this.queue.length === 0 && !this.done) {
      this.isInputPaused = false
      this.output.onRoom()
    }
  }

  private nextInput(): Uint8Array | undefined {
    if (this.queue.length === 0) {
      for (const block of this.waiting.blocks()) {
        for (let at = 0; at < block.length; at += highWaterMark) this.queue.push(block.subarray(at, at + highWaterMark))
      }
    }
    return this.queue.shift()
  }

  private open(): Array<DecodeStage> {
    if (this.stages !== undefined) return this.stages
    const stages: Array<DecodeStage> = []
    this.stages = stages
    for (let index = 0; index < this.codings.length; index++) {
      const coding = this.codings[index]
      if (coding !== undefined)
        stages.push(new DecodeStage(coding, this.toleratesTruncated, this.outputOf(stages, index)))
    }
    return stages
  }

  private outputOf(stages: Array<DecodeStage>, index: number): StageOutput {
    const onError = (cause: unknown) => {
      if (this.done) return
      this.destroy()
      this.output.onCorrupt(cause)
    }
    const onTruncated = () => {
      if (!this.done) this.output.onTruncated()
    }
    const onIdle = index === 0 ? () => this.feed() : () => stages[index - 1]?.resume()
    if (index === this.codings.length - 1) {
      return {
        onData: (chunk) => this.done || this.output.onDecoded(chunk),
        onIdle,
        onEnd: () => {
          if (this.done) return
          this.destroy()
          this.output.onDecodedEnd()
        },
        onTruncated,
        onError
      }
    }
    return {
      // The next stage accepts one write at a time, and calls `onIdle` when it is ready for another.
      onData: (chunk) => {
        stages[index + 1]?.write(chunk)
        return stages[index + 1]?.busy !== true
      },
      onIdle,
      onEnd: () => stages[index + 1]?.end(),
      onTruncated,
      onError
    }
  }
}
