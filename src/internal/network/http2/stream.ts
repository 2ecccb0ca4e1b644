/**
 * One exchange on one stream of a connection. To the session it is a connection of its own, but closing it resets only the
 * stream.
 */
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Retryability } from "../../errors/retryability.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { type BodyControl, IncomingBody, type Trailers } from "../../transport/incomingBody.js"
import type { Connection, Exchange, Head } from "../../transport/transport.js"
import { cutBody, cutHead, repeatableAfter } from "../http1/connectionErrors.js"
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
import type { DecodedFields } from "./hpack/decodedFields.js"
import { beyond, tooManyInformational } from "./limits.js"
import { type ReceivedHeads, trailersOf } from "./receivedFields.js"
import { SendingStream, type StreamOwner } from "./sendingStream.js"
import type { TableEntry } from "./streamTable.js"

const noTrailers: Trailers = []

/** The `queueLimit` of a body. It is lower than usual, because many streams of a connection may have slow readers. */
const queueLimit = 256 * 1024

/** The part of a connection that a stream uses. */
export interface Http2StreamOwner extends StreamOwner {
  readonly heads: ReceivedHeads
  /** Gives the stream its id and formats its HEADERS. */
  readonly begin: (stream: Http2Stream, endStream: boolean, now: number) => void
}

export class Http2Stream extends SendingStream implements Connection, BodyControl, Turning, TableEntry<Http2Stream> {
  nextInBucket: Http2Stream | undefined = undefined
  /** The size of all heads so far, as the limit counts it. */
  headSize = 0
  private informational = 0
  protected readonly owner: Http2StreamOwner
  private hasNoBody = false
  private trailers: Trailers = noTrailers
  /** Whether the server has ended the stream. */
  ended = false
  /** Whether the rest of the body is ignored until the end of this turn. */
  private abandoned = false

  constructor(owner: Http2StreamOwner, exchange: Exchange, window: number) {
    super(exchange, window)
    this.owner = owner
  }

  protected begin(endStream: boolean, now: number): void {
    this.owner.begin(this, endStream, now)
  }

  // Called by the exchange and the network.

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

  /** Handles the bytes that have already arrived: if they end the stream, it is not reset. */
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

  // Called by the connection.

  /** Called when a block of fields is complete: a head, or trailers. */
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
    const head = this.owner.heads.of(fields, this.exchange.wireRequest.method)
    if ("code" in head) this.violate(head)
    else if (head.status >= 200) this.onHead(head, endStream)
    else if (endStream)
      this.violate(badFrame(PROTOCOL_ERROR, `expected a response after ${head.status}, got the end of the stream`))
    else this.onInformational(head)
  }

  private onInformational(head: Head): void {
    const { maxInformational } = this.owner.limits
    if (++this.informational > maxInformational) {
      this.violate(tooManyInformational(maxInformational))
      return
    }
    if (head.status === 100) this.continue()
    this.exchange.onInformational(head)
  }

  private onHead(head: Head, endStream: boolean): void {
    const { exchange, owner, upload } = this
    const now = owner.timeOf(exchange)
    this.state = "body"
    this.ended = endStream
    this.endWait()
    this.timer?.end()
    owner.onResponse()
    if (upload !== undefined && !upload.isWritten) {
      if (head.status >= 300) upload.cancel()
    } else if (!this.sent) {
      this.sent = true
      exchange.marks.start("headers", now)
    }
    exchange.marks.start("body", now)
    this.hasNoBody = exchange.wireRequest.method === "HEAD" || head.status === 204 || head.status === 304
    const body = new IncomingBody(head.contentLength, this, queueLimit)
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

  /** Called when a DATA frame begins. */
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

  /** Called when the server has sent GOAWAY and does not answer the request. */
  onRefused(
    errorOf: (phase: "connect" | "send" | "headers") => ClientError,
    repeatable: Retryability,
    rotated: boolean
  ): void {
    if (this.state === "head") this.fail(errorOf(this.phase), this.hasConsumed ? "never" : repeatable, rotated)
  }

  /** Called when the connection has ended. `error` is the socket's. */
  onCut(error: NodeJS.ErrnoException | undefined): void {
    const { exchange, owner, reused } = this
    if (this.state === "body") {
      if (this.ended) this.settle()
      else this.failBody(cutBody(exchange, owner.wire, "body", this.body, error))
    } else if (this.state === "head") {
      const failure = cutHead(exchange, owner.wire, this.phase, { reused, received: 0 }, error)
      const repeatable = repeatableAfter(failure, this.phase, reused, owner.reads > this.readsBefore)
      this.fail(failure, this.hasConsumed ? "never" : repeatable)
    }
  }

  /**
   * Called when the connection ends because the server broke the protocol. `isCulprit` is true if it did so on this
   * stream, or on no particular one.
   */
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

  /** Fails the exchange, because the connection closes. */
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

  /** Ends the exchange after a complete response. */
  private finish(trailers: Trailers): void {
    const { body, exchange, owner, upload } = this
    this.ended = true
    this.trailers = trailers
    this.timer?.end()
    // The bytes of an abandoned body are not counted.
    if (!this.abandoned && body !== undefined && body.length !== undefined && body.received !== body.length) {
      this.reset(PROTOCOL_ERROR)
      this.failBody(cutBody(exchange, owner.wire, "body", body, undefined))
      return
    }
    // If all bytes are written, the source may still report its progress.
    if (upload?.isOpen === true && upload.isWritten) atTurnEnd(this)
    else this.settle()
  }

  private settle(): void {
    const { body, exchange, owner, upload } = this
    if (upload !== undefined && !upload.isWritten) this.reset(CANCEL)
    exchange.marks.end("body", owner.timeOf(exchange))
    this.leave()
    exchange.onDone()
    body?.end(this.trailers)
  }

  protected failBody(error: ClientError): void {
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
}
