/**
 * One exchange on one stream of a connection. To the session it is a connection of its own: to cut it resets the stream
 * and leaves the connection.
 */
import type { ConnectionInfo } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Retryability } from "../../errors/retryability.js"
import type { Deadline } from "../../transport/deadlines.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { IdleTimer } from "../../transport/idleTimer.js"
import { type BodyControl, IncomingBody, type Trailers } from "../../transport/incomingBody.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Connection, Exchange, Head } from "../../transport/transport.js"
import { cutBody, cutHead, isClosing, phaseTimeout, unsent } from "../http1/connectionErrors.js"
import {
  badFrame,
  CANCEL,
  FLOW_CONTROL_ERROR,
  HTTP_1_1_REQUIRED,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  type Violation
} from "./errorCodes.js"
import { disconnected, resetBody, resetHead, violatedBody, violatedHead } from "./failures.js"
import type { DecodedFields } from "./hpack/decoder.js"
import { beyond, type Http2Limits } from "./limits.js"
import type { Sender } from "./output.js"
import { headOf, trailersOf } from "./receivedFields.js"
import { Upload, type UploadOwner } from "./upload.js"
import { ReceiveWindow } from "./windows.js"

/** What a stream needs from its connection. */
export interface StreamOwner {
  readonly wire: NetworkStream
  readonly id: number
  readonly limits: Http2Limits
  /** Requests that were started on the connection. */
  readonly requests: number
  /** How often something has arrived. */
  readonly reads: number
  /** How often something was written. */
  readonly writes: number
  /** Whether a stream that was opened may still start. */
  readonly mayStart: boolean
  /** The time of the current read, or now, in the time of the exchange. */
  readonly timeOf: (exchange: Exchange) => number
  /** Gives the stream its id and formats its HEADERS. */
  readonly begin: (stream: Http2Stream, endStream: boolean, now: number) => void
  /** Writes what was formatted: now, or with what other streams write in this turn. */
  readonly written: () => void
  /** The stream has something to send. */
  readonly send: (stream: Http2Stream) => void
  readonly onDataSent: (bytes: number) => void
  /** The reader of the stream has taken everything. */
  readonly refill: (stream: Http2Stream) => void
  /** Formats RST_STREAM. */
  readonly reset: (stream: Http2Stream, code: number) => void
  /** The stream is over. */
  readonly remove: (stream: Http2Stream) => void
  readonly onResponse: () => void
  /** The server wants the request over HTTP/1.1. */
  readonly onHttp1Required: () => void
  /** The stream timed out and nothing has arrived on the connection in that time. */
  readonly onSilence: (exchange: Exchange) => void
}

/** How long a body waits for 100 Continue; milliseconds. */
const continueTime = 1000

type State =
  /** Without a request. */
  | "new"
  /** Waits for the final head. */
  | "head"
  /** The final head has arrived. */
  | "body"
  | "closed"

export class Http2Stream implements Connection, BodyControl, UploadOwner, Sender, Turning {
  /** 0 until HEADERS are formatted. */
  id = 0
  readonly exchange: Exchange
  readonly window: ReceiveWindow
  sendWindow = 0
  queued = false
  upload: Upload | undefined = undefined
  /** Bytes of the heads so far, as the limit counts them. */
  headSize = 0
  private readonly owner: StreamOwner
  private state: State = "new"
  private reused = false
  private sent = false
  private body: IncomingBody | undefined = undefined
  private hasNoBody = false
  private trailers: Trailers = []
  /** Whether the server has ended the stream. */
  private ended = false
  /** Whether the rest of the body is ignored until the end of this turn. */
  private abandoned = false
  private paused = false
  private timer: IdleTimer | undefined = undefined
  private continueDeadline: Deadline | undefined = undefined
  /** `owner.writes` when HEADERS were formatted. */
  private writesBefore = 0
  /** `owner.reads` when HEADERS were formatted, and when something last arrived for the stream. */
  private readsBefore = 0
  private lastRead = 0

