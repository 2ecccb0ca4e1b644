/**
 * Writes the requests of one connection, one at a time: the head, then the body, after a wait for 100 Continue if the
 * request has `Expect`. One writer serves all requests of its connection, to save an allocation per request.
 */
import { TLSSocket } from "node:tls"
import type { ClientError } from "../../../Errors.js"
import type { Deadline } from "../../transport/deadlines.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { keepReadable } from "./failedWrites.js"
import { requestHead } from "./requestHead.js"
import { Upload, type UploadOwner } from "./upload.js"

/** Callbacks from the writer to its connection. */
export interface RequestWriterOwner {
  /** Called when the system has not taken all bytes at once. The time to send starts. */
  readonly onWriting: () => void
  /** Called when the socket has taken some of the body. */
  readonly onProgress: () => void
  /** Called at most once per request, when the system has taken its last byte. `now` is the current time, if known. */
  readonly onSent: (now?: number) => void
  /**
   * Called when the source of the body has failed. The connection must close, so that the body is not taken for
   * complete.
   */
  readonly onUploadError: (error: ClientError) => void
}

/** Milliseconds that a body waits for 100 Continue. */
const continueTime = 1000

/** Bytes below which a request fits into the system's buffer, which is empty between two requests. */
const smallRequest = 16 * 1024

/** Bytes of the largest body that is copied behind its head, which takes less time than a second write. */
const smallBody = 4 * 1024

type State =
  /** No request has been written. */
  | "new"
  /** The request waits for the end of the turn. */
  | "deferred"
  /** The system has not taken all of the request yet. */
  | "writing"
  /** The system has taken the last byte of the request. */
  | "sent"
  /** The request ended before its last byte was written. */
  | "cancelled"

export class RequestWriter implements UploadOwner {
  private state: State = "new"
  private readonly wire: NetworkStream
  private readonly owner: RequestWriterOwner
  /** Whether `write` passes bytes to the system synchronously, as a socket without TLS does. */
  private readonly writesAtOnce: boolean
  private upload: Upload | undefined = undefined
  private continueDeadline: Deadline | undefined = undefined

  constructor(wire: NetworkStream, owner: RequestWriterOwner) {
    this.wire = wire
    this.owner = owner
    this.writesAtOnce = !(wire.socket instanceof TLSSocket)
  }

  /** Whether the request waits until `send`. */
  get isDeferred(): boolean {
    return this.state === "deferred"
  }

  /** Whether the system has taken all of the last request. */
  get isSent(): boolean {
    return this.state === "sent"
  }

  /** Whether some of the request's body is not written yet. */
  get isUploading(): boolean {
    return this.upload !== undefined && !this.upload.isWritten
  }

  /** Whether the source of the request body may still run, for example to report progress. */
  get hasOpenSource(): boolean {
    return this.upload?.isOpen === true
  }

  /** Marks a request as waiting; the owner calls `send` at the end of the turn. */
  defer(): void {
    this.state = "deferred"
  }

  /** Writes a request. `now` is the current time, if known. */
  send(exchange: Exchange, now?: number): void {
    const request = exchange.wireRequest
    this.state = "writing"
    const text = requestHead(exchange, this.wire.forward)
    const body = request.body
    if (body === undefined) {
      this.writeWhole(text, now)
      return
    }
    const { socket } = this.wire
    if (body._tag === "Bytes" && body.bytes.length <= smallBody && !(request.expectContinue && body.bytes.length > 0)) {
      keepReadable(socket)
      this.writeWhole(joinHeadAndBody(text, body.bytes), now)
      return
    }
    this.upload = new Upload(socket, body, this)
    if (request.expectContinue && !this.upload.isWritten) {
      socket.write(text, "latin1")
      const deadlines = exchange.deadlines
      this.continueDeadline = deadlines.schedule(deadlines.now() + continueTime, () => this.continue())
      return
    }
    socket.cork()
    socket.write(text, "latin1")
    this.owner.onWriting()
    this.upload.start()
    socket.uncork()
  }

  /**
   * Writes a request in one piece. Reads `writableLength` instead of using a callback per write, which costs more. TLS
   * calls back in a later turn than it writes, often after the response, so a small request counts as sent at once.
   */
  private writeWhole(data: string | Buffer, now: number | undefined): void {
    const socket = this.wire.socket
    if (this.writesAtOnce || data.length < smallRequest) {
      socket.write(data, "latin1")
      if (!this.writesAtOnce || socket.writableLength === 0) {
        this.onSent(now)
        return
      }
      socket.write("", "latin1", this.onWritten)
    } else socket.write(data, "latin1", this.onWritten)
    this.owner.onWriting()
  }

  /** Sends a body that waits for 100 Continue: the server sent it, or `continueTime` is over. */
  continue(): void {
    if (this.continueDeadline === undefined) return
    this.endWait()
    this.owner.onWriting()
    this.upload?.start()
  }

  /** Stops the wait for 100 Continue without sending the body: the final head has arrived. */
  endWait(): void {
    this.continueDeadline?.cancel()
    this.continueDeadline = undefined
  }

  /** Call when the socket accepts more bytes. */
  drained(): void {
    this.upload?.drained()
  }

  /** Stops writing the body. */
  cancelBody(): void {
    this.upload?.cancel()
  }

  /** Ends the request. The owner receives no more callbacks for it. */
  end(): void {
    if (this.state !== "sent") this.state = "cancelled"
    this.endWait()
    this.upload?.cancel()
    this.upload = undefined
  }

  // Called by the upload and the socket.

  onSent(now?: number): void {
    if (this.state !== "writing") return
    this.state = "sent"
    this.owner.onSent(now)
  }

  onProgress(): void {
    this.owner.onProgress()
  }

  onUploadError(error: ClientError): void {
    this.owner.onUploadError(error)
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (error === undefined || error === null) this.onSent()
  }
}

/** The bytes of a head and its body. */
const joinHeadAndBody = (head: string, body: Uint8Array): Buffer => {
  const whole = Buffer.allocUnsafe(head.length + body.length)
  whole.write(head, "latin1")
  whole.set(body, head.length)
  return whole
}
