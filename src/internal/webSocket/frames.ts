/**
 * Splits bytes into frames for the `Receiver` of `ws`, which validates them and assembles messages. Groups the bytes of
 * payloads, so that `Receiver` never holds many small buffers, pauses after any message, and validates UTF-8 as it
 * arrives, because `Receiver` validates only complete messages.
 */
import { isUtf8 } from "node:buffer"
import { errorCode } from "../errorCode.js"
import { atTurnEnd, type Turning } from "../transport/endOfTurn.js"
import { payloadLimit } from "./handshake.js"
import { Utf8Validator } from "./utf8.js"
import { type Extensions, Receiver } from "./ws.js"

/** Callbacks for messages. Text and close reasons are valid UTF-8. */
export interface FrameHandler {
  readonly onMessage: (data: Buffer, binary: boolean) => void
  readonly onPing: (data: Buffer) => void
  readonly onPong: (data: Buffer) => void
  /** Called for a close frame; 1005 stands for a frame without a code. No callback follows. */
  readonly onClose: (code: number, reason: string) => void
  /** Called when the peer violates the protocol. No callback follows. */
  readonly onFault: (code: 1002 | 1007 | 1009, cause: Error) => void
  /** Whether reading must pause. */
  readonly full: () => boolean
  /** Called when `push` may be called again after it returned `false`. */
  readonly onRoom: () => void
}

/** Most fragments of one message. */
const maxFragments = 128 * 1024

/** Most bytes of a payload that are collected before `Receiver` gets them. */
const blockSize = 64 * 1024

const headSize = 10

/** Most frames per turn of the event loop, because a read of 128 KiB may contain 65 536. */
const framesPerTurn = 256

/** Error codes of zlib. */
const corrupt = /^Z_/

class InvalidUtf8 extends Error {
  readonly code = "WS_ERR_INVALID_UTF8"
  constructor() {
    super("Invalid WebSocket frame: invalid UTF-8 sequence")
  }
}

const closeCodeOf = (error: Error): 1002 | 1007 | 1009 => {
  const code = errorCode(error)
  switch (code) {
    case "WS_ERR_INVALID_UTF8":
      return 1007
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
    case "ERR_STRING_TOO_LONG":
    case "ERR_BUFFER_TOO_LARGE":
      return 1009
    default:
      return corrupt.test(code ?? "") ? 1007 : 1002
  }
}

export class FrameReader implements Turning {
  private readonly handler: FrameHandler
  private readonly receiver: Receiver
  private readonly head = Buffer.allocUnsafe(headSize)
  /** How many bytes of the frame's head were received. */
  private headReceived = 0
  /** How many bytes the frame's head has, as far as it is known. */
  private headLength = 2
  /** Missing bytes of the payload. */
  private payloadLeft = 0
  private block: Buffer | undefined = undefined
  private filled = 0
  /** Validates the current text message. `undefined` for compressed text, which is validated after decompression. */
  private text: Utf8Validator | undefined = undefined
  /** Whether the current payload is part of the text message, and whether it is the last part. */
  private inText = false
  private lastOfText = false
  /** Received bytes that were not processed yet. */
  private pending: Buffer | undefined = undefined
  private inflating = false
  private taking = false
  /** Frames since the last pause. */
  private frames = 0
  /** Whether reading continues in the next turn. */
  private isYielding = false
  private done = false

  constructor(extensions: Extensions, maxMessageSize: number, handler: FrameHandler) {
    this.handler = handler
    this.receiver = new Receiver({
      isServer: false,
      binaryType: "nodebuffer",
      extensions,
      maxPayload: payloadLimit(maxMessageSize),
      maxFragments,
      skipUTF8Validation: true
    })
    this.receiver.on("message", (data: Buffer, binary: boolean) => this.onReceived(data, binary))
    this.receiver.on("ping", (data: Buffer) => {
      if (!this.done) handler.onPing(data)
    })
    this.receiver.on("pong", (data: Buffer) => {
      if (!this.done) handler.onPong(data)
    })
    this.receiver.on("conclude", (code: number, reason: Buffer) => {
      if (!isUtf8(reason)) this.fail(new InvalidUtf8())
      else if (this.stop()) handler.onClose(code, reason.toString("utf8"))
    })
    this.receiver.on("error", (error: Error) => this.fail(error))
  }

  /** Processes bytes, which are valid only during the call. Returns `false` if the caller must pause until `onRoom`. */
  push(bytes: Buffer, start: number, end: number): boolean {
    if (this.done) return true
    if (this.pending !== undefined) {
      this.pending = Buffer.concat([this.pending, bytes.subarray(start, end)])
      return false
    }
    const next = this.take(bytes, start, end)
    if (this.done) return true
    if (next < end) this.pending = Buffer.from(bytes.subarray(next, end))
    return next === end && !this.isPaused
  }

