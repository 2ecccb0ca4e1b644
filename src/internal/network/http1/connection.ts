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
import { deviationsOf, mustClose } from "../../transport/deviations.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { type BodyControl, IncomingBody, type Trailers } from "../../transport/incomingBody.js"
import type { Lease } from "../../transport/lease.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Poolable } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { BodyDrain, drainSize } from "./bodyDrain.js"
import {
  brokenBody,
  brokenHead,
  cutBody,
  cutHead,
  isClosing,
  phaseTimeout,
  unusableConnection
} from "./connectionErrors.js"
import { failedWrite } from "./failedWrites.js"
import type { ParsedHead } from "./head.js"
import { IdleTimer } from "./idleTimer.js"
import { type ParseFailure, Parser, type ParserHandler, type ParserLimits } from "./parser.js"
import { RequestWriter, type RequestWriterOwner } from "./requestWriter.js"

/** Callbacks from a connection to its pool. */
export interface ConnectionOwner {
  /** Whether other connections are in use too. */
  readonly hasOtherActive: () => boolean
  /** The exchange is over and the connection can start another. Returns `false` if the connection must close instead. */
  readonly onReusable: (connection: Http1Connection, exchange: Exchange, now: number) => boolean
  /** The connection is closed or closing and starts no other exchange. Called once. */
  readonly onClosed: (
    connection: Http1Connection,
    reason: ConnectionClosed["reason"],
    exchange: Exchange | undefined
  ) => void
  /** The exchange owns the socket from now on, and closes it. */
  readonly onUpgraded: (connection: Http1Connection, exchange: Exchange) => void
}

/** Reasons that are not failures. */
const orderly: ReadonlySet<ConnectionClosed["reason"]> = new Set([
  "ConnectionClose",
  "Deviation",
  "ForceClose",
  "IdleTimeout",
  "PeerClosed",
  "Retired",
  "Shutdown"
])

/** Subtracted from a server's keep-alive timeout: a request needs time to reach the server. Milliseconds. */
const hintMargin = 500

type State =
  /** No exchange. */
  | "idle"
  /** An exchange waits for the final head. Its request may not be written completely yet. */
  | "head"
  /** The final head has arrived. */
  | "body"
  /** The whole response is parsed. The exchange may still wait for the last write of its request. */
  | "complete"
  | "closed"

const switchedEarly: ParseFailure = {
  where: "head",
  reason: "Unsolicited",
  description: "expected 101 after the whole request, got it before",
  excerpt: ""
}

export class Http1Connection implements Connection, ParserHandler, Poolable, BodyControl, RequestWriterOwner, Turning {
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
  /** The time at which `takeIdle` took the connection, until its request starts; 0 otherwise. */
  readyAt = 0
  requests = 0
  /** The slot of the pool that the connection holds while it is in use. */
  lease: Lease<Http1Connection> | undefined = undefined
  /** The exchange that uses the connection, or was using it when it closed. */
  lastExchange: Exchange | undefined = undefined

  /** Connection info for reused connections; only the first response reports `reused: false`. */
  private reusedInfo: ConnectionInfo | undefined = undefined
  private readonly owner: ConnectionOwner
  private readonly parser: Parser
  private readonly writer: RequestWriter
  private state: State = "idle"
  private current: Exchange | undefined = undefined
  private head: ParsedHead | undefined = undefined
  private body: IncomingBody | undefined = undefined
  private trailers: Trailers = []
  /** Whether `endTurn` will run at the end of this turn of the event loop. */
  private turnScheduled = false
  /** Whether the socket keeps the process alive. */
  private referenced = true
  /** Whether the reader of the body applies backpressure. */
  private paused = false
  /** Whether the peer has sent bytes before a request. */
  private sentUnsolicited = false
  private readonly drain = new BodyDrain()
  private readonly idleTimer = new IdleTimer()
  /** The time of the last read. */
  private receivedAt = 0

