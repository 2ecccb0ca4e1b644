/**
 * One HTTP/1.1 connection. It runs one exchange at a time: it writes the request, passes the response to the exchange,
 * and then either becomes reusable or closes. Bytes of one response never reach another exchange.
 */
import type { ConnectionInfo, Deviation } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Retryability } from "../../errors/retryability.js"
import { showAs } from "../../inspection.js"
import type { ConnectionAge } from "../../transport/connectionAge.js"
import type { ConnectionOwner } from "../../transport/connectionOwner.js"
import { deviationsOf, mustClose } from "../../transport/deviations.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { IdleTimer } from "../../transport/idleTimer.js"
import type { Lease } from "../../transport/lease.js"
import { infoOf, type NetworkStream } from "../../transport/networkStream.js"
import type { Pooled } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import {
  brokenBody,
  brokenHead,
  cutBody,
  cutHead,
  phaseTimeout,
  repeatableAfter,
  switchedEarly,
  unsent
} from "./connectionErrors.js"
import { ConnectionSocket, type SocketEvents } from "./connectionSocket.js"
import { failedWrite } from "./failedWrites.js"
import type { ParsedHead } from "./head.js"
import type { ParserLimits } from "./limits.js"
import { RequestWriter, type RequestWriterOwner } from "./requestWriter.js"
import { ResponseReader, type ResponseReaderOwner } from "./responseReader.js"

/** Subtracted from a server's keep-alive timeout: a request needs time to reach the server. Milliseconds. */
const hintMargin = 500

