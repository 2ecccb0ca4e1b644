/**
 * Runs the exchanges of one connection, one at a time: writes the request, passes the response to the exchange, and
 * then either lets the connection become idle or closes it. Bytes of one response never reach another exchange. The state is
 * that of the writer and of the reader; `current` is the exchange they work for.
 */
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Retryability } from "../../errors/retryability.js"
import { mustClose } from "../../transport/deviations.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Exchange } from "../../transport/transport.js"
import { brokenBody, brokenHead, cutBody, cutHead, repeatableAfter, switchedEarly, unsent } from "./connectionErrors.js"
import { ConnectionSocket, type SocketEvents } from "./connectionSocket.js"
import { failedWrite } from "./failedWrites.js"
import type { ParsedHead } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { PhaseTimer, type PhaseTimerOwner } from "./phaseTimer.js"
import { RequestWriter, type RequestWriterOwner } from "./requestWriter.js"
import { ResponseReader, type ResponseReaderOwner } from "./responseReader.js"

export abstract class ExchangeRunner
  implements RequestWriterOwner, ResponseReaderOwner, PhaseTimerOwner, SocketEvents, Turning
{
  readonly wire: NetworkStream
  /** Exchanges that were started. */
  requests = 0
  protected readonly response: ResponseReader
  private readonly writer: RequestWriter
  private readonly socket: ConnectionSocket
  private current: Exchange | undefined = undefined
  /** Whether `endTurn` will run at the end of this turn of the event loop. */
  private turnScheduled = false
  /** Whether the peer has sent bytes before a request. */
  private sentUnsolicited = false
  private readonly timer = new PhaseTimer(this)
  /** The time of the last read. */
  private receivedAt = 0

  constructor(wire: NetworkStream, limits: ParserLimits) {
    this.wire = wire
    this.writer = new RequestWriter(wire, this)
    this.response = new ResponseReader(wire, limits, this)
    this.socket = new ConnectionSocket(wire.socket, this, wire.tls !== undefined)
  }

  /** Whether other connections are in use. */
  protected abstract hasOtherActive(): boolean
  /** Called when the exchange is over. Returns `false` if the connection must close instead of becoming idle. */
  protected abstract onReusable(exchange: Exchange, head: ParsedHead, now: number): boolean
  /** Why the connection closes after `onReusable` returned `false`. */
  protected abstract closeReason(): ConnectionClosed["reason"]
  /** Called once when the connection is closed or closing. */
  protected abstract onClosed(reason: ConnectionClosed["reason"], exchange: Exchange | undefined): void
  /** Called when the exchange takes over the socket. */
  protected abstract onUpgraded(exchange: Exchange): void

  get closed(): boolean {
    return this.response.state === "closed"
  }

  /** Starts to read. The socket may have closed before it had listeners. */
  protected listen(): void {
    this.wire.reader.read(this.onData)
    if (this.wire.socket.destroyed && !this.closed) this.shut("PeerClosed")
  }

  protected run(exchange: Exchange, now: number): void {
    this.requests++
    if (this.closed) {
      const { error, repeatable } = unsent(exchange, this.wire, this.requests > 1, this.sentUnsolicited)
      exchange.onError(error, repeatable)
      return
    }
    const wireRequest = exchange.wireRequest
    this.current = exchange
    this.response.expect(wireRequest.method, wireRequest.upgrade !== undefined)
    this.socket.ref()
    exchange.marks.start("send", now)
    if (this.hasOtherActive()) {
      this.writer.defer()
      this.scheduleTurnEnd()
    } else this.writer.send(exchange, now)
  }

  private scheduleTurnEnd(): void {
    if (this.turnScheduled) return
    this.turnScheduled = true
    atTurnEnd(this)
  }

  endTurn(): void {
    this.turnScheduled = false
    if (this.closed) return
    if (this.current === undefined) this.socket.unref()
    else if (this.writer.isDeferred) this.writer.send(this.current)
    else if (this.response.state === "complete") this.settle()
  }

  /** Fails the exchange or, after the head, its body, and closes the connection. */
  cut(error: ClientError, repeatable: Retryability = "never"): void {
    const { body, state } = this.response
    const exchange = this.current
    this.shut("Error")
    if (state === "head") exchange?.onError(error, repeatable)
    else body?.fail(error)
  }

  // Called by the writer.

  onWriting(): void {
    if (this.current !== undefined) this.timer.start(this.current, "send", this.current.limits.send)
  }

  onSent(now?: number): void {
    const exchange = this.current
    if (exchange === undefined) return
    if (this.response.state === "complete") {
      if (!this.writer.hasOpenSource) this.settle()
    } else if (this.response.state === "head") {
      exchange.marks.start("headers", now)
      this.timer.start(exchange, "headers", exchange.limits.headers, now)
    }
  }

  onProgress(): void {
    if (this.current !== undefined) this.timer.touch(this.current.deadlines.now())
  }

  onUploadError(error: ClientError): void {
    const exchange = this.current
    if (exchange === undefined) return
    if (this.response.state === "head") this.cut(error)
    else if (this.response.state === "body") this.cut(cutBody(exchange, this.wire, "send", this.response.body, error))
  }

  // Called by the reader of the response.

  onInformational(head: ParsedHead): void {
    if (head.status === 100) this.writer.continue()
    this.current?.onInformational(head)
  }

  onHead(head: ParsedHead): void {
    const exchange = this.current
    if (exchange === undefined) return
    this.writer.endWait()
    this.timer.end()
    if (head.status === 101 && exchange.wireRequest.upgrade !== undefined) return
    if (this.writer.isUploading) {
      if (head.status >= 300) this.writer.cancelBody()
    } else if (!this.writer.isSent) {
      // The server answers, so it most likely has the request: only the callback of the last write is still due.
      exchange.marks.start("headers", this.receivedAt)
    }
    exchange.marks.start("body", this.receivedAt)
    exchange.onHead(head, this.response.open(head))
    const limit = exchange.limits.body
    if (limit !== Infinity && !this.closed && this.current === exchange) {
      this.timer.start(exchange, "body", limit, this.receivedAt)
    }
  }

  onResume(): void {
    if (this.current !== undefined) this.timer.touch(this.current.deadlines.now())
  }

  onLimit(millis: number): void {
    if (this.current !== undefined) this.timer.start(this.current, "body", millis)
  }

  isPaused(): boolean {
    return this.response.paused
  }

  mayDrain(): boolean {
    return !this.writer.isUploading
  }

  onUnread(): void {
    this.shut("UnreadBody")
  }

  // Called by the socket.

  readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    const exchange = this.current
    if (exchange === undefined) {
      this.sentUnsolicited = true
      if (!this.closed) this.shut("Unsolicited")
      return true
    }
    if (this.writer.isDeferred) {
      this.sentUnsolicited = true
      const { error, repeatable } = unsent(exchange, this.wire, this.requests > 1, true)
      this.cut(error, repeatable)
      return true
    }
    const { marks } = exchange
    this.receivedAt = exchange.deadlines.now()
    marks.readAt = this.receivedAt
    const more = this.readResponse(exchange, slab, start, end)
    marks.readAt = undefined
    return more
  }

  private readResponse(exchange: Exchange, slab: Buffer, start: number, end: number): boolean {
    // Reads do not extend the time for a head, so that a server cannot stretch it byte by byte.
    if (this.response.body !== undefined) this.timer.touch(this.receivedAt)
    const next = this.response.read(slab, start, end)
    if (this.closed) return true
    if (next < 0) {
      this.onBroken(exchange)
      return true
    }
    if (this.response.head?.status === 101 && exchange.wireRequest.upgrade !== undefined) {
      if (this.writer.isUploading) {
        // The server would take the rest of the request for bytes of the new protocol.
        this.response.reject()
        this.cut(switchedEarly(exchange, this.wire))
      } else this.handOver(exchange, slab.subarray(next, end))
    } else if (this.response.state === "complete") this.finish(next < end)
    return !this.response.paused
  }

  readonly onDrain = (): void => {
    this.onProgress()
    this.writer.drained()
  }

  readonly onEnd = (): void => {
    const exchange = this.current
    if (exchange !== undefined && this.response.finish()) {
      this.receivedAt = exchange.deadlines.now()
      this.settle()
    } else this.onSocketGone(exchange === undefined ? undefined : failedWrite(this.wire.socket))
  }

  readonly onSocketError = (error: NodeJS.ErrnoException): void => this.onSocketGone(error)

  readonly onClose = (): void => this.onSocketGone(undefined)

  private onSocketGone(error: NodeJS.ErrnoException | undefined): void {
    if (this.current !== undefined) this.onCut(this.current, error)
    else if (!this.closed) this.shut("PeerClosed")
  }

  // The end of an exchange.

  /**
   * Runs once the response is complete. The system may have taken the last write of the request although its callback
   * has not run yet; TLS runs it before the end of the turn. The exchange stays current until then, so that the
   * callback does not meet the next one.
   */
  private finish(excess: boolean): void {
    this.timer.end()
    this.response.paused = false
    if (excess) this.settle("Unsolicited")
    else if (this.isRequestOver || this.writer.isUploading || this.response.head?.keepAlive === false) this.settle()
    else this.scheduleTurnEnd()
  }

  private get isRequestOver(): boolean {
    return this.writer.isSent && !this.writer.hasOpenSource
  }

  /**
   * Ends the exchange after a complete response. Closes the connection if a reason is passed or reuse is not safe, else
   * returns it to the pool. Both happen before the consumer sees the end of the body.
   */
  private settle(reason?: ConnectionClosed["reason"]): void {
    const exchange = this.current
    const head = this.response.head
    const body = this.response.body
    if (exchange === undefined || head === undefined) return
    this.timer.end()
    exchange.marks.end("body", this.receivedAt)
    this.response.body = undefined
    if (reason !== undefined) this.shut(reason)
    else if (mustClose(this.response.deviations)) this.shut("Deviation")
    else if (!this.writer.isSent || !head.keepAlive || exchange.wireRequest.close) this.shut("ConnectionClose")
    else {
      this.response.becomeIdle()
      this.writer.end()
      this.current = undefined
      if (this.onReusable(exchange, head, this.receivedAt)) this.unrefIdle()
      else this.shut(this.closeReason(), exchange)
      exchange.onDone()
    }
    body?.end(this.response.trailers)
  }

  /**
   * Lets the process end while the connection is idle: at the end of the turn if others are in use, because the next
   * request mostly starts before, and at once otherwise, because `setImmediate` costs 8 % of the CPU of a request.
   */
  private unrefIdle(): void {
    if (this.hasOtherActive()) this.scheduleTurnEnd()
    else this.socket.unref()
  }

  /** Call when the connection has ended during an exchange. */
  private onCut(exchange: Exchange, error: NodeJS.ErrnoException | undefined): void {
    const { response, wire, writer } = this
    if (response.state === "complete") this.settle("PeerClosed")
    else if (response.state === "body") this.cut(cutBody(exchange, wire, "body", response.body, error))
    else {
      const phase = writer.isDeferred ? "connect" : writer.isSent ? "headers" : "send"
      const was = { reused: this.requests > 1, received: response.headBytes }
      const failure = cutHead(exchange, wire, phase, was, error)
      this.cut(failure, repeatableAfter(failure, phase, was.reused, response.started))
    }
  }

  /** Call when the response is malformed. */
  private onBroken(exchange: Exchange): void {
    const { body, failure, state } = this.response
    if (failure === undefined) return
    this.cut(
      state === "head" ? brokenHead(exchange, this.wire, failure) : brokenBody(exchange, this.wire, body, failure)
    )
  }

  /** Closes the connection. Idempotent. Does not notify the current exchange of an error; the caller does. */
  protected shut(reason: ConnectionClosed["reason"], exchange = this.current): void {
    if (this.closed) return
    const hadExchange = this.current
    this.response.close()
    this.current = undefined
    this.timer.end()
    this.writer.end()
    this.socket.close(reason, this.writer.isSent)
    this.onClosed(reason, exchange)
    if (this.response.head !== undefined) hadExchange?.onDone()
  }

  private handOver(exchange: Exchange, rest: Buffer): void {
    const head = this.response.head
    if (head === undefined) return
    this.response.close()
    this.current = undefined
    this.socket.release()
    // Reading pauses until the new owner reads, so that no bytes are lost.
    this.response.paused = true
    exchange.marks.end("headers")
    this.onUpgraded(exchange)
    exchange.onUpgrade(head, this.wire, Buffer.from(rest))
  }
}
