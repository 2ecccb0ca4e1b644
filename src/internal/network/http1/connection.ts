/**
 * One HTTP/1.1 connection: one exchange at a time, and nothing of one that could reach another.
 */

import { TLSSocket } from "node:tls"
import type { ConnectionInfo, Deviation } from "../../../ClientResponse.js"
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import { showAs } from "../../inspection.js"
import type { Deadline } from "../../transport/deadlines.js"
import { deviationsOf, mustClose } from "../../transport/deviations.js"
import { atTurnEnd, type Turning } from "../../transport/endOfTurn.js"
import { type BodyControl, IncomingBody, type Trailers } from "../../transport/incomingBody.js"
import type { Wire } from "../../transport/networkStream.js"
import type { Lease, Poolable } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { brokenBody, brokenHead, cutBody, cutHead, goneBefore, silentFor } from "./connectionErrors.js"
import type { ParsedHead } from "./head.js"
import { Silence } from "./idleTimer.js"
import { Parser, type ParserHandler, type ParserLimits } from "./parser.js"
import { requestHead } from "./requestHead.js"
import { Upload } from "./upload.js"

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
  "Shutdown"
])

/** A rest of a body up to this size, that comes within `drainTime`, is read to save the connection. */
const drainSize = 64 * 1024

/** Milliseconds; the other is for a body whose end is not known, which may have none. */
const drainTime = 200
const endlessTime = 25

/** A server's keep-alive hint minus what a request may take to reach it; milliseconds. */
const hintMargin = 500

/** How long a body waits for 100 Continue; milliseconds. */
const continueTime = 1000

/** A head below this size fits into the system's buffer, which is empty between two requests; bytes. */
const smallHead = 16 * 1024

export class Http1Connection implements Connection, ParserHandler, Poolable, BodyControl, Turning {
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
  idleSince = 0
  maxIdle = Infinity
  requests = 0
  closed = false
  /** The slot it holds while it is in use. */
  lease: Lease<Http1Connection> | undefined = undefined
  /** Whose it was last. */
  exchanged: Exchange | undefined = undefined

  /** What a response tells of it; that of the first tells something else. */
  private reusedInfo: ConnectionInfo | undefined = undefined
  private readonly owner: ConnectionOwner
  private readonly parser: Parser
  private current: Exchange | undefined = undefined
  private head: ParsedHead | undefined = undefined
  private body: IncomingBody | undefined = undefined
  private upload: Upload | undefined = undefined
  private trailers: Trailers = []
  /** The last byte of the response has been parsed. */
  private finished = false
  /** The last byte of the request has been handed to the system. */
  private sent = false
  /** The request waits for the end of the turn. */
  private waiting = false
  /** The end of the turn will be told. */
  private turning = false
  /** Whether its socket keeps the process alive. */
  private referenced = true
  /** Whether the system takes bytes at once, if it takes them. */
  private readonly direct: boolean
  private paused = false
  private spoke = false
  private draining: NodeJS.Timeout | undefined = undefined
  private drained = 0
  private readonly silence = new Silence()
  /** When bytes came last. */
  private cameAt = 0
  private continueDeadline: Deadline | undefined = undefined

