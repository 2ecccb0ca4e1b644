/**
 * Writes the requests of one connection, one after the other: the head, a wait for 100 Continue where it was asked for,
 * and the body. One object serves all requests of its connection, so a request allocates none.
 */
import { TLSSocket } from "node:tls"
import type { ClientError } from "../../../Errors.js"
import type { Deadline } from "../../transport/deadlines.js"
import type { Wire } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { requestHead } from "./requestHead.js"
import { Upload, type UploadOwner } from "./upload.js"

/** The connection, which the writer notifies. */
export interface RequestWriterOwner {
  /** Bytes wait for the system to take them: the time to send begins. */
  readonly onWriting: () => void
  /** The socket has taken some of the body. */
  readonly onProgress: () => void
  /** The last byte has been handed to the system. Called once for each request. */
  readonly onSent: () => void
  /** The body failed; the peer must not take what it has for the whole. */
  readonly onUploadError: (error: ClientError) => void
}

/** How long a body waits for 100 Continue; milliseconds. */
const continueTime = 1000

/** A head below this size fits into the system's buffer, which is empty between two requests; bytes. */
const smallHead = 16 * 1024

type State =
  /** No request has been written. */
  | "new"
  /** The request waits for the end of the turn. */
  | "deferred"
  /** Some of the request is not with the system yet. */
  | "writing"
  /** The last byte of the request has been handed to the system. */
  | "sent"
  /** The request was given up before that. */
  | "cancelled"

export class RequestWriter implements UploadOwner {
  private state: State = "new"
  private readonly wire: Wire
  private readonly owner: RequestWriterOwner
  /** Whether the system takes bytes at once, if it takes them. */
  private readonly direct: boolean
  private upload: Upload | undefined = undefined
  private continueDeadline: Deadline | undefined = undefined

  constructor(wire: Wire, owner: RequestWriterOwner) {
    this.wire = wire
    this.owner = owner
    this.direct = !(wire.socket instanceof TLSSocket)
  }

  /** Whether the request waits until `send`. */
  get isDeferred(): boolean {
    return this.state === "deferred"
  }

  /** Whether the last request is with the system as a whole. */
  get isSent(): boolean {
    return this.state === "sent"
  }

  /** Whether some of the request's body is not written yet. */
  get isUploading(): boolean {
    return this.upload !== undefined && !this.upload.whole
  }

  /** Whether the source of the request's body may still do something, such as report its progress. */
  get hasOpenSource(): boolean {
    return this.upload?.open === true
  }

  /** A request waits; the owner calls `send` at the end of the turn. */
  defer(): void {
    this.state = "deferred"
  }

  send(exchange: Exchange): void {
    const request = exchange.wire
    this.state = "writing"
    const text = requestHead(exchange, this.wire.forward)
    const body = request.body
    if (body === undefined) {
      this.writeHead(text)
      return
    }
    const { socket } = this.wire
    this.upload = new Upload(socket, body, this)
    if (request.expectContinue && !this.upload.whole) {
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
   * A callback for each write costs more than to look whether the system has taken all. TLS calls back in a later turn
   * than it writes, often after the response: a small head counts as sent at once.
   */
  private writeHead(text: string): void {
    const socket = this.wire.socket
    if (this.direct || text.length < smallHead) {
      socket.write(text, "latin1")
      if (!this.direct || socket.writableLength === 0) {
        this.onSent()
        return
      }
      socket.write("", "latin1", this.onWritten)
    } else socket.write(text, "latin1", this.onWritten)
    this.owner.onWriting()
  }

  /** The peer wants the body, or has said nothing for long enough. */
  continue(): void {
    if (this.continueDeadline === undefined) return
    this.endWait()
    this.owner.onWriting()
    this.upload?.start()
  }

  /** The final head has arrived: a body that still waits for 100 Continue is not written. */
  endWait(): void {
    this.continueDeadline?.cancel()
    this.continueDeadline = undefined
  }

  /** The socket takes more. */
  drained(): void {
    this.upload?.drained()
  }

  /** Writes no more of the body; what is written stays. */
  cancelBody(): void {
    this.upload?.cancel()
  }

  /** Ends the request. Nothing of it calls the owner afterwards. */
  end(): void {
    if (this.state !== "sent") this.state = "cancelled"
    this.endWait()
    this.upload?.cancel()
    this.upload = undefined
  }

  // Called by the upload and the socket.

  onSent(): void {
    if (this.state !== "writing") return
    this.state = "sent"
    this.owner.onSent()
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
