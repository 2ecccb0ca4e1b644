/**
 * Splits received bytes into frames (RFC 9113 sections 4 and 6). DATA is passed on in the pieces in which it arrives;
 * other frames are collected until they are complete. Checks each frame by itself; the handler checks whether it fits
 * the state of its stream.
 */
import { escape } from "../http1/excerpt.js"
import { badFrame, FRAME_SIZE_ERROR, PROTOCOL_ERROR, tooMuch, type Violation } from "./errorCodes.js"
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameHeaderSize,
  frameName,
  GOAWAY,
  HEADERS,
  maxFrameSize,
  PADDED,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY
} from "./frames.js"
import { HeaderBlock } from "./headerBlock.js"

/** Receives frames. All but `onViolation` return whether to go on; bytes are valid only during the call. */
export interface FrameHandler {
  /** Called when a DATA frame begins. `length` is the length for flow control, which includes padding. */
  readonly onData: (id: number, length: number) => boolean
  readonly onDataPiece: (slab: Buffer, start: number, end: number) => boolean
  /** Called when the DATA frame is complete; `empty` if it had no bytes but padding. */
  readonly onDataEnd: (endStream: boolean, empty: boolean) => boolean
  /** Called when a HEADERS frame begins; its block may be continued in other frames. */
  readonly onHeaders: (id: number) => boolean
  /** Called when a block of fields is complete. */
  readonly onBlock: (id: number, endStream: boolean, bytes: Buffer, start: number, end: number) => boolean
  readonly onReset: (id: number, code: number) => boolean
  readonly onSettings: (ack: boolean, bytes: Buffer, start: number, end: number) => boolean
  readonly onPing: (ack: boolean, bytes: Buffer, start: number) => boolean
  readonly onGoAway: (lastId: number, code: number, bytes: Buffer, start: number, end: number) => boolean
  readonly onWindowUpdate: (id: number, increment: number) => boolean
  /** Called for a frame without meaning for a client: PRIORITY, or of an unknown type. Its payload is skipped. */
  readonly onOther: () => boolean
  /** Called when the server broke the protocol; the reader stops. `id` is the stream of the frame at fault, or 0. */
  readonly onViolation: (violation: Violation, id: number) => void
}

/** The payload sizes of frame types with a fixed size; 0 for others. */
const fixedSizes = new Uint8Array(256)
fixedSizes[PRIORITY] = 5
fixedSizes[RST_STREAM] = 4
fixedSizes[PING] = 8
fixedSizes[WINDOW_UPDATE] = 4

/** For each type: 1 if it must be on a stream, 2 if it must be on the connection. */
const requiredPlaces = new Uint8Array(256)
for (const type of [DATA, HEADERS, PRIORITY, RST_STREAM, CONTINUATION]) requiredPlaces[type] = 1
for (const type of [SETTINGS, PING, GOAWAY]) requiredPlaces[type] = 2

type State =
  /** Between frames, or in the header of one. */
  | "header"
  /** Before the byte of a DATA frame that gives the length of its padding. */
  | "padLength"
  | "data"
  | "padding"
  /** In the payload of a frame that is collected. */
  | "payload"
  /** In the payload of a frame that is skipped. */
  | "skip"

export class FrameReader {
  private readonly handler: FrameHandler
  private state: State = "header"
  private readonly header = Buffer.alloc(frameHeaderSize)
  private headerSize = 0
  private started = false
  // The current frame.
  private type = 0
  private flags = 0
  private id = 0
  private length = 0
  /** Bytes of the current part that have not arrived. */
  private left = 0
  private padding = 0
  /** The payload, if it arrives in parts. */
  private payload: Buffer | undefined = undefined
  private readonly block: HeaderBlock

  /** `maxBlock`: the most encoded bytes of a block of fields. */
  constructor(handler: FrameHandler, maxBlock: number) {
    this.handler = handler
    this.block = new HeaderBlock(maxBlock)
  }