  constructor(
    id: number,
    key: string,
    wire: NetworkStream,
    limits: ParserLimits,
    owner: ConnectionOwner,
    age: ConnectionAge
  ) {
    this.id = id
    this.age = age
    this.key = key
    this.wire = wire
    this.owner = owner
    this.parser = new Parser(limits, this)
    this.writer = new RequestWriter(wire, this)
    const socket = wire.socket
    socket.on("drain", this.onDrain)
    socket.on("end", this.onEnd)
    socket.on("error", this.onSocketError)
    socket.on("close", this.onClose)
    wire.reader.read(this.onData)
    // The socket may have closed before these listeners were added.
    if (socket.destroyed && !this.closed) this.shut("PeerClosed")
  }

  get closed(): boolean {
    return this.state === "closed"
  }

  /** Deviations tolerated in the last response. */
  get deviations(): ReadonlyArray<Deviation> {
    return deviationsOf(this.parser.deviations)
  }

  get info(): ConnectionInfo {
    if (this.requests <= 1) return this.infoNow(false)
    this.reusedInfo ??= this.infoNow(true)
    return this.reusedInfo
  }

  private infoNow(reused: boolean): ConnectionInfo {
    return {
      id: this.id,
      reused,
      remoteAddress: this.wire.remoteAddress,
      localAddress: this.wire.localAddress,
      tls: this.wire.tls,
      protocol: "http/1.1"
    }
  }

  // Called by the exchange and the network.

  start(exchange: Exchange): void {
    this.requests++
    const startedAt = this.readyAt
    this.readyAt = 0
    if (this.closed) {
      exchange.onError(
        unusableConnection(exchange, this.wire, this.requests > 1, this.sentUnsolicited),
        this.unsent(this.sentUnsolicited)
      )
      return
    }
    const wire = exchange.wireRequest
    this.current = exchange
    this.lastExchange = exchange
    this.head = undefined
    this.body = undefined
    this.state = "head"
    this.parser.expect(wire.method, wire.upgrade !== undefined)
    if (!this.referenced) {
      this.referenced = true
      this.wire.socket.ref()
    }
    exchange.marks.start("send", startedAt === 0 ? exchange.deadlines.now() : startedAt)
    if (this.owner.hasOtherActive()) {
      this.writer.defer()
      this.turn()
    } else this.writer.send(exchange)
  }

  private turn(): void {
    if (this.turnScheduled) return
    this.turnScheduled = true
    atTurnEnd(this)
  }

  endTurn(): void {
    this.turnScheduled = false
    if (this.closed) return
    if (this.current === undefined) {
      if (!this.referenced) return
      this.referenced = false
      this.wire.socket.unref()
    } else if (this.writer.isDeferred) this.writer.send(this.current)
    else if (this.state === "complete") this.settle()
  }

