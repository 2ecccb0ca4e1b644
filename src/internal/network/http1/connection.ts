/**
 * One HTTP/1.1 connection: one exchange at a time, and nothing of one that could reach another.
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
import type { Wire } from "../../transport/networkStream.js"
import type { Lease, Poolable } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { BodyDrain, drainSize } from "./bodyDrain.js"
import { brokenBody, brokenHead, cutBody, cutHead, goneBefore, isClosing, silentFor } from "./connectionErrors.js"
import { failedWrite } from "./failedWrites.js"
import type { ParsedHead } from "./head.js"
import { Silence } from "./idleTimer.js"
import { type ParseFailure, Parser, type ParserHandler, type ParserLimits } from "./parser.js"
import { RequestWriter, type RequestWriterOwner } from "./requestWriter.js"

/** Callbacks from a connection to its pool. */
export interface ConnectionOwner {
  /** Whether other connections are in use too. */
  readonly crowded: () => boolean
  /** The exchange is over and the connection can take another. `false`: it is to be closed. */
  readonly onReusable: (connection: Http1Connection, exchange: Exchange, now: number) => boolean
  /** The connection has ended, or is about to: it takes no other exchange. Called once. */
  readonly onClosed: (
    connection: Http1Connection,
    reason: ConnectionClosed["reason"],
    exchange: Exchange | undefined
  ) => void
  /** The wire is the exchange's now, which closes it. */
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

/** A server's keep-alive hint minus what a request may take to reach it; milliseconds. */
const hintMargin = 500

type State =
  /** No exchange. */
  | "idle"
  /** An exchange waits for the final head; its request is being written, or was. */
  | "head"
  /** The final head has arrived. */
  | "body"
  /** The last byte of the response has been parsed; the exchange may wait for the last write of its request. */
  | "whole"
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
  readonly wire: Wire
  readonly age: ConnectionAge
  maxIdle = Infinity
  /** When a request took it, if that is now; 0 after the request has begun. */
  readyAt = 0
  requests = 0
  /** The slot it holds while it is in use. */
  lease: Lease<Http1Connection> | undefined = undefined
  /** Whose it was last. */
  exchanged: Exchange | undefined = undefined

  /** What a response tells of it; that of the first tells something else. */
  private reusedInfo: ConnectionInfo | undefined = undefined
  private readonly owner: ConnectionOwner
  private readonly parser: Parser
  private readonly writer: RequestWriter
  private state: State = "idle"
  private current: Exchange | undefined = undefined
  private head: ParsedHead | undefined = undefined
  private body: IncomingBody | undefined = undefined
  private trailers: Trailers = []
  /** The end of the turn will call `endTurn`. */
  private turning = false
  /** Whether its socket keeps the process alive. */
  private referenced = true
  /** The body's reader asked to stop. */
  private paused = false
  /** Whether the peer has sent bytes that no request asked for. */
  private spoke = false
  private readonly drain = new BodyDrain()
  private readonly silence = new Silence()
  /** When bytes came last. */
  private cameAt = 0

  constructor(id: number, key: string, wire: Wire, limits: ParserLimits, owner: ConnectionOwner, age: ConnectionAge) {
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
    // It may have closed before anybody listened.
    if (socket.destroyed && !this.closed) this.shut("PeerClosed")
  }

  get closed(): boolean {
    return this.state === "closed"
  }

