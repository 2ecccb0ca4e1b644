/**
 * Sends one request body in DATA frames. It holds the bytes that the windows of the server do not allow yet, and asks its
 * source to wait.
 */
import type { ClientError } from "../../../Errors.js"
import type { RequestBody, RequestSink, RequestSource } from "../../transport/transport.js"
import type { FrameWriter } from "./frameWriter.js"

/** Callbacks from an upload to its stream. */
export interface UploadOwner {
  /** Called when bytes, or only the end, are ready to be sent. */
  readonly onSendable: () => void
  readonly onUploadError: (error: ClientError) => void
}

/** From this many held bytes on the source must wait; below, it continues. */
const highWater = 128 * 1024
const lowWater = 64 * 1024

export class Upload implements RequestSink {
  /** Set by the source. */
  onDrain: (() => void) | undefined = undefined
  private readonly body: RequestBody
  private readonly owner: UploadOwner
  /** `undefined`: the body ends when its source ends. */
  private readonly length: number | undefined
  private source: RequestSource | undefined = undefined
  private readonly queue: Array<Uint8Array> = []
  /** Bytes of the first chunk of `queue` that were written. */
  private offset = 0
  private held = 0
  /** The number of bytes in written frames. */
  private written = 0
  private isSourcePaused = false
  private state: "open" | "ended" | "cancelled" = "open"
  /** Whether `start` was called. */
  hasStarted = false
  /** Whether the whole body was written: the last frame has END_STREAM. */
  isWritten = false

  constructor(body: RequestBody, owner: UploadOwner) {
    this.body = body
    this.owner = owner
    this.length = body._tag === "Bytes" ? body.bytes.length : body.length
  }

  /** Whether the source may still write, end or fail. */
  get isOpen(): boolean {
    return this.state === "open"
  }

  /** Whether the body has no bytes, so that HEADERS end the request. */
  get isEmpty(): boolean {
    return this.length === 0
  }

  /** Whether `writeFrame` can do something, if windows allow: bytes, or only the end. */
  get isSendable(): boolean {
    return !this.isWritten && (this.held > 0 || this.endsNow)
  }

  /** Whether only the end is left to send, which needs no window. */
  get endsNow(): boolean {
    return !this.isWritten && this.held === 0 && this.state === "ended"
  }

  start(): void {
    if (this.state !== "open") return
    this.hasStarted = true
    if (this.isEmpty) this.isWritten = true
    if (this.body._tag === "Stream") {
      this.source = this.body.start(this)
      return
    }
    if (!this.isEmpty) this.write(this.body.bytes)
    this.end()
  }

  /** Stops the source. No more frames are written. */
  cancel(): void {
    const was = this.state
    this.state = "cancelled"
    this.queue.length = 0
    this.held = 0
    if (was === "open") this.source?.cancel()
  }

  /** Writes one DATA frame of at most `room` bytes. Returns their number. */
  writeFrame(writer: FrameWriter, id: number, room: number): number {
    const size = Math.min(room, this.held)
    const last =
      (this.state === "ended" && size === this.held) ||
      (this.length !== undefined && this.written + size >= this.length)
    writer.data(id, size, last)
    for (let left = size; left > 0; ) left -= this.writePiece(writer, left)
    this.held -= size
    this.written += size
    if (last) this.isWritten = true
    if (this.isSourcePaused && this.held < lowWater) {
      this.isSourcePaused = false
      if (this.state === "open") this.onDrain?.()
    }
    return size
  }

  private writePiece(writer: FrameWriter, most: number): number {
    const chunk = this.queue[0]
    if (chunk === undefined) return most
    const end = Math.min(chunk.length, this.offset + most)
    const size = end - this.offset
    writer.append(chunk, this.offset, end)
    if (end === chunk.length) {
      this.queue.shift()
      this.offset = 0
    } else this.offset = end
    return size
  }

  readonly write = (chunk: Uint8Array): boolean => {
    if (this.state !== "open" || chunk.length === 0) return true
    this.queue.push(chunk)
    this.held += chunk.length
    this.owner.onSendable()
    this.isSourcePaused ||= this.held >= highWater
    return !this.isSourcePaused
  }

  readonly end = (): void => {
    if (this.state !== "open") return
    this.state = "ended"
    this.owner.onSendable()
  }

  readonly fail = (error: ClientError): void => {
    if (this.state !== "open") return
    this.state = "cancelled"
    this.queue.length = 0
    this.held = 0
    this.owner.onUploadError(error)
  }
}