  /** Call when the handler is no longer full. */
  resume(): void {
    if (this.taking) return
    const bytes = this.pending
    if (bytes !== undefined && !this.done) {
      this.pending = undefined
      const next = this.take(bytes, 0, bytes.length)
      if (next < bytes.length && !this.done) this.pending = bytes.subarray(next)
    }
    if (this.done || (this.pending === undefined && !this.isPaused)) this.handler.onRoom()
  }

  endTurn(): void {
    this.isYielding = false
    if (!this.done) this.resume()
  }

  /** Stops all callbacks. Returns `false` if they were stopped before. */
  stop(): boolean {
    if (this.done) return false
    this.done = true
    this.pending = undefined
    this.block = undefined
    return true
  }

  private get isPaused(): boolean {
    return this.inflating || this.isYielding || this.handler.full()
  }

  /** Processes bytes until a pause, and returns the position up to which it has. */
  private take(bytes: Buffer, start: number, end: number): number {
    this.taking = true
    let at = start
    while (at < end && !this.done && !this.isPaused) {
      at = this.payloadLeft === 0 ? this.takeHead(bytes, at, end) : this.takePayload(bytes, at, end)
    }
    this.taking = false
    return at
  }

  private takeHead(bytes: Buffer, start: number, end: number): number {
    const next = Math.min(end, start + this.headLength - this.headReceived)
    bytes.copy(this.head, this.headReceived, start, next)
    this.headReceived += next - start
    if (this.headReceived < this.headLength) return next
    const length = this.head.readUInt8(1)
    if (this.headLength === 2 && length === 126) this.headLength = 4
    else if (this.headLength === 2 && length === 127) this.headLength = 10
    else this.endHead(length)
    return next
  }

  private endHead(length: number): void {
    const { head, headLength } = this
    if (headLength === 10 && head.readUInt8(2) > 0x7f) {
      this.fail(new RangeError("Invalid WebSocket frame: the most significant bit of the length is set"))
      return
    }
    this.payloadLeft =
      headLength === 2 ? length & 0x7f : headLength === 4 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2))
    this.headReceived = 0
    this.headLength = 2
    this.countFrame()
    this.beginText(head.readUInt8(0))
    if (this.payloadLeft === 0) this.validateText(head, 0, 0)
    if (!this.done) this.write(Buffer.from(head.subarray(0, headLength)))
  }

  private countFrame(): void {
    if (++this.frames < framesPerTurn) return
    this.frames = 0
    if (!this.isYielding) atTurnEnd(this)
    this.isYielding = true
  }

  /** Starts a message from the first byte of a frame. `Receiver` rejects invalid sequences. */
  private beginText(first: number): void {
    const opcode = first & 0x0f
    if (opcode > 2) {
      this.inText = false
      return
    }
    if (opcode !== 0) this.text = opcode === 1 && (first & 0x40) === 0 ? new Utf8Validator() : undefined
    this.inText = this.text !== undefined
    this.lastOfText = first > 0x7f
  }

  /** Validates payload bytes of a text message. */
  private validateText(bytes: Buffer, start: number, end: number): void {
    if (!this.inText || this.text === undefined) return
    if (!this.text.push(bytes, start, end) || (this.payloadLeft === 0 && this.lastOfText && !this.text.whole)) {
      this.fail(new InvalidUtf8())
    }
  }

  private takePayload(bytes: Buffer, start: number, end: number): number {
    const block = this.block ?? allocate(Math.min(this.payloadLeft, blockSize))
    const next = Math.min(end, start + block.length - this.filled)
    bytes.copy(block, this.filled, start, next)
    this.filled += next - start
    this.payloadLeft -= next - start
    this.validateText(bytes, start, next)
    if (this.done) return next
    if (this.filled < block.length) this.block = block
    else {
      this.block = undefined
      this.filled = 0
      this.write(block)
    }
    return next
  }

  private write(bytes: Buffer): void {
    this.receiver.write(bytes, this.onTaken)
    if (this.receiver.errored !== null) this.fail(this.receiver.errored)
    // If `Receiver` did not take the bytes synchronously, it waits for zlib.
    else if (this.receiver.writableLength > 0) this.inflating = true
  }

  private readonly onTaken = (): void => {
    if (!this.inflating || this.receiver.writableLength > 0) return
    this.inflating = false
    this.resume()
  }

  private onReceived(data: Buffer, binary: boolean): void {
    if (this.done) return
    if (!binary && this.text === undefined && !isUtf8(data)) this.fail(new InvalidUtf8())
    else this.handler.onMessage(data, binary)
  }

  /** Reports a protocol violation. */
  fail(error: Error): void {
    if (this.stop()) this.handler.onFault(closeCodeOf(error), error)
  }
}

/** Allocates a block. Large ones are not part of Node's pool, so that their messages need no copy. */
const allocate = (size: number): Buffer => (size < 4096 ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size))
