/**
 * The streams of a connection: how many may be opened, their ids, and the writing of their frames.
 */
import type { ConnectionClosed } from "../../../Tracing.js"
import type { Deadlines } from "../../transport/deadlines.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { keepReadable } from "../http1/failedWrites.js"
import { HpackEncoder } from "./hpack/encoder.js"
import type { Inbound } from "./inbound.js"
import type { Http2Limits } from "./limits.js"
import type { Liveness } from "./liveness.js"
import type { Output } from "./output.js"
import { ReceivedHeads } from "./receivedFields.js"
import { encodeRequest } from "./requestFields.js"
import type { ResetStreams } from "./resetStreams.js"
import type { SendingStream } from "./sendingStream.js"
import { Http2Stream, type Http2StreamOwner } from "./stream.js"
import { StreamTable } from "./streamTable.js"
import { WindowGrowth } from "./windows.js"

/** Ids end at 2^31-1. The connection retires at half of that, long before they run out. */
const lastId = 2 ** 30

/** Streams reset in a row, without a response between them, after which a connection retires. */
const maxResets = 200

export abstract class StreamHost implements Http2StreamOwner {
  /** Streams that were started. */
  requests = 0
  state: "open" | "retiring" | "closed" = "open"
  reads = 0
  readonly open = new StreamTable<Http2Stream>()
  readonly heads = new ReceivedHeads()
  abstract readonly id: number
  abstract readonly wire: NetworkStream
  abstract readonly limits: Http2Limits
  abstract readonly output: Output
  abstract readonly resets: ResetStreams
  protected abstract readonly inbound: Inbound
  protected abstract readonly liveness: Liveness
  protected readonly encoder = new HpackEncoder()
  /** Streams that have not ended, including those that have not sent HEADERS. */
  protected count = 0
  /** Whether the server has sent GOAWAY. */
  protected isRefusing = false
  /** The Clock of the last request, and the time of the current read on it. */
  deadlines: Deadlines | undefined = undefined
  protected receivedAt = 0
  protected isReading = false
  private nextId = 1
  private readonly growth = new WindowGrowth()

  /** Opens no more streams, and closes after the last one. */
  abstract retire(reason: ConnectionClosed["reason"]): void
  /** Called when the server requires HTTP/1.1 for a request. */
  abstract onHttp1Required(): void
  /** Called before a stream writes its HEADERS. */
  protected abstract onBegin(deadlines: Deadlines, now: number): void
  /** Called when a stream has ended, before its exchange receives the outcome. */
  protected abstract onStreamEnd(exchange: Exchange, now: number): void
  /** Called when the last stream has ended. */
  protected abstract onEmpty(): void

  get closed(): boolean {
    return this.state === "closed"
  }

  /** The number of open streams, including those whose reset is not confirmed. */
  get streams(): number {
    return this.count + this.resets.unconfirmed
  }

  /** Whether streams are open, or unconfirmed resets leave no room for another one. */
  get isOccupied(): boolean {
    return this.count > 0 || (this.resets.unconfirmed > 0 && this.streams >= this.limit)
  }

  /** Whether the server's SETTINGS have arrived. */
  get ready(): boolean {
    return this.inbound.ready
  }

  /** Whether a stream has timed out and nothing has arrived from the server since. */
  get suspect(): boolean {
    return this.liveness.isSuspect
  }

  /** The most concurrent streams that server and client allow. */
  get limit(): number {
    return Math.min(this.inbound.settings.maxConcurrentStreams, this.limits.maxConcurrentStreams)
  }

  /** How many more streams may be opened now. Before the server's SETTINGS only one stream is opened. */
  get available(): number {
    if (this.state !== "open" || this.suspect) return 0
    if (!this.ready) return this.requests === 0 && this.count === 0 ? 1 : 0
    return Math.max(0, this.limit - this.streams)
  }

  /** The exchanges of all streams that were started and have not ended. */
  exchanges(): ReadonlyArray<Exchange> {
    return this.open.all().map((stream) => stream.exchange)
  }

  /** A connection for one exchange. Call only if `available`. */
  serve(exchange: Exchange): Connection {
    this.count++
    return new Http2Stream(this, exchange, this.limits.streamWindow)
  }

  // Called by streams.

  get mayStart(): boolean {
    return this.state === "open" || (this.state === "retiring" && !this.isRefusing)
  }

  get writes(): number {
    return this.output.writes
  }

  timeOf(exchange: Exchange): number {
    return this.isReading && exchange.deadlines === this.deadlines ? this.receivedAt : exchange.deadlines.now()
  }

  begin(stream: Http2Stream, endStream: boolean, now: number): void {
    const { exchange } = stream
    const { deadlines } = exchange
    this.requests++
    stream.id = this.nextId
    this.nextId += 2
    stream.sendWindow = this.inbound.settings.initialWindowSize
    this.open.add(stream)
    this.deadlines = deadlines
    this.onBegin(deadlines, now)
    if (!endStream) keepReadable(this.wire.socket)
    this.output.frames.headers(stream.id, encodeRequest(this.encoder, exchange), endStream)
    if (exchange.wireRequest.close) this.retire("ConnectionClose")
    else if (this.nextId > lastId) this.retire("StreamIds")
  }

  writeFrames(): void {
    if (this.closed) return
    if (this.count === 1) this.output.flush()
    else this.output.scheduleFlush()
  }

  send(stream: SendingStream): void {
    if (!this.closed) this.output.add(stream)
  }

  onDataSent(bytes: number): void {
    this.inbound.budget.onSent(bytes)
  }

  onResponse(): void {
    this.inbound.budget.onResponse()
    this.resets.sinceResponse = 0
  }

  refill(stream: SendingStream): void {
    if (this.closed) return
    const increment = stream.window.refill(this.growth, this.limits.maxStreamWindow)
    if (increment === 0) return
    this.output.frames.windowUpdate(stream.id, increment)
    this.output.countControl()
  }

  reset(stream: SendingStream, code: number): void {
    if (this.closed) return
    this.output.frames.reset(stream.id, code)
    this.resets.add(stream.id, stream.window.room, stream.exchange.deadlines)
    this.output.countControl()
    if (this.resets.sinceResponse >= maxResets) this.retire("StreamIds")
  }

  remove(stream: SendingStream): void {
    const { exchange } = stream
    this.count--
    if (stream.id !== 0) {
      this.open.delete(stream.id)
      stream.window.end(this.growth)
    }
    this.onStreamEnd(exchange, this.timeOf(exchange))
    if (this.count === 0) this.onEmpty()
  }

  onSilence(exchange: Exchange): void {
    if (!this.closed) this.liveness.suspect(exchange.deadlines)
  }

  wasOpened(id: number): boolean {
    return (id & 1) === 1 && id < this.nextId
  }
}
