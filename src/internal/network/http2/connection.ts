/**
 * One HTTP/2 connection (RFC 9113): opens streams, reads and writes their frames, and ends with a GOAWAY. An error of one
 * stream leaves the others; an error of the connection ends all of them.
 */
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import { showAs } from "../../inspection.js"
import type { ConnectionAge } from "../../transport/connectionAge.js"
import type { Deadline, Deadlines } from "../../transport/deadlines.js"
import type { Lease } from "../../transport/lease.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Pooled } from "../../transport/pool.js"
import type { Connection, Exchange } from "../../transport/transport.js"
import { phaseTimeout } from "../http1/connectionErrors.js"
import { failedWrite, keepReadable } from "../http1/failedWrites.js"
import { ENHANCE_YOUR_CALM, NO_ERROR, SETTINGS_TIMEOUT, tooMuch, type Violation } from "./errorCodes.js"
import { refusedByGoAway } from "./failures.js"
import { FrameReader } from "./frameReader.js"
import { HpackEncoder } from "./hpack/encoder.js"
import { Inbound, type InboundOwner } from "./inbound.js"
import type { Http2Limits } from "./limits.js"
import { Liveness, type LivenessOwner } from "./liveness.js"
import { Output, type OutputOwner } from "./output.js"
import { encodeRequest } from "./requestFields.js"
import { ResetStreams } from "./resetStreams.js"
import type { SendingStream } from "./sendingStream.js"
import { opening, type PeerSettings } from "./settings.js"
import { Http2Stream, type Http2StreamOwner } from "./stream.js"
import { StreamTable } from "./streamTable.js"
import { WindowGrowth } from "./windows.js"

type Reason = ConnectionClosed["reason"]

/** Callbacks from a connection to its pool. */
export interface Http2Owner {
  /** Streams may be available that were not: SETTINGS arrived, a suspicion was cleared, or resets are confirmed. */
  readonly onAvailable: (connection: Http2Connection) => void
  /** A stream is over, before its exchange is told; another may be available. `now` is in the time of the exchange. */
  readonly onStreamEnd: (connection: Http2Connection, exchange: Exchange, now: number) => void
  /** The connection takes no more streams, and closes after its last one. Called at most once. */
  readonly onRetiring: (connection: Http2Connection) => void
  /** The connection is closed or closing, and all exchanges have been told. Called once. */
  readonly onClosed: (connection: Http2Connection, reason: Reason) => void
  /** The server wants the request of an exchange over HTTP/1.1; called before the exchange is told. */
  readonly onHttp1Required: (connection: Http2Connection) => void
}

/** The time in which a server must send its SETTINGS; milliseconds. */
const settingsTimeout = 10_000

/** How long a closing connection waits for its last bytes to be taken; milliseconds. */
const lastWriteTime = 1000

/** Ids end at 2^31-1; half of them leave no doubt. */
const lastId = 2 ** 30

/** Streams reset in a row, without a response between them, after which a connection retires. */
const maxResets = 200

/** The least size of an encoded block of fields that is read to its end; bytes. */
const smallestBlock = 128 * 1024

export class Http2Connection implements Pooled, InboundOwner, Http2StreamOwner, OutputOwner, LivenessOwner {
  static {
    showAs(Http2Connection, "Connection", ({ id, requests, state, streams, wire }) => ({
      id,
      requests,
      streams,
      state,
      remoteAddress: wire.remoteAddress
    }))
  }

  readonly id: number
  readonly key: string
  readonly wire: NetworkStream
  readonly limits: Http2Limits
  readonly age: ConnectionAge
  readonly maxIdle = Infinity
  /** Streams that were started. */
  requests = 0
  /** The slot of the pool that the connection holds while it has streams. */
  lease: Lease<Pooled> | undefined = undefined
  state: "open" | "retiring" | "closed" = "open"
  reads = 0
  readonly open = new StreamTable<Http2Stream>()
  readonly output: Output
  readonly resets = new ResetStreams(() => this.owner.onAvailable(this))
  private readonly owner: Http2Owner
  private readonly reader: FrameReader
  private readonly inbound: Inbound
  private readonly encoder = new HpackEncoder()
  private readonly growth = new WindowGrowth()
  private readonly liveness: Liveness
  /** Streams that have not ended, also those that have not started. */
  private count = 0
  private nextId = 1
  private isReferenced = true
  private isAwaited = false
  /** Whether the server has sent GOAWAY. */
  private isRefusing = false
  private retiredFor: Reason = "Retired"
  private settingsDue: Deadline | undefined = undefined
  /** The time of the last request, and that of the current read in it. */
  time: Deadlines | undefined = undefined
  private receivedAt = 0
  private isReading = false