export class Http1Connection
  implements Connection, Pooled, RequestWriterOwner, ResponseReaderOwner, SocketEvents, Turning
{
  static {
    showAs(Http1Connection, "Connection", ({ closed, id, requests, wire }) => ({
      id,
      requests,
      closed,
      remoteAddress: wire.remoteAddress
    }))
  }

  readonly id: number
  readonly key: string
  readonly wire: NetworkStream
  readonly age: ConnectionAge
  maxIdle = Infinity
  readonly available = 1
  requests = 0
  /** The slot of the pool that the connection holds while it is in use. */
  lease: Lease<Pooled> | undefined = undefined
  /** The exchange that uses the connection, or was using it when it closed. */
  lastExchange: Exchange | undefined = undefined

  /** Connection info for reused connections; only the first response reports `reused: false`. */
  private reusedInfo: ConnectionInfo | undefined = undefined
  private readonly owner: ConnectionOwner<Http1Connection>
  private readonly writer: RequestWriter
  private readonly response: ResponseReader
  private readonly socket: ConnectionSocket
  private current: Exchange | undefined = undefined
  /** Whether `endTurn` will run at the end of this turn of the event loop. */
  private turnScheduled = false
  /** Whether the peer has sent bytes before a request. */
  private sentUnsolicited = false
  private readonly idleTimer = new IdleTimer()
  /** The time of the last read. */
  private receivedAt = 0

  constructor(
    id: number,
    key: string,
    wire: NetworkStream,
    limits: ParserLimits,
    owner: ConnectionOwner<Http1Connection>,
    age: ConnectionAge
  ) {
    this.id = id
    this.age = age
    this.key = key
    this.wire = wire
    this.owner = owner
    this.writer = new RequestWriter(wire, this)
    this.response = new ResponseReader(wire, limits, this)
    this.socket = new ConnectionSocket(wire.socket, this, wire.tls !== undefined)
    wire.reader.read(this.onData)
    // The socket may have closed before it had listeners.
    if (wire.socket.destroyed && !this.closed) this.shut("PeerClosed")
  }

  get closed(): boolean {
    return this.response.state === "closed"
  }

  /** Deviations tolerated in the last response. */
  get deviations(): ReadonlyArray<Deviation> {
    return deviationsOf(this.response.deviations)
  }

  get info(): ConnectionInfo {
    if (this.requests <= 1) return infoOf(this.id, false, this.wire, "http/1.1")
    this.reusedInfo ??= infoOf(this.id, true, this.wire, "http/1.1")
    return this.reusedInfo
  }

  // Called by the exchange and the network.

  serve(): Connection {
    return this
  }

  start(exchange: Exchange, now = exchange.deadlines.now()): void {
    this.requests++
    if (this.closed) {
      const { error, repeatable } = unsent(exchange, this.wire, this.requests > 1, this.sentUnsolicited)
      exchange.onError(error, repeatable)
      return
    }
    const wire = exchange.wireRequest
    this.current = exchange
    this.lastExchange = exchange
    this.response.expect(wire.method, wire.upgrade !== undefined)
    this.socket.ref()
    exchange.marks.start("send", now)
    if (this.owner.hasOtherActive()) {
      this.writer.defer()
      this.turn()
    } else this.writer.send(exchange, now)
  }

  private turn(): void {
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

  abort(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  /** Fails the exchange or, after the head, its body, and closes the connection. */
  cut(error: ClientError, repeatable: Retryability = "never"): void {
    const { body, state } = this.response
    const exchange = this.current
    this.shut("Error")
    if (state === "head") exchange?.onError(error, repeatable)
    else body?.fail(error)
  }

  /** Closes an idle connection. */
  close(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  // Called by the writer.

  onWriting(): void {
    if (this.current !== undefined) this.watch("send", this.current.limits.send)
  }

  onSent(now?: number): void {
    const exchange = this.current
    if (exchange === undefined) return
    if (this.response.state === "complete") {
      if (!this.writer.hasOpenSource) this.settle()
    } else if (this.response.state === "head") {
      exchange.marks.start("headers", now)
      this.watch("headers", exchange.limits.headers, now)
    }
  }

  onProgress(): void {
    if (this.current !== undefined) this.idleTimer.touch(this.current.deadlines.now())
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
    this.idleTimer.end()
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
    if (limit !== Infinity && !this.closed && this.current === exchange) this.watch("body", limit, this.receivedAt)
  }

  onResume(): void {
    if (this.current !== undefined) this.idleTimer.touch(this.current.deadlines.now())
  }

  onLimit(millis: number): void {
    this.watch("body", millis)
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
    const more = this.take(exchange, slab, start, end)
    marks.readAt = undefined
    return more
  }

  private take(exchange: Exchange, slab: Buffer, start: number, end: number): boolean {
    // Reads do not extend the time for a head, so that a server cannot stretch it byte by byte.
    if (this.response.body !== undefined) this.idleTimer.touch(this.receivedAt)
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
    if (exchange === undefined) {
      if (!this.closed) this.shut("PeerClosed")
      return
    }
    if (this.response.finish()) {
      this.receivedAt = exchange.deadlines.now()
      this.settle()
      return
    }
    this.onCut(exchange, failedWrite(this.wire.socket))
  }

  readonly onSocketError = (error: NodeJS.ErrnoException): void => {
    const exchange = this.current
    if (exchange === undefined) {
      if (!this.closed) this.shut("PeerClosed")
      return
    }
    this.onCut(exchange, error)
  }

  readonly onClose = (): void => {
    const exchange = this.current
    if (exchange !== undefined) this.onCut(exchange, undefined)
    else if (!this.closed) this.shut("PeerClosed")
  }

  // The end of an exchange.

  /**
   * Runs once the response is complete. The system may have taken the last write of the request although its callback
   * has not run yet; TLS runs it before the end of the turn. The exchange stays current until then, so that the callback
   * does not meet the next one.
   */
  private finish(excess: boolean): void {
    this.idleTimer.end()
    this.response.paused = false
    if (excess) this.settle("Unsolicited")
    else if (this.isRequestOver || this.writer.isUploading || this.response.head?.keepAlive === false) this.settle()
    else this.turn()
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
    this.idleTimer.end()
    exchange.marks.end("body", this.receivedAt)
    this.response.body = undefined
    if (reason !== undefined) this.shut(reason)
    else if (mustClose(this.response.deviations)) this.shut("Deviation")
    else if (!this.writer.isSent || !head.keepAlive || exchange.wireRequest.close) this.shut("ConnectionClose")
    else {
      this.response.rest()
      this.writer.end()
      this.current = undefined
      this.lastExchange = undefined
      if (head.keepAliveTimeout !== undefined) this.maxIdle = Math.max(0, head.keepAliveTimeout - hintMargin)
      if (this.owner.onReusable(this, exchange, this.receivedAt)) this.rest()
      else this.shut(this.age.retired ? "Retired" : "ForceClose", exchange)
      exchange.onDone()
    }
    body?.end(this.response.trailers)
  }

  /**
   * Lets the process end while the connection is idle. Beside others in use, it does so at the end of the turn, as the next
   * request mostly starts before; for a single one, that costs more than `unref` (8 % of its CPU).
   */
  private rest(): void {
    if (this.owner.hasOtherActive()) this.turn()
    else this.socket.unref()
  }

  /** The connection ended during an exchange. */
  private onCut(exchange: Exchange, error: NodeJS.ErrnoException | undefined): void {
    const { response, writer } = this
    if (response.state === "complete") this.settle("PeerClosed")
    else if (response.state === "body") this.cut(cutBody(exchange, this.wire, "body", response.body, error))
    else {
      const phase = writer.isDeferred ? "connect" : writer.isSent ? "headers" : "send"
      const failure = cutHead(
        exchange,
        this.wire,
        phase,
        { reused: this.requests > 1, received: response.headBytes },
        error
      )
      this.cut(failure, repeatableAfter(failure, phase, this.requests > 1, response.started))
    }
  }

  /** The response is malformed. */
  private onBroken(exchange: Exchange): void {
    const { body, failure, state } = this.response
    if (failure === undefined) return
    if (state === "head") this.cut(brokenHead(exchange, this.wire, failure))
    else this.cut(brokenBody(exchange, this.wire, body, failure))
  }

  /** Closes the connection. Idempotent. Does not notify the current exchange of an error; the caller does. */
  private shut(reason: ConnectionClosed["reason"], exchange = this.current): void {
    if (this.closed) return
    const hadExchange = this.current
    this.response.close()
    this.current = undefined
    this.idleTimer.end()
    this.writer.end()
    this.socket.close(reason, this.writer.isSent)
    this.owner.onClosed(this, reason, exchange)
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
    this.owner.onUpgraded(this, exchange)
    exchange.onUpgrade(head, this.wire, Buffer.from(rest))
  }

  /** Starts the idle timeout of a phase; without a limit, no timer. */
  private watch(phase: "send" | "headers" | "body", limit: number, now?: number): void {
    this.idleTimer.end()
    if (limit !== Infinity) this.startTimer(phase, limit, now)
  }

  // Apart from `watch`, as closures cost memory even where they are not made.
  private startTimer(phase: "send" | "headers" | "body", limit: number, now?: number): void {
    const exchange = this.current
    if (exchange === undefined) return
    const onTimeout = () => this.cut(phaseTimeout(exchange, this.wire, phase, limit))
    this.idleTimer.start(exchange.deadlines, limit, () => this.response.paused, onTimeout, now)
  }
}