  constructor(id: number, key: string, wire: Wire, limits: ParserLimits, owner: ConnectionOwner) {
    this.id = id
    this.key = key
    this.wire = wire
    this.owner = owner
    this.parser = new Parser(limits, this)
    const socket = wire.socket
    this.direct = !(socket instanceof TLSSocket)
    socket.on("drain", this.onDrain)
    socket.on("end", this.onEnd)
    socket.on("error", this.onSocketError)
    socket.on("close", this.onClose)
    wire.reader.read(this.onData)
    // It may have closed before anybody listened.
    if (socket.destroyed && !this.closed) this.shut("PeerClosed")
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
    if (this.closed) {
      exchange.onError(goneBefore(exchange, this.wire, this.requests > 1, this.spoke), this.requests > 1)
      return
    }
    const wire = exchange.wire
    this.current = exchange
    this.exchanged = exchange
    this.head = undefined
    this.body = undefined
    this.finished = false
    this.sent = false
    this.parser.expect(wire.method, wire.upgrade !== undefined)
    if (!this.referenced) {
      this.referenced = true
      this.wire.socket.ref()
    }
    exchange.marks.start("send")
    if (this.owner.crowded()) {
      this.waiting = true
      this.turn()
    } else this.send(exchange)
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
    } else if (this.waiting) {
      this.waiting = false
      this.send(this.current)
    } else if (this.finished) this.settle()
  }

  private send(exchange: Exchange): void {
    const wire = exchange.wire
    const text = requestHead(exchange, this.wire.forward)
    const body = wire.body
    if (body === undefined) {
      this.sendHead(text, exchange)
      return
    }
    this.upload = new Upload(this.wire.socket, body, this)
    if (wire.expectContinue && !this.upload.whole) {
      this.wire.socket.write(text, "latin1")
      const deadlines = exchange.deadlines
      this.continueDeadline = deadlines.schedule(deadlines.now() + continueTime, () => this.sendBody())
      return
    }
    this.wire.socket.cork()
    this.wire.socket.write(text, "latin1")
    this.watch("send", exchange.limits.send)
    this.upload.start()
    this.wire.socket.uncork()
  }

  /**
   * A callback for each write costs more than to look whether the system has taken all. TLS calls back in a later turn
   * than it writes, often after the response: a small head counts as sent at once.
   */
  private sendHead(text: string, exchange: Exchange): void {
    const socket = this.wire.socket
    if (this.direct || text.length < smallHead) {
      socket.write(text, "latin1")
      if (!this.direct || socket.writableLength === 0) {
        this.onSent()
        return
      }
      socket.write("", "latin1", this.onWritten)
    } else socket.write(text, "latin1", this.onWritten)
    this.watch("send", exchange.limits.send)
  }

  abort(reason: ConnectionClosed["reason"]): void {
    this.shut(reason)
  }

  /** Ends the exchange with an error, wherever it is. */
  cut(error: ClientError): void {
    if (this.head === undefined) this.fail(error, false)
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

  limitSilence(millis: number): void {
    this.watch("body", millis)
  }

  abandon(atOnce: boolean): void {
    if (this.current === undefined || this.closed || this.finished) return
    const body = this.body
    const rest = body?.length === undefined ? 0 : body.length - body.received
    if (atOnce || rest > drainSize || this.head?.framing === "close" || this.uploading) {
      this.shut("UnreadBody")
      return
    }
    this.drained = 0
    this.draining = setTimeout(() => this.shut("UnreadBody"), body?.length === undefined ? endlessTime : drainTime)
    this.resume()
  }

  // What the upload tells.

  /** The last byte of the body has been handed to the system. */
  readonly onSent = (): void => {
    const exchange = this.current
    if (exchange === undefined || this.sent) return
    this.sent = true
    if (this.finished) {
      if (!this.sourceRuns) this.settle()
    } else if (this.head === undefined) {
      exchange.marks.start("headers")
      this.watch("headers", exchange.limits.headers)
    }
  }

  /** The socket has taken some of the body. */
  onProgress(): void {
    if (this.current !== undefined) this.silence.heard(this.current.deadlines.now())
  }

  /** The body failed; the peer must not take what it has for the whole. */
  onUploadError(error: ClientError): void {
    const exchange = this.current
    if (exchange === undefined || this.finished) return
    if (this.head === undefined) this.fail(error, false)
    else this.failBody(cutBody(exchange, this.wire, "send", this.body, error))
  }

  // What the parser tells.

  onInformational(head: ParsedHead): void {
    if (head.status === 100 && this.continueDeadline !== undefined) this.sendBody()
    this.current?.onInformational(head)
  }

  onHead(head: ParsedHead): void {
    const exchange = this.current
    if (exchange === undefined) return
    this.head = head
    this.cancelContinue()
    this.silence.end()
    if (head.status === 101 && exchange.wire.upgrade !== undefined) return
    if (this.uploading) {
      if (head.status >= 300) this.upload?.cancel()
    } else if (!this.sent) {
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
    if (this.draining !== undefined) {
      this.drained += end - start
      if (this.drained > drainSize) this.shut("UnreadBody")
      return
    }
    if (!body.push(slab, start, end)) this.paused = true
  }

  onComplete(trailers: Trailers): void {
    this.finished = true
    this.trailers = trailers
  }

  // What the socket tells.

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    const exchange = this.current
    if (exchange === undefined) {
      this.spoke = true
      if (!this.closed) this.shut("Unsolicited")
      return true
    }
    if (this.waiting) {
      this.spoke = true
      this.waiting = false
      this.fail(goneBefore(exchange, this.wire, this.requests > 1, true), this.requests > 1)
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
    if (this.head?.status === 101 && exchange.wire.upgrade !== undefined)
      this.handOver(exchange, slab.subarray(next, end))
    else if (this.finished) this.finish(next < end)
    return !this.paused
  }

  private readonly onDrain = (): void => {
    this.onProgress()
    this.upload?.drained()
  }

  private readonly onWritten = (error?: Error | null): void => {
    if (error === undefined || error === null) this.onSent()
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
    this.onCut(exchange, undefined)
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

  /** Whether some of the request's body is not written yet. */
  private get uploading(): boolean {
    return this.upload !== undefined && !this.upload.whole
  }

  /** Whether the source of the request's body may still do something, such as tell its progress. */
  private get sourceRuns(): boolean {
    return this.upload?.open === true
  }

  /**
   * The response is whole. The last write of the request may be with the system although its callback has not run: TLS
   * runs it before the end of the turn. The exchange lasts until then, so that the callback finds its own exchange.
   */
  private finish(excess: boolean): void {
    this.silence.end()
    this.paused = false
    if (excess) this.settle("Unsolicited")
    else if ((this.sent && !this.sourceRuns) || this.uploading || this.head?.keepAlive === false) this.settle()
    else this.turn()
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
    else if (!this.sent || !head.keepAlive || exchange.wire.close) this.shut("ConnectionClose")
    else {
      this.stopDraining()
      this.upload?.cancel()
      this.upload = undefined
      this.current = undefined
      this.exchanged = undefined
      this.paused = false
      if (head.keepAliveTimeout !== undefined) this.maxIdle = Math.max(0, head.keepAliveTimeout - hintMargin)
      if (this.owner.onReusable(this, exchange, this.cameAt)) this.turn()
      else this.shut("ForceClose", exchange)
      exchange.onDone()
    }
    body?.end(this.trailers)
  }

  /** The peer has ended the connection while a response was due. */
  private onCut(exchange: Exchange, error: NodeJS.ErrnoException | undefined): void {
    if (this.finished) {
      this.settle("PeerClosed")
      return
    }
    if (this.head !== undefined) {
      this.failBody(cutBody(exchange, this.wire, "body", this.body, error))
      return
    }
    const reused = this.requests > 1
    const { headBytes: received, started } = this.parser
    const phase = this.sent ? "headers" : "send"
    this.fail(cutHead(exchange, this.wire, phase, { reused, received }, error), reused && !started)
  }

  /** What came is no HTTP. */
  private onBroken(exchange: Exchange): void {
    const failure = this.parser.failure
    if (failure === undefined) return
    if (this.head === undefined) this.fail(brokenHead(exchange, this.wire, failure), false)
    else this.failBody(brokenBody(exchange, this.wire, this.body, failure))
  }

  private fail(error: ClientError, stale: boolean): void {
    const exchange = this.current
    this.shut("Error")
    exchange?.onError(error, stale)
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
    this.closed = true
    this.current = undefined
    this.silence.end()
    this.cancelContinue()
    this.stopDraining()
    this.upload?.cancel()
    this.upload = undefined
    // A TLS peer gets close_notify unless something went wrong. A peer that does not read the request would never get it.
    if (this.wire.tls !== undefined && this.sent && orderly.has(reason)) this.wire.socket.destroySoon()
    else this.wire.socket.destroy()
    this.owner.onClosed(this, reason, exchange)
    if (this.head !== undefined) hadExchange?.onDone()
  }

  private handOver(exchange: Exchange, rest: Buffer): void {
    const socket = this.wire.socket
    const head = this.head
    if (head === undefined) return
    this.closed = true
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

  private sendBody(): void {
    this.cancelContinue()
    if (this.closed || this.head !== undefined || this.current === undefined) return
    this.watch("send", this.current.limits.send)
    this.upload?.start()
  }

  private cancelContinue(): void {
    this.continueDeadline?.cancel()
    this.continueDeadline = undefined
  }

  private stopDraining(): void {
    clearTimeout(this.draining)
    this.draining = undefined
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