  constructor(
    id: number,
    key: string,
    wire: NetworkStream,
    limits: Http2Limits,
    owner: Http2Owner,
    age: ConnectionAge
  ) {
    this.id = id
    this.key = key
    this.wire = wire
    this.limits = limits
    this.owner = owner
    this.age = age
    const { socket } = wire
    this.output = new Output(socket, this)
    this.output.frames.raw(opening(limits))
    this.liveness = new Liveness(this, limits.pingTimeout, limits.pingInterval)
    this.inbound = new Inbound(this)
    this.reader = new FrameReader(this.inbound, Math.max(smallestBlock, 2 * limits.maxHeadSize))
    socket.on("drain", this.onDrain)
    socket.on("end", this.onEnd)
    socket.on("error", this.onSocketError)
    socket.on("close", this.onClose)
    wire.reader.read(this.onBytes)
    // The socket may have closed before these listeners were added.
    if (socket.destroyed && !this.closed) this.onLost(undefined)
  }

  get closed(): boolean {
    return this.state === "closed"
  }

  /** Open streams, also those that were reset and are not confirmed. */
  get streams(): number {
    return this.count + this.resets.unconfirmed
  }

  /** Whether streams are open, or so many were reset and are not confirmed that no other can be opened. */
  get isOccupied(): boolean {
    return this.count > 0 || (this.resets.unconfirmed > 0 && this.streams >= this.limit)
  }

  /** Whether the server's SETTINGS have arrived. */
  get ready(): boolean {
    return this.inbound.ready
  }

  /** Whether a stream has timed out in silence, and the server has not answered since. */
  get suspect(): boolean {
    return this.liveness.isSuspect
  }

  /** The most streams at a time that server and client allow. */
  get limit(): number {
    return Math.min(this.inbound.settings.maxConcurrentStreams, this.limits.maxConcurrentStreams)
  }

  /** How many more streams may be opened now. Before the server's SETTINGS only one stream is opened. */
  get available(): number {
    if (this.state !== "open" || this.suspect) return 0
    if (!this.ready) return this.requests === 0 && this.count === 0 ? 1 : 0
    return Math.max(0, this.limit - this.streams)
  }

