/**
 * One request body on its way into a socket, with backpressure, framed by length or by chunks.
 */
import type * as Net from "node:net"
import type { ClientError } from "../../../Errors.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { RequestBody, RequestSink, RequestSource } from "../../transport/transport.js"
import { keepReadable } from "./failedWrites.js"

/** Who is told how the body goes. */
export interface UploadOwner {
  /** All of it has been handed to the system. */
  readonly onSent: () => void
  readonly onProgress: () => void
  readonly onUploadError: (error: ClientError) => void
}

/** Bytes given to the socket at once: what lies behind them waits for a drain. */
const sliceSize = 256 * 1024

/**
 * Bytes that are given to the socket before timers and other sockets have their turn: the system takes them at once for
 * as long as the peer reads, and the socket says so before the turn ends. A write counts as `writeCost` at least.
 */
const turnSize = 1024 * 1024
const writeCost = 8 * 1024

export class Upload implements RequestSink, Turning {
  /** Set by the source. */
  onDrain: (() => void) | undefined = undefined
  private readonly socket: Net.Socket
  private readonly body: RequestBody
  private readonly owner: UploadOwner
  /** `undefined`: chunked. */
  private readonly length: number | undefined
  private source: RequestSource | undefined = undefined
  /** Bytes of the body that the socket has been given. */
  private written = 0
  /** Writes that the socket has not called back. */
  private pending = 0
  /** Bytes since the last rest. */
  private sinceRest = 0
  /** It goes on in the next turn. */
  private resting = false
  private state: "open" | "ended" | "cancelled" = "open"

  constructor(socket: Net.Socket, body: RequestBody, owner: UploadOwner) {
    this.socket = socket
    this.body = body
    this.owner = owner
    this.length = body._tag === "Bytes" ? body.bytes.length : body.length
  }

  /** Whether the socket has been given all that the peer waits for, even if the source has not ended yet. */
  get whole(): boolean {
    return this.state === "ended" || this.written === this.length
  }

  /** Whether the source may still write, end or fail. */
  get open(): boolean {
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

  /** Sends no more. */
  cancel(): void {
    if (this.state !== "open") return
    this.state = "cancelled"
    this.source?.cancel()
  }

  /** The socket takes more. */
  drained(): void {
    if (this.state !== "open" || this.resting) return
    if (this.body._tag === "Bytes") this.writeSlices(this.body.bytes)
    else this.onDrain?.()
  }

  endTurn(): void {
    this.resting = false
    if (!this.socket.writableNeedDrain) this.drained()
  }

  readonly write = (chunk: Uint8Array): boolean => {
    if (this.state !== "open" || chunk.length === 0) return true
    this.pending++
    this.written += chunk.length
    const more = this.length === undefined ? this.writeChunk(chunk) : this.socket.write(chunk, this.onFlushed)
    this.sinceRest += Math.max(chunk.length, writeCost)
    if (this.sinceRest < turnSize) return more
    this.sinceRest = 0
    if (!this.resting) atTurnEnd(this)
    this.resting = true
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
      if (this.pending === 0 && this.whole) this.owner.onSent()
    }
  }

  private writeSlices(bytes: Uint8Array): void {
    let more = true
    while (more && this.open && this.written < bytes.length) {
      const start = this.written
      const end = Math.min(bytes.length, start + sliceSize)
      more = this.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
    }
    if (this.written === bytes.length) this.end()
  }
}
