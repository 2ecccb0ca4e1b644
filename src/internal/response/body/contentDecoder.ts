/**
 * A coded body on its way through zlib, with backpressure at both ends.
 */
import { Gather } from "../../byteBuilder.js"
import * as Coding from "../../http/contentCoding.js"
import { DecodeStage, type StageOutput } from "./decodeStage.js"

/** Coded bytes that wait for zlib before reading stops, and the most that zlib is given at a time. */
const window = 64 * 1024

/** Coded bytes up to which a body that is wanted as a whole is decoded in one step. */
const smallCoded = 16 * 1024

/** What one step may make of them, which takes about a millisecond; what gets larger is decoded bit by bit. */
const smallDecoded = 1024 * 1024

/** Who gets the decoded bytes. `onEnd` or `onError` is called once, last. */
export interface Decoded {
  /** The bytes are the receiver's. `false` stops decoding until `resume`. */
  readonly onDecoded: (bytes: Uint8Array) => boolean
  readonly onDecodedEnd: () => void
  /** A coding lacks its trailer or final block; `onDecodedEnd` follows. */
  readonly onTruncated: () => void
  readonly onCorrupt: (cause: unknown) => void
  /** There is room again after a `write` that returned `false`. */
  readonly onRoom: () => void
}

/** How the codings of a body are undone. */
export interface DecodeOptions {
  /** The receiver looks at the bytes only at the end. */
  readonly whole: boolean
  /** Whether gzip and deflate may lack their trailer or final block. */
  readonly toleratesTruncated: boolean
}

/** Undoes the codings of one body, from the outermost in. */
export class ContentDecoding {
  /** Coded bytes that zlib has been given. */
  fed = 0
  private readonly codings: ReadonlyArray<Coding.Coding>
  private readonly output: Decoded
  private readonly toleratesTruncated: boolean
  /** Nobody looks at the bytes before the end: a small body is kept until then. */
  private whole: boolean
  private stages: Array<DecodeStage> | undefined = undefined
  private readonly waiting = new Gather()
  private queue: Array<Uint8Array> = []
  private full = false
  private inputEnded = false
  private endSent = false
  private done = false

  constructor(codings: ReadonlyArray<Coding.Coding>, options: DecodeOptions, output: Decoded) {
    this.codings = codings
    this.whole = options.whole
    this.toleratesTruncated = options.toleratesTruncated
    this.output = output
  }

  /** `false` asks to stop until `onRoom`. */
  write(slab: Uint8Array, start: number, end: number): boolean {
    if (this.done) return true
    this.waiting.append(slab, start, end)
    if (this.whole && this.waiting.size <= smallCoded) return true
    this.whole = false
    this.feed()
    this.full = this.waiting.size >= window
    return !this.full
  }

  /** All coded bytes have been written. */
  end(): void {
    this.inputEnded = true
    if (this.done) return
    if (this.whole && this.decodeAtOnce()) return
    this.whole = false
    this.feed()
  }

  /** Goes on after an `onDecoded` that returned `false`. */
  resume(): void {
    this.stages?.[this.stages.length - 1]?.resume()
  }

  /** Nothing more is called. */
  destroy(): void {
    this.done = true
    this.waiting.take()
    for (const stage of this.stages ?? []) stage.destroy()
  }

  private decodeAtOnce(): boolean {
    const coded = this.waiting.takeAll()
    let bytes = coded
    try {
      for (const coding of this.codings) bytes = Coding.decodeSync(coding, bytes, smallDecoded)
    } catch (cause) {
      // Only a stream shows where a coding stops.
      if (cause instanceof Coding.NotAtOnce || (this.toleratesTruncated && Coding.isUnfinished(cause))) {
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

  /** Gives zlib what waits, if it is free. */
  private feed(): void {
    const outermost = this.open()[0]
    if (outermost === undefined) return
    while (!outermost.busy && !this.endSent && !this.done) {
      const bytes = this.next()
      if (bytes !== undefined) {
        this.fed += bytes.length
        outermost.write(bytes)
      } else if (this.inputEnded) {
        this.endSent = true
        outermost.end()
      } else break
    }
    if (this.full && this.queue.length === 0 && !this.done) {
      this.full = false
      this.output.onRoom()
    }
  }

  private next(): Uint8Array | undefined {
    if (this.queue.length === 0) {
      for (const block of this.waiting.take()) {
        for (let at = 0; at < block.length; at += window) this.queue.push(block.subarray(at, at + window))
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
      // One write at a time: the next stage says when it is free.
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