  /** Whether requests wait for a stream, so that the process must live. */
  get awaited(): boolean {
    return this.isAwaited
  }
  set awaited(value: boolean) {
    this.isAwaited = value
    if (value) this.reference()
    else if (this.count === 0) this.output.turn()
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

  /** Opens no more streams, and closes after the last one. */
  retire(reason: Reason): void {
    if (this.state !== "open") return
    this.state = "retiring"
    this.retiredFor = reason
    this.output.turn()
    this.owner.onRetiring(this)
  }

  /** Closes now. Open exchanges get the error, or none. */
  close(reason: Reason, errorOf?: (exchange: Exchange) => ClientError): void {
    if (this.closed) return
    this.end(NO_ERROR)
    for (const stream of this.open.all()) {
      if (errorOf === undefined) stream.abort(reason)
      else stream.stop(errorOf(stream.exchange))
    }
    this.owner.onClosed(this, reason)
  }

  // Called by streams.

  get mayStart(): boolean {
    return this.state === "open" || (this.state === "retiring" && !this.isRefusing)
  }

  get writes(): number {
    return this.output.writes
  }

  timeOf(exchange: Exchange): number {
    return this.isReading && exchange.deadlines === this.time ? this.receivedAt : exchange.deadlines.now()
  }

  begin(stream: Http2Stream, endStream: boolean, now: number): void {
    const { exchange } = stream
    const { deadlines } = exchange
    this.requests++
    stream.id = this.nextId
    this.nextId += 2
    stream.sendWindow = this.inbound.settings.initialWindowSize
    this.open.add(stream)
    this.time = deadlines
    this.reference()
    if (!endStream) keepReadable(this.wire.socket)
    this.liveness.onRequest(now, deadlines)
    this.output.frames.headers(stream.id, encodeRequest(this.encoder, exchange), endStream)
    if (!this.ready) {
      this.settingsDue ??= deadlines.schedule(now + settingsTimeout, () => this.onNoSettings())
    }
    if (exchange.wireRequest.close) this.retire("ConnectionClose")
    else if (this.nextId > lastId) this.retire("StreamIds")
  }

  written(): void {
    if (this.closed) return
    if (this.count === 1) this.output.flush()
    else this.output.turn()
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
    this.output.control()
  }

  reset(stream: SendingStream, code: number): void {
    if (this.closed) return
    this.output.frames.reset(stream.id, code)
    this.resets.add(stream.id, stream.window.room, stream.exchange.deadlines)
    this.output.control()
    if (this.resets.sinceResponse >= maxResets) this.retire("StreamIds")
  }

  remove(stream: SendingStream): void {
    const { exchange } = stream
    this.count--
    if (stream.id !== 0) {
      this.open.delete(stream.id)
      stream.window.end(this.growth)
    }
    if (this.count === 0) this.output.turn()
    this.owner.onStreamEnd(this, exchange, this.timeOf(exchange))
  }

  onSilence(exchange: Exchange): void {
    if (!this.closed) this.liveness.suspect(exchange.deadlines)
  }

  onHttp1Required(): void {
    this.owner.onHttp1Required(this)
  }

  private reference(): void {
    if (this.isReferenced) return
    this.isReferenced = true
    this.wire.socket.ref()
  }

  // Called by the output and the liveness.

  /** A connection without streams rests, or closes if it retires. */
  onTurnEnd(): void {
    if (this.count > 0) return
    if (this.state === "retiring") this.close(this.retiredFor)
    else if (this.isReferenced && !this.isAwaited) {
      this.isReferenced = false
      this.wire.socket.unref()
    }
  }

  onUnread(): void {
    this.fault(tooMuch("expected a server that reads the answers that it asks for"), 0)
  }

  sendPing(): void {
    this.output.frames.ping(false, pingBytes, 0)
    this.output.turn()
  }

  isBusy(): boolean {
    return this.count > 0
  }

  onDead(): void {
    this.onLost(undefined, "PingTimeout")
  }

  onAlive(): void {
    this.owner.onAvailable(this)
  }

  // Called by what arrives.

  wasOpened(id: number): boolean {
    return (id & 1) === 1 && id < this.nextId
  }

  onSettings(settings: PeerSettings): void {
    this.settingsDue?.cancel()
    this.settingsDue = undefined
    this.encoder.setMaxTableSize(settings.headerTableSize)
    this.owner.onAvailable(this)
  }

  onGoAway(lastTaken: number, code: number, debug: string): void {
    this.isRefusing = true
    this.retire("GoAway")
    const repeatable = code === ENHANCE_YOUR_CALM ? "never" : "unsent"
    for (const stream of this.open.all()) {
      if (stream.id <= lastTaken) continue
      const { exchange } = stream
      stream.onRefused((phase) => refusedByGoAway(exchange, this.wire, phase, code, debug), repeatable)
    }
  }

  /** Ends the connection because the server broke the protocol: on this stream, or for all if it is none of them. */
  fault(violation: Violation, id: number): void {
    if (this.closed) return
    const isOfAll = !this.open.has(id)
    this.end(violation.code)
    for (const stream of this.open.all()) stream.onFault(violation, isOfAll || id === stream.id)
    this.owner.onClosed(this, "Error")
  }

  private onNoSettings(): void {
    if (this.closed) return
    this.end(SETTINGS_TIMEOUT)
    for (const stream of this.open.all()) {
      stream.stop(phaseTimeout(stream.exchange, this.wire, "headers", settingsTimeout))
    }
    this.owner.onClosed(this, "Error")
  }

  // Called by the socket.

  private readonly onBytes = (slab: Buffer, start: number, end: number): boolean => {
    if (this.closed) return true
    this.reads++
    const { time } = this
    if (time !== undefined) {
      this.receivedAt = time.now()
      this.liveness.heard(this.receivedAt, time)
    }
    this.isReading = true
    this.resets.confirm()
    this.reader.execute(slab, start, end)
    this.isReading = false
    return true
  }

  private readonly onDrain = (): void => {
    if (!this.closed) this.output.drained()
  }

  private readonly onEnd = (): void => {
    this.onLost(failedWrite(this.wire.socket))
  }

  private readonly onSocketError = (error: NodeJS.ErrnoException): void => {
    this.onLost(error)
  }

  private readonly onClose = (): void => {
    this.onLost(undefined)
  }

  /** The connection is gone. */
  private onLost(error: NodeJS.ErrnoException | undefined, reason?: Reason): void {
    if (this.closed) return
    const orderly = this.isRefusing ? "GoAway" : "PeerClosed"
    const why = reason ?? (this.count > 0 ? "Error" : orderly)
    this.end(undefined)
    for (const stream of this.open.all()) stream.onCut(error)
    this.owner.onClosed(this, why)
  }

  /** Ends reading and writing; with a code, after a GOAWAY. */
  private end(code: number | undefined): void {
    const { socket } = this.wire
    if (code !== undefined) this.output.frames.goAway(code)
    this.state = "closed"
    this.output.close()
    this.liveness.end()
    this.resets.end()
    this.settingsDue?.cancel()
    if (code === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    socket.destroySoon()
    const timer = setTimeout(() => socket.destroy(), lastWriteTime)
    timer.unref()
    socket.once("close", () => clearTimeout(timer))
  }
}

const pingBytes = Buffer.from("liveness", "latin1")
