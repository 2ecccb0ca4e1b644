/**
 * One HTTP/2 connection (RFC 9113): opens streams, reads and writes their frames, and ends with a GOAWAY. An error of one
 * stream leaves the others; an error of the connection ends all of them.
 */
import type * as Net from "node:net"
import type { ClientError } from "../../../Errors.js"
import type { ConnectionClosed } from "../../../Tracing.js"
import { showAs } from "../../inspection.js"
import type { ConnectionAge } from "../../transport/connectionAge.js"
import type { Deadline, Deadlines } from "../../transport/deadlines.js"
import type { Lease } from "../../transport/lease.js"
import type { NetworkStream } from "../../transport/networkStream.js"
import type { Pooled } from "../../transport/pool.js"
import type { Exchange } from "../../transport/transport.js"
import { phaseTimeout } from "../http1/connectionErrors.js"
import { ConnectionSocket, type SocketEvents } from "../http1/connectionSocket.js"
import { failedWrite } from "../http1/failedWrites.js"
import { ENHANCE_YOUR_CALM, NO_ERROR, SETTINGS_TIMEOUT, tooMuch, type Violation } from "./errorCodes.js"
import { refusedByGoAway } from "./failures.js"
import { FrameReader } from "./frameReader.js"
import { Inbound, type InboundOwner } from "./inbound.js"
import type { Http2Limits } from "./limits.js"
import { Liveness, type LivenessOwner } from "./liveness.js"
import { Output, type OutputOwner } from "./output.js"
import { ResetStreams } from "./resetStreams.js"
import { clientPreface, type PeerSettings } from "./settings.js"
import { StreamHost } from "./streamHost.js"

type Reason = ConnectionClosed["reason"]

/** Callbacks from a connection to its pool. */
export interface Http2Owner {
  /** Called when more streams may be available: SETTINGS arrived, the server answered a PING after all, or resets are confirmed. */
  readonly onAvailable: (connection: Http2Connection) => void
  /**
   * Called when a stream has ended, so that another may be available; before its exchange receives the outcome. `now` is
   * on the Clock of the exchange.
   */
  readonly onStreamEnd: (connection: Http2Connection, exchange: Exchange, now: number) => void
  /** Called at most once, when the connection takes no more streams. It closes after its last one. */
  readonly onRetiring: (connection: Http2Connection) => void
  /** Called once, when the connection is closed or closing and all exchanges have their outcome. */
  readonly onClosed: (connection: Http2Connection, reason: Reason) => void
  /** Called when the server requires HTTP/1.1 for a request, before its exchange receives the error. */
  readonly onHttp1Required: (connection: Http2Connection) => void
}

/** The time in which a server must send its SETTINGS; milliseconds. */
const settingsTimeout = 10_000

/** How long a closing connection waits until the socket has taken its last bytes; milliseconds. */
const lastWriteTime = 1000

/** Encoded blocks of fields up to this size are read to their end, whatever the limit of decoded heads; bytes. */
const smallestBlock = 128 * 1024