  constructor(owner: StreamOwner, exchange: Exchange, window: number) {
    this.owner = owner
    this.exchange = exchange
    this.window = new ReceiveWindow(window)
  }

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
  private get isWritten(): boolean {
    return this.owner.writes > this.writesBefore
  }

  private get phase(): "connect" | "send" | "headers" {
    if (!this.isWritten) return "connect"
    return this.sent ? "headers" : "send"
  }

  /** Whether the source of the request's body has started and cannot start again. */
  private get hasConsumed(): boolean {
    const { body } = this.exchange.wireRequest
    return body?._tag === "Stream" && !body.replayable && this.upload?.hasStarted === true
  }

  // Called by the exchange and the network.

  start(exchange: Exchange): void {
    const { owner } = this
    if (this.state !== "new" || !owner.mayStart) {
      this.leave()
      const { error, repeatable } = unsent(exchange, owner.wire, owner.requests > 0, false)
      exchange.onError(error, repeatable)
      return
    }
    const { body, expectContinue } = exchange.wireRequest
    const now = exchange.deadlines.now()
    this.state = "head"
    this.reused = owner.requests > 0
    this.writesBefore = owner.writes
    this.readsBefore = owner.reads
    this.lastRead = owner.reads
    exchange.marks.start("send", now)
    if (body === undefined) {
      owner.begin(this, true, now)
      this.markSent(now)
    } else {
      this.upload = new Upload(body, this)
      owner.begin(this, this.upload.isEmpty, now)
      if (expectContinue && !this.upload.isEmpty) {
        this.continueDeadline = exchange.deadlines.schedule(now + continueTime, () => this.continue())
      } else this.startUpload(this.upload)
    }
    owner.written()
  }

  /** Fails the exchange and resets the stream, before or after the head. */
  cut(error: ClientError): void {
    this.reset(CANCEL)
    if (this.state === "head") this.fail(error, "never")
    else this.failBody(error)
  }

  abort(_reason: ConnectionClosed["reason"]): void {
    this.reset(CANCEL)
    this.drop()
  }

