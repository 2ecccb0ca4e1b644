/**
 * The part of a stream that sends the request: its HEADERS, its body, the time limits of both, and its place in the
 * connection.
 */
import type { ConnectionInfo } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import type { Retryability } from "../../errors/retryability.js"
import type { Deadline } from "../../transport/deadlines.js"
import { IdleTimer } from "../../transport/idleTimer.js"
import type { IncomingBody } from "../../transport/incomingBody.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { cutBody, phaseTimeout, unsent } from "../http1/connectionErrors.js"
import { CANCEL } from "./errorCodes.js"
import type { Http2Limits } from "./limits.js"
import type { Sender } from "./output.js"
import { Upload, type UploadOwner } from "./upload.js"
import { ReceiveWindow } from "./windows.js"

/** The part of a connection that a sending stream uses. */
export interface StreamOwner {
  readonly wire: NetworkStream
  readonly id: number
  readonly limits: Http2Limits
  /** Requests that were started on the connection. */
  readonly requests: number
  /** The number of reads from the socket. */
  readonly reads: number
  /** The number of writes to the socket. */
  readonly writes: number
  /** Whether a stream that was created may still send its HEADERS. */
  readonly mayStart: boolean
  /** The time of the current read, or the current time outside one, on the Clock of the exchange. */
  readonly timeOf: (exchange: Exchange) => number
  /** Writes the formatted frames: now, or together with those of other streams at the end of this turn. */
  readonly writeFrames: () => void
  /** Called when the stream has bytes, or the end of its body, to send. */
  readonly send: (stream: SendingStream) => void
  readonly onDataSent: (bytes: number) => void
  /** Called when the reader of the stream has taken all received bytes. */
  readonly refill: (stream: SendingStream) => void
  /** Formats RST_STREAM. */
  readonly reset: (stream: SendingStream, code: number) => void
  /** Called when the stream has ended. */
  readonly remove: (stream: SendingStream) => void
  readonly onResponse: () => void
  /** Called when the server requires HTTP/1.1 for the request. */
  readonly onHttp1Required: () => void
  /** Called when the stream timed out, and nothing arrived on the connection during its time. */
  readonly onSilence: (exchange: Exchange) => void
}

/** How long a body waits for 100 Continue; milliseconds. */
const continueTime = 1000

type State =
  /** No request was started. */
  | "new"
  /** Waits for the final head. */
  | "head"
  /** The final head has arrived. */
  | "body"
  | "closed"

export abstract class SendingStream implements UploadOwner, Sender {
  /** 0 until HEADERS are formatted. */
  id = 0
  readonly exchange: Exchange
  /** The bytes that the server may send. */
  readonly window: ReceiveWindow
  sendWindow = 0
  queued = false
  upload: Upload | undefined = undefined
  protected state: State = "new"
  protected reused = false
  protected sent = false
  protected body: IncomingBody | undefined = undefined
  /** Whether the reader of the body applies backpressure. */
  protected paused = false
  protected timer: IdleTimer | undefined = undefined
  private continueDeadline: Deadline | undefined = undefined
  /** `owner.writes` when HEADERS were formatted. */
  private writesBefore = 0
  /** `owner.reads` when HEADERS were formatted or a frame for the stream last arrived. */
  protected readsBefore = 0
  protected lastRead = 0
  protected abstract readonly owner: StreamOwner

  constructor(exchange: Exchange, window: number) {
    this.exchange = exchange
    this.window = new ReceiveWindow(window)
  }

  /** Gets its id from the connection, which formats HEADERS. */
  protected abstract begin(endStream: boolean, now: number): void
  /** Fails the exchange and resets the stream. */
  abstract cut(error: ClientError): void
  /** Fails the exchange after the head. */
  protected abstract failBody(error: ClientError): void

  get info(): ConnectionInfo {
    const { id, wire } = this.owner
    return {
      id,
      reused: this.reused,
      remoteAddress: wire.remoteAddress,
      localAddress: wire.localAddress,
      tls: wire.tls,
      protocol: "h2",
      streamId: this.id
    }
  }

  get isOver(): boolean {
    return this.state === "closed"
  }