  /** Reads bytes. Returns whether to go on. */
  execute(slab: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      if (this.state === "header") {
        at = this.readHeader(slab, at, end)
        if (this.headerSize > 0) return true
        if (!this.beginFrame()) return false
        if (this.left === 0 && !this.endPart(slab, at)) return false
      } else if (this.state === "payload") {
        const whole = this.payload === undefined && end - at >= this.left
        const stop = Math.min(end, at + this.left)
        if (!whole) this.gather(slab, at, stop)
        this.left -= stop - at
        const from = at
        at = stop
        if (this.left === 0 && !this.endPayload(slab, from, stop, whole)) return false
      } else {
        const stop = Math.min(end, at + this.left)
        if (this.state === "data" && !this.handler.onDataPiece(slab, at, stop)) return false
        if (this.state === "padLength") this.padding = slab[at]
        this.left -= stop - at
        at = stop
        if (this.left === 0 && !this.endPart(slab, at)) return false
      }
    }
    return true
  }

  /** Reads the header of a frame; `headerSize` is 0 afterwards if it is complete. Returns the next position. */
  private readHeader(slab: Buffer, at: number, end: number): number {
    if (this.headerSize === 0 && end - at >= frameHeaderSize) {
      this.parseHeader(slab, at)
      return at + frameHeaderSize
    }
    const stop = Math.min(end, at + frameHeaderSize - this.headerSize)
    slab.copy(this.header, this.headerSize, at, stop)
    this.headerSize += stop - at
    if (this.headerSize === frameHeaderSize) {
      this.headerSize = 0
      this.parseHeader(this.header, 0)
    }
    return stop
  }

  private parseHeader(bytes: Buffer, at: number): void {
    this.length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2]
    this.type = bytes[at + 3]
    this.flags = bytes[at + 4]
    this.id = bytes.readUInt32BE(at + 5) & 0x7fffffff
    if (!this.started) bytes.copy(this.header, 0, at, at + frameHeaderSize)
  }

  /** Checks the header and prepares for the payload. */
  private beginFrame(): boolean {
    const { id, length, type } = this
    const wrong = this.started ? this.checkHeader() : this.checkFirst()
    if (wrong !== undefined) return this.stop(wrong)
    this.started = true
    this.left = length
    if (type === DATA) {
      this.padding = 0
      const padded = (this.flags & PADDED) !== 0
      this.state = padded ? "padLength" : "data"
      if (padded) {
        if (length === 0)
          return this.stop(badFrame(FRAME_SIZE_ERROR, "expected padded DATA to have a pad length, got none"))
        this.left = 1
      }
      return this.handler.onData(id, length)
    }
    if (type > CONTINUATION || type === PRIORITY) {
      this.state = "skip"
      return true
    }
    this.state = "payload"
    return type !== HEADERS || this.handler.onHeaders(id)
  }

  /** Checks the header of the first frame, which must be SETTINGS. Returns a description of the violation, if any. */
  private checkFirst(): Violation | undefined {
    if (this.type === SETTINGS && (this.flags & ACK) === 0 && this.id === 0) return this.checkHeader()
    const text = this.header.toString("latin1")
    const other = /^(?:HTTP\/|SSH-|220[ -])/.test(text) ? ", got another protocol" : `, got ${frameName(this.type)}`
    return badFrame(
      PROTOCOL_ERROR,
      `expected SETTINGS of HTTP/2 first${other}`,
      escape(this.header, 0, frameHeaderSize)
    )
  }

  private checkHeader(): Violation | undefined {
    const { block, id, length, type } = this
    if (length > maxFrameSize) {
      return badFrame(FRAME_SIZE_ERROR, `expected frames of at most ${maxFrameSize} bytes, got ${length}`)
    }
    if (block.isOpen && (type !== CONTINUATION || id !== block.id)) {
      const got = type === CONTINUATION ? `that of stream ${id}` : frameName(type)
      return badFrame(PROTOCOL_ERROR, `expected CONTINUATION of stream ${block.id}, got ${got}`)
    }
    if (type > CONTINUATION) return undefined
    const place = requiredPlaces[type]
    if (place === 1 && id === 0)
      return badFrame(PROTOCOL_ERROR, `expected ${frameName(type)} on a stream, got stream 0`)
    if (place === 2 && id !== 0) {
      return badFrame(PROTOCOL_ERROR, `expected ${frameName(type)} on the connection, got it on stream ${id}`)
    }
    const size = fixedSizes[type]
    if (size !== 0 && length !== size) {
      return badFrame(FRAME_SIZE_ERROR, `expected ${frameName(type)} of ${size} bytes, got ${length}`)
    }
    return this.checkType()
  }

  private checkType(): Violation | undefined {
    switch (this.type) {
      case PUSH_PROMISE:
        return {
          ...badFrame(PROTOCOL_ERROR, "expected no PUSH_PROMISE, because pushes are off"),
          reason: "Unsolicited"
        }
      case CONTINUATION:
        return this.block.isOpen
          ? undefined
          : badFrame(PROTOCOL_ERROR, `expected CONTINUATION after HEADERS only, got it on stream ${this.id}`)
      case SETTINGS:
        return (this.flags & ACK) !== 0 && this.length > 0
          ? badFrame(FRAME_SIZE_ERROR, `expected an empty acknowledgement of SETTINGS, got ${this.length} bytes`)
          : undefined
      case GOAWAY:
        return this.length < 8
          ? badFrame(FRAME_SIZE_ERROR, `expected GOAWAY of 8 bytes or more, got ${this.length}`)
          : undefined
      default:
        return undefined
    }
  }

  /** Continues after a complete part of the frame. */
  private endPart(slab: Buffer, at: number): boolean {
    switch (this.state) {
      case "padLength": {
        const rest = this.length - 1 - this.padding
        if (rest < 0) {
          return this.stop(
            badFrame(PROTOCOL_ERROR, `expected less padding than ${this.length} bytes, got ${this.padding}`)
          )
        }
        this.state = "data"
        this.left = rest
        return rest > 0 || this.endPart(slab, at)
      }
      case "data":
        this.state = "padding"
        this.left = this.padding
        return this.padding > 0 || this.endPart(slab, at)
      case "padding": {
        const { flags, length, padding } = this
        this.state = "header"
        return this.handler.onDataEnd((flags & END_STREAM) !== 0, length - padding <= ((flags & PADDED) !== 0 ? 1 : 0))
      }
      case "skip":
        this.state = "header"
        return this.handler.onOther()
      default:
        return this.endPayload(slab, at, at, true)
    }
  }

  private gather(slab: Buffer, start: number, end: number): void {
    this.payload ??= Buffer.allocUnsafe(this.length)
    slab.copy(this.payload, this.length - this.left, start, end)
  }

  /** Passes on a complete payload: it is in the slab if `whole`, otherwise in the collected bytes. */
  private endPayload(slab: Buffer, start: number, end: number, whole: boolean): boolean {
    this.state = "header"
    if (whole) return this.onFrame(slab, start, end)
    const bytes = this.payload ?? slab
    this.payload = undefined
    return this.onFrame(bytes, 0, this.length)
  }

  private onFrame(bytes: Buffer, start: number, end: number): boolean {
    const { handler, id } = this
    switch (this.type) {
      case HEADERS:
        return this.onHeaders(bytes, start, end)
      case CONTINUATION:
        return this.onFragment(bytes, start, end)
      case RST_STREAM:
        return handler.onReset(id, bytes.readUInt32BE(start))
      case SETTINGS:
        return handler.onSettings((this.flags & ACK) !== 0, bytes, start, end)
      case PING:
        return handler.onPing((this.flags & ACK) !== 0, bytes, start)
      case GOAWAY:
        return handler.onGoAway(
          bytes.readUInt32BE(start) & 0x7fffffff,
          bytes.readUInt32BE(start + 4),
          bytes,
          start + 8,
          end
        )
      default:
        return handler.onWindowUpdate(id, bytes.readUInt32BE(start) & 0x7fffffff)
    }
  }

  private onHeaders(bytes: Buffer, start: number, end: number): boolean {
    const { flags, id, length } = this
    const padded = (flags & PADDED) !== 0
    const from = start + (padded ? 1 : 0) + ((flags & WITH_PRIORITY) !== 0 ? 5 : 0)
    const to = padded && end > start ? end - bytes[start] : end
    if (from > to) return this.stop(badFrame(PROTOCOL_ERROR, `expected less padding than ${length} bytes in HEADERS`))
    const endStream = (flags & END_STREAM) !== 0
    if ((flags & END_HEADERS) !== 0) return this.handler.onBlock(id, endStream, bytes, from, to)
    this.block.open(id, endStream)
    return this.addFragment(bytes, from, to)
  }

  private onFragment(bytes: Buffer, start: number, end: number): boolean {
    if (!this.addFragment(bytes, start, end)) return false
    if ((this.flags & END_HEADERS) === 0) return true
    const { block } = this
    const whole = block.close()
    return this.handler.onBlock(block.id, block.endStream, whole, 0, whole.length)
  }

  private addFragment(bytes: Buffer, start: number, end: number): boolean {
    return this.block.add(bytes, start, end) || this.stop(tooMuch(this.block.excess))
  }

  private stop(violation: Violation): false {
    this.handler.onViolation(violation, this.id)
    return false
  }
}
