/**
 * One request body on its way into a socket, with backpressure, framed by length or by chunks.
 */
import type * as Net from "node:net"
import type { ClientError } from "../../../Errors.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { RequestBody, RequestSink, RequestSource } from "../../transport/transport.js"

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
  private readonly chunked: boolean
  private source: RequestSource | undefined = undefined
  private offset = 0
  private pending = 0
  /** Bytes since the last rest. */
  private written = 0
  /** It goes on in the next turn. */
  private resting = false
  private state: "open" | "ended" | "cancelled" = "open"

  constructor(socket: Net.Socket, body: RequestBody, owner: UploadOwner) {
    this.socket = socket
    this.body = body
    this.owner = owner
    this.chunked = body._tag === "Stream" && body.length === undefined
  }

  start(): void {
    if (this.state !== "open") return
    if (this.body._tag === "Bytes") this.writeSlices(this.body.bytes)
    else this.source = this.body.start(this)
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
    const more = this.chunked ? this.writeChunk(chunk) : this.socket.write(chunk, this.onFlushed)
    this.written += Math.max(chunk.length, writeCost)
    if (this.written < turnSize) return more
    this.written = 0
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
    if (this.chunked) {
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
      if (this.pending === 0 && this.state === "ended") this.owner.onSent()
    }
  }

  private writeSlices(bytes: Uint8Array): void {
    let more = true
    while (more && this.offset < bytes.length) {
      const end = Math.min(bytes.length, this.offset + sliceSize)
      const slice = this.offset === 0 && end === bytes.length ? bytes : bytes.subarray(this.offset, end)
      this.offset = end
      more = this.write(slice)
    }
    if (this.offset === bytes.length) this.end()
  }
}