  /** Deviations that were tolerated in the last response. */
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
      tls: this.wire.tls
    }
  }

  // What the exchange asks for.

  exchange(exchange: Exchange): void {
    this.requests++
    const startedAt = this.readyAt
    this.readyAt = 0
    if (this.closed) {
      exchange.onError(goneBefore(exchange, this.wire, this.requests > 1, this.spoke), this.unsent(this.spoke))
      return
    }
    const wire = exchange.wire
    this.current = exchange
    this.exchanged = exchange
    this.head = undefined
    this.body = undefined
    this.state = "head"
    this.parser.expect(wire.method, wire.upgrade !== undefined)
    if (!this.referenced) {
      this.referenced = true
      this.wire.socket.ref()
    }
    exchange.marks.start("send", startedAt === 0 ? exchange.deadlines.now() : startedAt)
    if (this.owner.crowded()) {
      this.writer.defer()
      this.turn()
    } else this.writer.send(exchange)
  }

  private turn(): void {
    if (this.turning) return
    this.turning = true
    atTurnEnd(this)
  }

  endTurn(): void {
    this.turning = false
    if (this.closed) return
    if (this.current === undefined) {
      if (!this.referenced) return
      this.referenced = false
      this.wire.socket.unref()
    } else if (this.writer.isDeferred) this.writer.send(this.current)
    else if (this.state === "whole") this.settle()
  }

  abort(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  /** Ends the exchange with an error, wherever it is. */
  cut(error: ClientError): void {
    if (this.state === "head") this.fail(error, "never")
    else this.failBody(error)
  }

  /** Closes an idle connection. */
  close(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  // What the body's consumer asks for.

  keep(): boolean {
    return this.wire.reader.keep()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.closed) return
    if (this.current !== undefined) this.silence.heard(this.current.deadlines.now())
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
    if (this.state === "whole") {
      if (!this.writer.hasOpenSource) this.settle()
    } else if (this.state === "head") {
      exchange.marks.start("headers")
      this.watch("headers", exchange.limits.headers)
    }
  }

  onProgress(): void {
    if (this.current !== undefined) this.silence.heard(this.current.deadlines.now())
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
    this.silence.end()
    if (head.status === 101 && exchange.wire.upgrade !== undefined) return
    if (this.writer.isUploading) {
      if (head.status >= 300) this.writer.cancelBody()
    } else if (!this.writer.isSent) {
      // The peer has most likely got the request: only the callback of its last write is late.
      exchange.marks.start("headers", this.cameAt)
    }
    exchange.marks.start("body", this.cameAt)
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
    this.state = "whole"
    this.trailers = trailers
  }

  // Called by the socket.

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    const exchange = this.current
    if (exchange === undefined) {
      this.spoke = true
      if (!this.closed) this.shut("Unsolicited")
      return true
    }
    if (this.writer.isDeferred) {
      this.spoke = true
      this.fail(goneBefore(exchange, this.wire, this.requests > 1, true), this.unsent(true))
      return true
    }
    const { marks } = exchange
    this.cameAt = exchange.deadlines.now()
    marks.readAt = this.cameAt
    const more = this.take(exchange, slab, start, end)
    marks.readAt = undefined
    return more
  }

  private take(exchange: Exchange, slab: Buffer, start: number, end: number): boolean {
    // A head has to be whole in time, however it trickles.
    if (this.body !== undefined) this.silence.heard(this.cameAt)
    const next = this.parser.execute(slab, start, end)
    if (this.parser.deviations !== 0 && this.body !== undefined) this.body.deviations = this.parser.deviations
    if (this.closed) return true
    if (next < 0) {
      this.onBroken(exchange)
      return true
    }
    if (this.head?.status === 101 && exchange.wire.upgrade !== undefined) {
      if (this.writer.isUploading) {
        // The server would read the rest of the request as bytes of the new protocol.
        this.head = undefined
        this.fail(brokenHead(exchange, this.wire, switchedEarly), "never")
      } else this.handOver(exchange, slab.subarray(next, end))
    } else if (this.state === "whole") this.finish(next < end)
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
      this.cameAt = exchange.deadlines.now()
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

  // Ends.

  /**
   * The response is whole. The last write of the request may be with the system although its callback has not run: TLS
   * runs it before the end of the turn. The exchange lasts until then, so that the callback finds its own exchange.
   */
  private finish(excess: boolean): void {
    this.silence.end()
    this.paused = false
    if (excess) this.settle("Unsolicited")
    else if (this.isRequestOver || this.writer.isUploading || this.head?.keepAlive === false) this.settle()
    else this.turn()
  }

  private get isRequestOver(): boolean {
    return this.writer.isSent && !this.writer.hasOpenSource
  }

  /** The response is whole; with a reason, the connection ends. It goes back before the consumer gets the end. */
  private settle(reason?: ConnectionClosed["reason"]): void {
    const exchange = this.current
    const head = this.head
    const body = this.body
    if (exchange === undefined || head === undefined) return
    this.silence.end()
    exchange.marks.end("body", this.cameAt)
    this.body = undefined
    if (reason !== undefined) this.shut(reason)
    else if (mustClose(this.parser.deviations)) this.shut("Deviation")
    else if (!this.writer.isSent || !head.keepAlive || exchange.wire.close) this.shut("ConnectionClose")
    else {
      this.drain.end()
      this.writer.end()
      this.state = "idle"
      this.current = undefined
      this.exchanged = undefined
      this.paused = false
      if (head.keepAliveTimeout !== undefined) this.maxIdle = Math.max(0, head.keepAliveTimeout - hintMargin)
      if (this.owner.onReusable(this, exchange, this.cameAt)) this.turn()
      else this.shut(this.age.retired ? "Retired" : "ForceClose", exchange)
      exchange.onDone()
    }
    body?.end(this.trailers)
  }

  /** The peer has ended the connection while a response was due. */
  private onCut(exchange: Exchange, error: NodeJS.ErrnoException | undefined): void {
    if (this.state === "whole") {
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

  /** How a request that was not written may be repeated. A new server that sends first does not speak HTTP. */
  private unsent(spoke: boolean): Retryability {
    return spoke && this.requests <= 1 ? "never" : "unsent"
  }

  /** What came is no HTTP. */
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

  /** Ends the connection; idempotent. Who is in its middle is not told by this. */
  private shut(reason: ConnectionClosed["reason"], exchange = this.current): void {
    if (this.closed) return
    const hadExchange = this.current
    this.state = "closed"
    this.current = undefined
    this.silence.end()
    this.drain.end()
    this.writer.end()
    // A TLS peer gets close_notify unless something went wrong. A peer that does not read the request would never get it.
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
    // Whoever takes the wire reads on; until then nothing may be lost, and no error be unheard.
    socket.on("error", () => {})
    this.paused = true
    exchange.marks.end("headers")
    this.owner.onUpgraded(this, exchange)
    exchange.onUpgrade(head, this.wire, Buffer.from(rest))
  }

  // Time limits of the phases; without a limit they cost nothing.

  private watch(phase: "send" | "headers" | "body", limit: number): void {
    this.silence.end()
    const exchange = this.current
    if (limit === Infinity || exchange === undefined) return
    const late = () => this.cut(silentFor(exchange, this.wire, phase, limit))
    this.silence.limit(exchange.deadlines, limit, () => this.paused, late)
  }
}
