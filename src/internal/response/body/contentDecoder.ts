/**
 * A coded body on its way through zlib, with backpressure at both ends.
 */
import { Gather } from "../../byteBuilder.js"
import * as Coding from "../../http/contentCoding.js"

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
  readonly onCorrupt: (cause: unknown) => void
  /** There is room again after a `write` that returned `false`. */
  readonly onRoom: () => void
}

/**
 * Streams that one coding may take beyond one for each so many bytes: a stream undoes one frame of zstd, or those that
 * come in writes of their own, and costs more than some frames have bytes.
 */
const freeStreams = 64
const bytesPerStream = 1024

const nothing = new Uint8Array(0)

/** One coding of a body; it begins with the first byte, so that a body of none is none in any coding. */
class Layer {
  private readonly coding: Coding.Coding
  private readonly output: LayerOutput
  private stream: Coding.Undoing | undefined = undefined
  private streams = 0
  /** Bytes that all streams, and that this one, were given; of this one the last ones. */
  private taken = 0
  private given = 0
  private last: Uint8Array = nothing
  /** The coding's own end has come; bytes after it are nobody's. */
  private finished = false
  private ending = false
  busy = false

  constructor(coding: Coding.Coding, output: LayerOutput) {
    this.coding = coding
    this.output = output
  }

  /** Not while it is busy. The bytes must stay. */
  write(bytes: Uint8Array): void {
    if (this.finished || bytes.length === 0) return
    this.taken += bytes.length
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

  /** Not while it is busy. */
  end(): void {
    if (this.stream === undefined || this.finished) this.output.onEnd()
    else {
      this.ending = true
      this.stream.end()
    }
  }

  private open(first: number): Coding.Undoing {
    const stream = Coding.create(this.coding, first)
    this.streams++
    stream.on("data", (chunk: Buffer) => {
      if (!this.output.onData(chunk)) stream.pause()
    })
    stream.on("end", () => {
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
    stream.on("error", (cause) => this.output.onError(cause))
    return stream
  }

  resume(): void {
    if (this.stream?.isPaused()) this.stream.resume()
  }

  destroy(): void {
    this.stream?.destroy()
  }
}

interface LayerOutput {
  readonly onData: (chunk: Buffer) => boolean
  readonly onIdle: () => void
  readonly onEnd: () => void
  readonly onError: (cause: unknown) => void
}

/** Undoes the codings of one body, from the outermost in. */
export class ContentDecoding {
  /** Coded bytes that zlib has been given. */
  fed = 0
  private readonly codings: ReadonlyArray<Coding.Coding>
  private readonly output: Decoded
  /** Nobody looks at the bytes before the end: a small body is kept until then. */
  private whole: boolean
  private layers: Array<Layer> | undefined = undefined
  private readonly waiting = new Gather()
  private queue: Array<Uint8Array> = []
  private full = false
  private inputEnded = false
  private endSent = false
  private done = false

  constructor(codings: ReadonlyArray<Coding.Coding>, whole: boolean, output: Decoded) {
    this.codings = codings
    this.whole = whole
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
    this.layers?.[this.layers.length - 1]?.resume()
  }

  /** Nothing more is called. */
  destroy(): void {
    this.done = true
    this.waiting.take()
    for (const layer of this.layers ?? []) layer.destroy()
  }

  private decodeAtOnce(): boolean {
    const coded = this.waiting.takeAll()
    let bytes = coded
    try {
      for (const coding of this.codings) bytes = Coding.decodeSync(coding, bytes, smallDecoded)
    } catch (cause) {
      if (cause instanceof Coding.NotAtOnce) {
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

  private open(): Array<Layer> {
    if (this.layers !== undefined) return this.layers
    const layers: Array<Layer> = []
    this.layers = layers
    for (let index = 0; index < this.codings.length; index++) {
      const coding = this.codings[index]
      if (coding !== undefined) layers.push(new Layer(coding, this.outputOf(layers, index)))
    }
    return layers
  }

  private outputOf(layers: Array<Layer>, index: number): LayerOutput {
    const onError = (cause: unknown) => {
      if (this.done) return
      this.destroy()
      this.output.onCorrupt(cause)
    }
    const onIdle = index === 0 ? () => this.feed() : () => layers[index - 1]?.resume()
    if (index === this.codings.length - 1) {
      return {
        onData: (chunk) => this.done || this.output.onDecoded(chunk),
        onIdle,
        onEnd: () => {
          if (this.done) return
          this.destroy()
          this.output.onDecodedEnd()
        },
        onError
      }
    }
    return {
      // One write at a time: the next layer says when it is free.
      onData: (chunk) => {
        layers[index + 1]?.write(chunk)
        return layers[index + 1]?.busy !== true
      },
      onIdle,
      onEnd: () => layers[index + 1]?.end(),
      onError
    }
  }
}