  abort(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  /** Fails the exchange and closes the connection, before or after the head. */
  cut(error: ClientError): void {
    if (this.state === "head") this.fail(error, "never")
    else this.failBody(error)
  }

  /** Closes an idle connection. */
  close(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  // Called by the reader of the body.

  keep(): boolean {
    return this.wire.reader.keep()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.closed) return
    if (this.current !== undefined) this.idleTimer.touch(this.current.deadlines.now())
    this.wire.reader.resume()
  }

  limitIdle(millis: number): void {
    this.watch("body", millis)
  }

  abandon(atOnce: boolean): void {
    if (this.state !== "body") return
    const body = this.body
    const rest = body?.length === undefined ? 0 : body.length - body.received
    if (atOnce || rest > drainSize || this.head?.framing === "close" || this.writer.isUploading) {
      this.shut("UnreadBody")
      return
    }
    this.drain.start(body?.length, () => this.shut("UnreadBody"))
    this.resume()
  }

  // Called by the writer.

  onWriting(): void {
    if (this.current !== undefined) this.watch("send", this.current.limits.send)
  }

  onSent(): void {
    const exchange = this.current
    if (exchange === undefined) return
    if (this.state === "complete") {
      if (!this.writer.hasOpenSource) this.settle()
    } else if (this.state === "head") {
      exchange.marks.start("headers")
      this.watch("headers", exchange.limits.headers)
    }
  }

  onProgress(): void {
    if (this.current !== undefined) this.idleTimer.touch(this.current.deadlines.now())
  }

  onUploadError(error: ClientError): void {
    const exchange = this.current
    if (exchange === undefined) return
    if (this.state === "head") this.fail(error, "never")
    else if (this.state === "body") this.failBody(cutBody(exchange, this.wire, "send", this.body, error))
  }

  // Called by the parser.

  onInformational(head: ParsedHead): void {
    if (head.status === 100) this.writer.continue()
    this.current?.onInformational(head)
  }

  onHead(head: ParsedHead): void {
    const exchange = this.current
    if (exchange === undefined) return
    this.head = head
    this.state = "body"
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
    const body = new IncomingBody(head.contentLength, this)
    this.body = body
    exchange.onHead(head, body)
    const limit = exchange.limits.body
    if (limit !== Infinity && !this.closed && this.current === exchange) this.watch("body", limit)
  }

  onBody(slab: Buffer, start: number, end: number): void {
    const body = this.body
    if (body === undefined || this.closed) return
    if (this.drain.isActive) {
      if (!this.drain.take(end - start)) this.shut("UnreadBody")
      return
    }
    if (!body.push(slab, start, end)) this.paused = true
  }

  onComplete(trailers: Trailers): void {
    if (this.state === "closed") return
    this.state = "complete"
    this.trailers = trailers
  }

  // Called by the socket.

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    const exchange = this.current
    if (exchange === undefined) {
      this.sentUnsolicited = true
      if (!this.closed) this.shut("Unsolicited")
      return true
    }
    if (this.writer.isDeferred) {
      this.sentUnsolicited = true
      this.fail(unusableConnection(exchange, this.wire, this.requests > 1, true), this.unsent(true))
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
    if (this.body !== undefined) this.idleTimer.touch(this.receivedAt)
    const next = this.parser.execute(slab, start, end)
    if (this.parser.deviations !== 0 && this.body !== undefined) this.body.deviations = this.parser.deviations
    if (this.closed) return true
    if (next < 0) {
      this.onBroken(exchange)
      return true
    }
    if (this.head?.status === 101 && exchange.wireRequest.upgrade !== undefined) {
      if (this.writer.isUploading) {
        // The server would take the rest of the request for bytes of the new protocol.
        this.head = undefined
        this.fail(brokenHead(exchange, this.wire, switchedEarly), "never")
      } else this.handOver(exchange, slab.subarray(next, end))
    } else if (this.state === "complete") this.finish(next < end)
    return !this.paused
  }

  private readonly onDrain = (): void => {
    this.onProgress()
    this.writer.drained()
  }

  private readonly onEnd = (): void => {
    const exchange = this.current
    if (exchange === undefined) {
      if (!this.closed) this.shut("PeerClosed")
      return
    }
    if (this.parser.finish()) {
      this.receivedAt = exchange.deadlines.now()
      this.settle()
      return
    }
    this.onCut(exchange, failedWrite(this.wire.socket))
  }

  private readonly onSocketError = (error: NodeJS.ErrnoException): void => {
    const exchange = this.current
    if (exchange === undefined) {
      if (!this.closed) this.shut("PeerClosed")
      return
    }
    this.onCut(exchange, error)
  }

  private readonly onClose = (): void => {
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
    this.paused = false
    if (excess) this.settle("Unsolicited")
    else if (this.isRequestOver || this.writer.isUploading || this.head?.keepAlive === false) this.settle()
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
    const head = this.head
    const body = this.body
    if (exchange === undefined || head === undefined) return
    this.idleTimer.end()
    exchange.marks.end("body", this.receivedAt)
    this.body = undefined
    if (reason !== undefined) this.shut(reason)
    else if (mustClose(this.parser.deviations)) this.shut("Deviation")
    else if (!this.writer.isSent || !head.keepAlive || exchange.wireRequest.close) this.shut("ConnectionClose")
    else {
      this.drain.end()
      this.writer.end()
      this.state = "idle"
      this.current = undefined
      this.lastExchange = undefined
      this.paused = false
      if (head.keepAliveTimeout !== undefined) this.maxIdle = Math.max(0, head.keepAliveTimeout - hintMargin)
      if (this.owner.onReusable(this, exchange, this.receivedAt)) this.turn()
      else this.shut(this.age.retired ? "Retired" : "ForceClose", exchange)
      exchange.onDone()
    }
    body?.end(this.trailers)
  }

  /** The connection ended during an exchange. */
  private onCut(exchange: Exchange, error: NodeJS.ErrnoException | undefined): void {
    if (this.state === "complete") {
      this.settle("PeerClosed")
      return
    }
    if (this.state === "body") {
      this.failBody(cutBody(exchange, this.wire, "body", this.body, error))
      return
    }
    const reused = this.requests > 1
    if (this.writer.isDeferred) {
      this.fail(cutHead(exchange, this.wire, "connect", { reused, received: 0 }, error), "unsent")
      return
    }
    const { headBytes: received, started } = this.parser
    const phase = this.writer.isSent ? "headers" : "send"
    const failure = cutHead(exchange, this.wire, phase, { reused, received }, error)
    this.fail(failure, !started && (reused || isClosing(failure)) ? "sent" : "never")
  }

  /** How to repeat a request that was not written. A server that sends first on a new connection does not speak HTTP. */
  private unsent(sentUnsolicited: boolean): Retryability {
    return sentUnsolicited && this.requests <= 1 ? "never" : "unsent"
  }

  /** The parser has failed. */
  private onBroken(exchange: Exchange): void {
    const failure = this.parser.failure
    if (failure === undefined) return
    if (this.state === "head") this.fail(brokenHead(exchange, this.wire, failure), "never")
    else this.failBody(brokenBody(exchange, this.wire, this.body, failure))
  }

  private fail(error: ClientError, repeatable: Retryability): void {
    const exchange = this.current
    this.shut("Error")
    exchange?.onError(error, repeatable)
  }

  private failBody(error: ClientError): void {
    const body = this.body
    this.shut("Error")
    body?.fail(error)
  }

  /** Closes the connection. Idempotent. Does not notify the current exchange of an error; the caller does. */
  private shut(reason: ConnectionClosed["reason"], exchange = this.current): void {
    if (this.closed) return
    const hadExchange = this.current
    this.state = "closed"
    this.current = undefined
    this.idleTimer.end()
    this.drain.end()
    this.writer.end()
    // In an orderly close a TLS peer gets close_notify. One that has not read the request would never receive it.
    if (this.wire.tls !== undefined && this.writer.isSent && orderly.has(reason)) this.wire.socket.destroySoon()
    else this.wire.socket.destroy()
    this.owner.onClosed(this, reason, exchange)
    if (this.head !== undefined) hadExchange?.onDone()
  }

  private handOver(exchange: Exchange, rest: Buffer): void {
    const socket = this.wire.socket
    const head = this.head
    if (head === undefined) return
    this.state = "closed"
    this.current = undefined
    socket.off("drain", this.onDrain)
    socket.off("end", this.onEnd)
    socket.off("error", this.onSocketError)
    socket.off("close", this.onClose)
    // Until the new owner reads, pause so that no bytes are lost, and listen so that an error does not crash the process.
    socket.on("error", () => {})
    this.paused = true
    exchange.marks.end("headers")
    this.owner.onUpgraded(this, exchange)
    exchange.onUpgrade(head, this.wire, Buffer.from(rest))
  }

  /** Starts the idle timeout of a phase; without a limit, no timer. */
  private watch(phase: "send" | "headers" | "body", limit: number): void {
    this.idleTimer.end()
    const exchange = this.current
    if (limit === Infinity || exchange === undefined) return
    const onTimeout = () => this.cut(phaseTimeout(exchange, this.wire, phase, limit))
    this.idleTimer.start(exchange.deadlines, limit, () => this.paused, onTimeout)
  }
}
