/**
 * Formats frames (RFC 9113 section 6) into one buffer, so that all frames of one turn of the event loop are one write.
 */
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameHeaderSize,
  GOAWAY,
  HEADERS,
  maxFrameSize,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE
} from "./frames.js"

const slabSize = 32 * 1024

export class FrameWriter {
  /** Written bytes are never overwritten, because the socket may still hold them. */
  private slab = Buffer.allocUnsafeSlow(slabSize)
  private start = 0
  private end = 0

  /** Bytes that `take` would return. */
  get size(): number {
    return this.end - this.start
  }

  /** Returns all frames since the last call. */
  take(): Buffer {
    const bytes = this.slab.subarray(this.start, this.end)
    this.start = this.end
    return bytes
  }

  /** Makes room for `size` bytes. */
  private reserve(size: number): void {
    if (this.slab.length - this.end >= size) return
    const pending = this.size
    const next = Buffer.allocUnsafeSlow(Math.max(slabSize, (pending + size) * 2))
    this.slab.copy(next, 0, this.start, this.end)
    this.slab = next
    this.start = 0
    this.end = pending
  }

  private header(type: number, flags: number, id: number, length: number): void {
    this.reserve(frameHeaderSize + length)
    const { slab } = this
    const at = this.end
    slab[at] = length >>> 16
    slab[at + 1] = length >>> 8
    slab[at + 2] = length
    slab[at + 3] = type
    slab[at + 4] = flags
    this.end = at + 5
    this.uint32(id)
  }

  private uint32(value: number): void {
    const { slab } = this
    const at = this.end
    slab[at] = value >>> 24
    slab[at + 1] = value >>> 16
    slab[at + 2] = value >>> 8
    slab[at + 3] = value
    this.end = at + 4
  }

  private bytes(bytes: Uint8Array, from: number, to: number): void {
    this.slab.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.end)
    this.end += to - from
  }

  raw(bytes: Buffer): void {
    this.reserve(bytes.length)
    this.bytes(bytes, 0, bytes.length)
  }

  /** HEADERS, and CONTINUATION if the block is larger than a frame. */
  headers(id: number, block: Uint8Array, endStream: boolean): void {
    const size = block.length
    const end = endStream ? END_STREAM : 0
    const first = Math.min(size, maxFrameSize)
    this.header(HEADERS, end | (first === size ? END_HEADERS : 0), id, first)
    this.bytes(block, 0, first)
    for (let at = first; at < size; ) {
      const next = Math.min(size, at + maxFrameSize)
      this.header(CONTINUATION, next === size ? END_HEADERS : 0, id, next - at)
      this.bytes(block, at, next)
      at = next
    }
  }

  /** Begins a DATA frame of `length` bytes, which `append` fills. */
  data(id: number, length: number, endStream: boolean): void {
    this.header(DATA, endStream ? END_STREAM : 0, id, length)
  }

  /** Adds bytes to the DATA frame. */
  append(bytes: Uint8Array, from: number, to: number): void {
    this.bytes(bytes, from, to)
  }

  reset(id: number, code: number): void {
    this.header(RST_STREAM, 0, id, 4)
    this.uint32(code)
  }

  settingsAck(): void {
    this.header(SETTINGS, ACK, 0, 0)
  }

  /** The payload has 8 bytes from `start`. */
  ping(ack: boolean, bytes: Buffer, start: number): void {
    this.header(PING, ack ? ACK : 0, 0, 8)
    this.bytes(bytes, start, start + 8)
  }

  /** The client accepts no streams of the server, so the last stream is 0. */
  goAway(code: number): void {
    this.header(GOAWAY, 0, 0, 8)
    this.uint32(0)
    this.uint32(code)
  }

  windowUpdate(id: number, increment: number): void {
    this.header(WINDOW_UPDATE, 0, id, 4)
    this.uint32(increment)
  }
}