  /** Whether HEADERS have been passed to the socket. */
  protected get isWritten(): boolean {
    return this.owner.writes > this.writesBefore
  }

  protected get phase(): "connect" | "send" | "headers" {
    if (!this.isWritten) return "connect"
    return this.sent ? "headers" : "send"
  }

  /** Whether the source of the request's body has started and cannot start again. */
  protected get hasConsumed(): boolean {
    const { body } = this.exchange.wireRequest
    return body?._tag === "Stream" && !body.replayable && this.upload?.hasStarted === true
  }

  start(exchange: Exchange, now = exchange.deadlines.now()): void {
    const { owner } = this
    if (this.state !== "new" || !owner.mayStart) {
      this.leave()
      const { error, repeatable } = unsent(exchange, owner.wire, owner.requests > 0, false)
      exchange.onError(error, repeatable)
      return
    }
    const { body, expectContinue } = exchange.wireRequest
    this.state = "head"
    this.reused = owner.requests > 0
    this.writesBefore = owner.writes
    this.readsBefore = owner.reads
    this.lastRead = owner.reads
    exchange.marks.start("send", now)
    if (body === undefined) {
      this.begin(true, now)
      this.markSent(now)
    } else {
      this.upload = new Upload(body, this)
      this.begin(this.upload.isEmpty, now)
      if (expectContinue && !this.upload.isEmpty) {
        this.continueDeadline = exchange.deadlines.schedule(now + continueTime, () => this.continue())
      } else this.startUpload(this.upload)
    }
    owner.writeFrames()
  }

  // Called by the upload and the output.

  onSendable(): void {
    this.owner.send(this)
  }

  onProgress(bytes: number): void {
    this.owner.onDataSent(bytes)
    if (this.state === "head") this.timer?.touch(this.exchange.deadlines.now())
  }

  onSent(): void {
    if (this.state === "head") this.markSent(this.exchange.deadlines.now())
    else this.sent = true
  }

  onUploadError(error: ClientError): void {
    this.reset(CANCEL)
    if (this.state === "head") this.fail(error, "never")
    else if (this.state === "body") {
      this.failBody(cutBody(this.exchange, this.owner.wire, "send", this.body, error))
    }
  }

  private startUpload(upload: Upload): void {
    this.watch("send", this.exchange.limits.send)
    upload.start()
    if (upload.isEmpty) this.onSent()
  }

  private markSent(now: number): void {
    if (this.sent) return
    this.sent = true
    const { limits, marks } = this.exchange
    marks.start("headers", now)
    this.watch("headers", limits.headers)
  }

  /** Sends a body that waits for 100 Continue: the server sent it, or `continueTime` is over. */
  protected continue(): void {
    if (this.continueDeadline === undefined || this.upload === undefined) return
    this.endWait()
    this.startUpload(this.upload)
  }

  protected endWait(): void {
    this.continueDeadline?.cancel()
    this.continueDeadline = undefined
  }

  // The end of the exchange.

  protected fail(error: ClientError, repeatable: Retryability, rotated = false): void {
    this.leave()
    this.exchange.onError(error, repeatable, rotated)
  }

  protected reset(code: number): void {
    if (this.state === "head" || this.state === "body") this.owner.reset(this, code)
  }

  protected leave(): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.timer?.end()
    this.endWait()
    this.upload?.cancel()
    this.owner.remove(this)
  }

  /** Starts the idle timeout of a phase; without a limit, no timer. */
  protected watch(phase: "send" | "headers" | "body", limit: number): void {
    this.timer?.end()
    if (limit === Infinity || this.state === "closed") return
    const { exchange, owner } = this
    this.timer ??= new IdleTimer()
    // 1xx does not extend the limit of the head, so what arrives for this stream in that time is a sign of life too.
    const readsBefore = phase === "headers" ? owner.reads : undefined
    const onTimeout = () => {
      const isSilent = owner.reads === (readsBefore ?? this.lastRead)
      this.cut(phaseTimeout(exchange, owner.wire, phase, limit))
      if (isSilent) owner.onSilence(exchange)
    }
    this.timer.start(exchange.deadlines, limit, () => this.paused, onTimeout)
  }
}