  // Called by the reader of the body.

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.state !== "body") return
    this.timer?.touch(this.exchange.deadlines.now())
    if (!this.ended) this.owner.refill(this)
  }

  limitIdle(millis: number): void {
    this.watch("body", millis)
  }

  /** What has arrived already ends the stream without a reset. */
  abandon(atOnce: boolean): void {
    if (this.state !== "body" || this.ended) return
    this.abandoned = true
    if (atOnce) this.endTurn()
    else atTurnEnd(this)
  }

  endTurn(): void {
    if (this.state !== "body") return
    if (this.ended) this.settle()
    else if (this.abandoned) {
      this.reset(CANCEL)
      this.drop()
    }
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
  private continue(): void {
    if (this.continueDeadline === undefined || this.upload === undefined) return
    this.endWait()
    this.startUpload(this.upload)
  }

  private endWait(): void {
    this.continueDeadline?.cancel()
    this.continueDeadline = undefined
  }

  // Called by the connection.

  /** A block of fields is complete: a head, or trailers. */
  onBlock(fields: DecodedFields, endStream: boolean): void {
    this.lastRead = this.owner.reads
    if (this.state === "body") {
      this.onTrailers(fields, endStream)
      return
    }
    if (fields.exceeded !== undefined) {
      this.violate(beyond(fields.exceeded, this.owner.limits))
      return
    }
    this.headSize += fields.size
    const head = headOf(fields, this.exchange.wireRequest.method)
    if ("code" in head) this.violate(head)
    else if (head.status >= 200) this.onHead(head, endStream)
    else if (endStream)
      this.violate(badFrame(PROTOCOL_ERROR, `expected a response after ${head.status}, got the end of the stream`))
    else {
      if (head.status === 100) this.continue()
      this.exchange.onInformational(head)
    }
  }

  private onHead(head: Head, endStream: boolean): void {
    const { exchange, owner, upload } = this
    const now = owner.timeOf(exchange)
    this.state = "body"
    this.ended = endStream
    this.endWait()
    this.timer?.end()
    owner.onResponse()
    if (upload !== undefined && !upload.whole) {
      if (head.status >= 300) upload.cancel()
    } else if (!this.sent) {
      this.sent = true
      exchange.marks.start("headers", now)
    }
    exchange.marks.start("body", now)
    this.hasNoBody = exchange.wireRequest.method === "HEAD" || head.status === 204 || head.status === 304
    const body = new IncomingBody(head.contentLength, this)
    this.body = body
    exchange.marks.readAt = now
    exchange.onHead(head, body)
    exchange.marks.readAt = undefined
    if (this.isOver) return
    if (endStream) this.finish(noTrailers)
    else this.watch("body", exchange.limits.body)
  }

  private onTrailers(fields: DecodedFields, endStream: boolean): void {
    if (fields.exceeded !== undefined) this.violate(beyond(fields.exceeded, this.owner.limits))
    else if (!endStream) this.violate(badFrame(PROTOCOL_ERROR, "expected trailers to end the stream"))
    else {
      const trailers = trailersOf(fields)
      if ("code" in trailers) this.violate(trailers)
      else this.finish(trailers)
    }
  }

  /** A DATA frame begins. */
  onData(length: number): void {
    this.lastRead = this.owner.reads
    if (this.state === "head") {
      this.violate(badFrame(PROTOCOL_ERROR, "expected HEADERS before DATA"))
    } else if (!this.window.receive(length)) {
      this.violate(badFrame(FLOW_CONTROL_ERROR, "expected DATA within the window of the stream, got more"))
    }
  }

  onDataPiece(slab: Buffer, start: number, end: number): void {
    const { body, exchange } = this
    if (this.state !== "body" || body === undefined || this.abandoned) return
    if (this.hasNoBody) {
      this.violate(badFrame(PROTOCOL_ERROR, "expected no body, got DATA"))
    } else if (body.length !== undefined && body.received + end - start > body.length) {
      const description = `expected ${body.length} bytes by content-length, got more`
      this.violate(badFrame(PROTOCOL_ERROR, description))
    } else {
      const now = this.owner.timeOf(exchange)
      this.timer?.touch(now)
      exchange.marks.readAt = now
      if (!body.push(slab, start, end)) this.paused = true
      exchange.marks.readAt = undefined
    }
  }

  onDataEnd(endStream: boolean): void {
    if (this.state !== "body") return
    if (endStream) this.finish(noTrailers)
    else if (!this.paused) this.owner.refill(this)
  }

  onReset(code: number): void {
    const { exchange, owner } = this
    if (this.state === "head") {
      const isForHttp1 = code === HTTP_1_1_REQUIRED
      if (isForHttp1) owner.onHttp1Required()
      const repeatable = code === REFUSED_STREAM ? "unsent" : isForHttp1 ? "sent" : "never"
      this.fail(resetHead(exchange, owner.wire, this.phase, code), this.hasConsumed ? "never" : repeatable)
    } else if (this.ended) this.settle()
    else this.failBody(resetBody(exchange, owner.wire, this.body, code))
  }

  /** The server has not taken the request, and takes no more. */
  onRefused(errorOf: (phase: "connect" | "send" | "headers") => ClientError, repeatable: Retryability): void {
    if (this.state === "head") this.fail(errorOf(this.phase), this.hasConsumed ? "never" : repeatable)
  }

  /** The connection ended. `error` is the socket's. */
  onCut(error: NodeJS.ErrnoException | undefined): void {
    const { exchange, owner, reused } = this
    if (this.state === "body") {
      if (this.ended) this.settle()
      else this.failBody(cutBody(exchange, owner.wire, "body", this.body, error))
    } else if (this.state === "head") {
      const failure = cutHead(exchange, owner.wire, this.phase, { reused, received: 0 }, error)
      const isStale = owner.reads === this.readsBefore && (reused || isClosing(failure))
      const repeatable = !this.isWritten ? "unsent" : isStale ? "sent" : "never"
      this.fail(failure, this.hasConsumed ? "never" : repeatable)
    }
  }

  /** The connection ends because the server broke the protocol: on this stream, or all of them if `isCulprit`. */
  onFault(violation: Violation, isCulprit: boolean): void {
    const { exchange, owner } = this
    const { wire } = owner
    if (this.state === "body") {
      if (this.ended) this.settle()
      else if (isCulprit) this.failBody(violatedBody(exchange, wire, this.body, violation))
      else this.failBody(cutBody(exchange, wire, "body", this.body, violatedHead(exchange, wire, violation)))
    } else if (this.state === "head") {
      const cause = violatedHead(exchange, wire, violation)
      this.fail(isCulprit ? cause : disconnected(exchange, wire, this.phase, this.reused, cause), "never")
    }
  }

  /** The connection closes: fails the exchange. */
  stop(error: ClientError): void {
    if (this.state === "head") this.fail(error, "never")
    else this.failBody(error)
  }

  /** Resets the stream because the server broke the protocol on it. */
  violate(violation: Violation): void {
    const { exchange, owner } = this
    this.reset(violation.code)
    if (this.state === "head") this.fail(violatedHead(exchange, owner.wire, violation), "never")
    else this.failBody(violatedBody(exchange, owner.wire, this.body, violation))
  }

  // The end of the exchange.

  /** The response is complete. */
  private finish(trailers: Trailers): void {
    const { body, exchange, owner, upload } = this
    this.ended = true
    this.trailers = trailers
    this.timer?.end()
    if (body !== undefined && body.length !== undefined && body.received !== body.length) {
      this.reset(PROTOCOL_ERROR)
      this.failBody(cutBody(exchange, owner.wire, "body", body, undefined))
      return
    }
    // A source whose bytes are all written may still report its progress.
    if (upload?.isOpen === true && upload.whole) atTurnEnd(this)
    else this.settle()
  }

  private settle(): void {
    const { body, exchange, owner, upload } = this
    if (upload !== undefined && !upload.whole) this.reset(CANCEL)
    exchange.marks.end("body", owner.timeOf(exchange))
    this.leave()
    exchange.onDone()
    body?.end(this.trailers)
  }

  private fail(error: ClientError, repeatable: Retryability): void {
    this.leave()
    this.exchange.onError(error, repeatable)
  }

  private failBody(error: ClientError): void {
    const { body } = this
    this.drop()
    body?.fail(error)
  }

  /** Ends the exchange without an error. */
  private drop(): void {
    const hadHead = this.state === "body"
    this.leave()
    if (hadHead) this.exchange.onDone()
  }

  private reset(code: number): void {
    if (this.state === "head" || this.state === "body") this.owner.reset(this, code)
  }

  private leave(): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.timer?.end()
    this.endWait()
    this.upload?.cancel()
    this.owner.remove(this)
  }

  /** Starts the idle timeout of a phase; without a limit, no timer. */
  private watch(phase: "send" | "headers" | "body", limit: number): void {
    this.timer?.end()
    if (limit === Infinity || this.state === "closed") return
    const { exchange, owner } = this
    this.timer ??= new IdleTimer()
    const onTimeout = () => {
      const isSilent = owner.reads === this.lastRead
      this.cut(phaseTimeout(exchange, owner.wire, phase, limit))
      if (isSilent) owner.onSilence(exchange)
    }
    this.timer.start(exchange.deadlines, limit, () => this.paused, onTimeout)
  }
}

const noTrailers: Trailers = []
