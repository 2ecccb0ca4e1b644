/** Writes one request body to a socket, with backpressure, framed by Content-Length or in chunks. */
import type * as Net from "node:net"
import type { ClientError } from "../../../Errors.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { RequestBody, RequestSink, RequestSource } from "../../transport/transport.js"
import { keepReadable } from "./failedWrites.js"

/** Callbacks from an upload to the writer of its request. */
export interface UploadOwner {
  /** Called when the system has taken the whole body. */
  readonly onSent: () => void
  /** Called when the system has taken some of the body. */
  readonly onProgress: () => void
  readonly onUploadError: (error: ClientError) => void
}

/** Bytes of the largest write. The rest of a body waits until the socket drains. */
const sliceSize = 256 * 1024

/**
 * Bytes written in one turn of the event loop before timers and other sockets run. While the peer reads, the system
 * takes bytes at once, and a fast upload would never yield. A write counts as at least `writeCost` bytes.
 */
const turnSize = 1024 * 1024
const writeCost = 8 * 1024

export class Upload implements RequestSink, Turning {
  /** Set by the source. */
  onDrain: (() => void) | undefined = undefined
  private readonly socket: Net.Socket
  private readonly body: RequestBody
  private readonly owner: UploadOwner
  /** The length of the body; `undefined` for chunked coding. */
  private readonly length: number | undefined
  private source: RequestSource | undefined = undefined
  /** Bytes of the body that were passed to the socket. */
  private written = 0
  /** Writes whose callback has not run. */
  private pending = 0
  /** Bytes written since the upload last yielded. */
  private sinceYield = 0
  /** Whether the upload waits for the next turn. */
  private yielding = false
  private state: "open" | "ended" | "cancelled" = "open"

  constructor(socket: Net.Socket, body: RequestBody, owner: UploadOwner) {
    this.socket = socket
    this.body = body
    this.owner = owner
    this.length = body._tag === "Bytes" ? body.bytes.length : body.length
  }

  /** Whether the whole body was passed to the socket, even if the source has not ended yet. */
  get isWritten(): boolean {
    return this.state === "ended" || this.written === this.length
  }

  /** Whether the source may still write, end or fail. */
  get isOpen(): boolean {
    return this.state === "open"
  }

  start(): void {
    if (this.state !== "open") return
    keepReadable(this.socket)
    if (this.body._tag === "Bytes") this.writeSlices(this.body.bytes)
    else {
      this.source = this.body.start(this)
      if (this.length === 0) this.owner.onSent()
    }
  }

  /** Stops the source and writes no more. */
  cancel(): void {
    if (this.state !== "open") return
    this.state = "cancelled"
    this.source?.cancel()
  }

  /** Call when the socket accepts more bytes. */
  drained(): void {
    if (this.state !== "open" || this.yielding) return
    if (this.body._tag === "Bytes") this.writeSlices(this.body.bytes)
    else this.onDrain?.()
  }

  endTurn(): void {
    this.yielding = false
    if (!this.socket.writableNeedDrain) this.drained()
  }

  readonly write = (chunk: Uint8Array): boolean => {
    if (this.state !== "open" || chunk.length === 0) return true
    this.pending++
    this.written += chunk.length
    const more = this.length === undefined ? this.writeChunk(chunk) : this.socket.write(chunk, this.onFlushed)
    this.sinceYield += Math.max(chunk.length, writeCost)
    if (this.sinceYield < turnSize) return more
    this.sinceYield = 0
    if (!this.yielding) atTurnEnd(this)
    this.yielding = true
    return false
  }

  private writeChunk(chunk: Uint8Array): boolean {
    this.socket.cork()
    this.socket.write(`${chunk.length.toString(16)}\r\n`, "latin1")
    this.socket.write(chunk)
    const more = this.socket.write("\r\n", "latin1", this.onFlushed)
    this.socket.uncork()
    return more
  }

  readonly end = (): void => {
    if (this.state !== "open") return
    this.state = "ended"
    if (this.length === undefined) {
      this.pending++
      this.socket.write("0\r\n\r\n", "latin1", this.onFlushed)
    } else if (this.pending === 0) this.owner.onSent()
  }

  readonly fail = (error: ClientError): void => {
    if (this.state !== "open") return
    this.state = "cancelled"
    this.owner.onUploadError(error)
  }

  private readonly onFlushed = (error?: Error | null): void => {
    this.pending--
    if (error === undefined || error === null) {
      this.owner.onProgress()
      if (this.pending === 0 && this.isWritten) this.owner.onSent()
    }
  }

  private writeSlices(bytes: Uint8Array): void {
    let more = true
    while (more && this.isOpen && this.written < bytes.length) {
      const start = this.written
      const end = Math.min(bytes.length, start + sliceSize)
      more = this.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
    }
    if (this.written === bytes.length) this.end()
  }
}