export class Http2Connection
  extends StreamHost
  implements Pooled, InboundOwner, OutputOwner, LivenessOwner, SocketEvents
{
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
  /** The slot of the pool that the connection holds while it has streams. */
  lease: Lease<Pooled> | undefined = undefined
  readonly output: Output
  readonly resets: ResetStreams
  private readonly owner: Http2Owner
  private readonly reader: FrameReader
  protected readonly inbound: Inbound
  protected readonly liveness: Liveness
  private readonly socket: ConnectionSocket
  private isAwaited = false
  private retireReason: Reason = "Retired"
  private settingsDue: Deadline | undefined = undefined

  constructor(
    id: number,
    key: string,
    wire: NetworkStream,
    limits: Http2Limits,
    owner: Http2Owner,
    age: ConnectionAge
  ) {
    super()
    this.id = id
    this.key = key
    this.wire = wire
    this.limits = limits
    this.owner = owner
    this.age = age
    const { socket } = wire
    this.resets = new ResetStreams(limits.maxConcurrentStreams, () => owner.onAvailable(this))
    this.output = new Output(socket, this)
    this.output.frames.raw(clientPreface(limits))
    this.liveness = new Liveness(this, limits.pingTimeout, limits.pingInterval)
    this.inbound = new Inbound(this)
    this.reader = new FrameReader(this.inbound, Math.max(smallestBlock, 2 * limits.maxHeadSize))
    this.socket = new ConnectionSocket(socket, this, wire.tls !== undefined)
    wire.reader.read(this.onBytes)
    // The socket may have closed before these listeners were added.
    if (socket.destroyed && !this.closed) this.onLost(undefined)
  }

  /** Whether requests wait for a stream. The socket then keeps the process alive. */
  get awaited(): boolean {
    return this.isAwaited
  }
  set awaited(value: boolean) {
    if (value === this.isAwaited) return
    this.isAwaited = value
    if (value) this.socket.ref()
    else if (this.count === 0) this.output.scheduleFlush()
  }

  /** Opens no more streams, and closes after the last one. */
  retire(reason: Reason): void {
    if (this.state !== "open") return
    this.state = "retiring"
    this.retireReason = reason
    this.output.scheduleFlush()
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

  // Called by its streams.

  protected onBegin(deadlines: Deadlines, now: number): void {
    this.socket.ref()
    this.liveness.onRequest(now, deadlines)
    if (!this.ready) {
      this.settingsDue ??= deadlines.schedule(now + settingsTimeout, () => this.onNoSettings())
    }
  }

  protected onStreamEnd(exchange: Exchange, now: number): void {
    this.owner.onStreamEnd(this, exchange, now)
  }

  /** Lets the process end at once: a turn for it would cost a single request more than `ref` and `unref` do. */
  protected onEmpty(): void {
    if (this.state === "open" && !this.isAwaited && this.output.frames.size === 0) this.socket.unref()
    else this.output.scheduleFlush()
  }

  onHttp1Required(): void {
    this.owner.onHttp1Required(this)
  }

  // Called by the output and the liveness.

  /** Lets a connection without streams become idle, or closes it if it retires. */
  onTurnEnd(): void {
    if (this.count > 0) return
    if (this.state === "retiring") this.close(this.retireReason)
    else if (!this.isAwaited) this.socket.unref()
  }

  onUnread(): void {
    this.fault(tooMuch("expected a server that reads the answers that it asks for"), 0)
  }

  sendPing(): void {
    this.output.frames.ping(false, pingBytes, 0)
    this.output.scheduleFlush()
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

  // Called for received frames.

  onSettings(settings: PeerSettings): void {
    this.settingsDue?.cancel()
    this.settingsDue = undefined
    const { headerTableSize, smallestTableSize } = settings
    if (smallestTableSize < headerTableSize) this.encoder.setMaxTableSize(smallestTableSize)
    this.encoder.setMaxTableSize(headerTableSize)
    this.owner.onAvailable(this)
  }

  onGoAway(lastTaken: number, code: number, debug: string): void {
    this.isRefusing = true
    this.retire("GoAway")
    // A server that ends the connection because of an error may have acted on requests above its last stream: node:http2,
    // after many resets, passes on all that it has read before the GOAWAY leaves.
    const unprocessed = code === NO_ERROR || lastTaken === 0
    const repeatable = code === ENHANCE_YOUR_CALM ? "never" : unprocessed ? "unsent" : "sent"
    const rotated = lastTaken > 0 && code === NO_ERROR
    for (const stream of this.open.all()) {
      if (stream.id <= lastTaken) continue
      const { exchange } = stream
      stream.onRefused(
        (phase) => refusedByGoAway(exchange, this.wire, phase, { code, debug, unprocessed }),
        repeatable,
        rotated
      )
    }
  }

  /** Ends the connection because the server broke the protocol, on the stream `id` or on no particular one. */
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
    const { deadlines } = this
    if (deadlines !== undefined) {
      this.receivedAt = deadlines.now()
      this.liveness.touch(this.receivedAt, deadlines)
    }
    this.isReading = true
    this.resets.confirm()
    this.reader.execute(slab, start, end)
    this.isReading = false
    return true
  }

  readonly onDrain = (): void => {
    if (!this.closed) this.output.drained()
  }

  readonly onEnd = (): void => {
    this.onLost(failedWrite(this.wire.socket))
  }

  readonly onSocketError = (error: NodeJS.ErrnoException): void => {
    this.onLost(error)
  }

  readonly onClose = (): void => {
    this.onLost(undefined)
  }

  /** Called when the socket has closed or failed. */
  private onLost(error: NodeJS.ErrnoException | undefined, reason?: Reason): void {
    if (this.closed) return
    const orderly = this.isRefusing ? "GoAway" : "PeerClosed"
    const closeReason = reason ?? (this.count > 0 ? "Error" : orderly)
    this.end(undefined)
    for (const stream of this.open.all()) stream.onCut(error)
    this.owner.onClosed(this, closeReason)
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
    if (code === undefined || socket.destroyed) socket.destroy()
    else destroyWithin(socket, lastWriteTime)
  }
}

/** Destroys a socket once the system has taken its last bytes, at the latest after `millis` milliseconds. */
const destroyWithin = (socket: Net.Socket, millis: number): void => {
  socket.destroySoon()
  const timer = setTimeout(() => socket.destroy(), millis)
  timer.unref()
  socket.once("close", () => clearTimeout(timer))
}

const pingBytes = Buffer.from("liveness", "latin1")
