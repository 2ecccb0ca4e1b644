/** The state machine of a connection in another protocol, with callbacks: its bytes, and every way to close. */
import type { Socket } from "node:net"
import { showAs } from "../inspection.js"
import type { Deadline, Deadlines } from "../transport/deadlines.js"
import type { NetworkStream } from "../transport/networkStream.js"
import { type Sending, Sends } from "./sends.js"

/** Why the connection ended before the peer ended its side. */
export interface Ending {
  readonly reason: "Broken" | "Closed"
  readonly cause?: unknown
}

/** Bytes in the buffer at which reading pauses. */
const capacity = 256 * 1024

const closed: Ending = { reason: "Closed" }
const broken: Ending = { reason: "Broken" }
const nothing = () => {}

export class UpgradedConnection {
  static {
    showAs(UpgradedConnection, "UpgradedConnection", ({ ending, received }) => ({ received, ended: ending?.reason }))
  }

  /** Number of received bytes. */
  received = 0
  /** Why no more bytes arrive; `undefined` while they may arrive, and if the peer ended its side. */
  ending: Ending | undefined = undefined
  /** Whether the peer has ended its side. */
  ended = false
  private readonly socket: Socket
  private readonly wire: NetworkStream
  private readonly deadlines: Deadlines
  /** Milliseconds that `close` waits for sent data to reach the system. */
  private readonly closeTimeout: number
  private chunks: Array<Uint8Array> = []
  private size = 0
  private paused = false
  private gone = false
  /** Whether this side has ended, so that nothing can be sent. */
  private sentEnd = false
  private deadline: Deadline | undefined = undefined
  /** The time at which the socket is destroyed. Set when the session closes; later limits do not extend it. */
  private destroyAt = Infinity
  private readonly sends: Sends<Ending>
  private readonly waiters = new Set<() => void>()
  private readonly closers = new Set<() => void>()

  constructor(wire: NetworkStream, deadlines: Deadlines, closeTimeout: number) {
    this.wire = wire
    this.socket = wire.socket
    this.sends = new Sends(wire.socket)
    this.deadlines = deadlines
    this.closeTimeout = closeTimeout
  }

  /** Starts reading. `rest` are the bytes that were received together with the head. */
  start(rest: Uint8Array): void {
    const { socket } = this
    socket.on("error", this.onError)
    socket.on("end", this.onEnd)
    socket.on("close", this.onSocketClose)
    if (rest.length > 0) this.add(rest)
    if (socket.destroyed) {
      this.lose(broken)
      if (socket.closed) this.onSocketClose()
      return
    }
    this.wire.reader.read(this.onData)
    if (!this.paused) this.wire.reader.resume()
  }

  /** Removes and returns the buffered chunks. */
  take(): Array<Uint8Array> {
    const { chunks } = this
    this.chunks = []
    this.size = 0
    if (this.paused) {
      this.paused = false
      this.wire.reader.resume()
    }
    return chunks
  }

  /** Calls `wake` once, when there are bytes or the connection has ended. The returned function cancels this. */
  onReady(wake: () => void): () => void {
    if (this.size > 0 || this.ended || this.ending !== undefined) {
      wake()
      return nothing
    }
    this.waiters.add(wake)
    return () => this.waiters.delete(wake)
  }

  /** Sends data. Returns `undefined` if the system has accepted the data, or the reason why it cannot be sent. */
  send(data: string | Uint8Array): Sending<Ending> | Ending | undefined {
    // Node ends this side as soon as the peer has ended its own.
    if (this.sentEnd || this.ended || this.gone) return this.ending ?? (this.sentEnd ? closed : broken)
    return this.sends.send(data.length, false, (written) => this.socket.write(data, "utf8", written))
  }

  /** Ends this side after the sent data. The peer may continue to send. */
  end(): void {
    if (this.sentEnd || this.ended || this.gone) return
    this.sentEnd = true
    this.socket.end()
  }

  /** Closes both sides when the system has accepted the sent data, at the latest after `closeTimeout`. */
  close(): void {
    if (this.gone) return
    this.finish(closed)
    this.sentEnd = true
    this.limit(this.closeTimeout)
    this.socket.destroySoon()
  }

  /** Ends this side, because the session closes. The peer gets `limit` milliseconds to end its own. */
  shutdown(limit: number): void {
    if (this.gone) return
    this.destroyAt = this.deadlines.now() + limit
    this.end()
    this.limit(limit)
  }

  /** Calls `done` when the socket is closed. The returned function cancels this. */
  onClosed(done: () => void): () => void {
    if (this.gone) {
      done()
      return nothing
    }
    this.closers.add(done)
    return () => this.closers.delete(done)
  }

  private readonly onData = (slab: Buffer, start: number, end: number): boolean => {
    if (this.ending !== undefined) return true
    this.add(slab.subarray(start, end))
    this.paused = this.size >= capacity
    return !this.paused
  }

  private readonly onError = (cause: Error): void => this.lose({ reason: "Broken", cause })

  private readonly onEnd = (): void => {
    this.ended = true
    this.wake()
  }

  private readonly onSocketClose = (): void => {
    if (this.gone) return
    this.gone = true
    this.deadline?.cancel()
    if (!this.ended) this.finish(this.destroyAt === Infinity ? broken : closed)
    this.sends.end(this.ending ?? broken)
    const closers = [...this.closers]
    this.closers.clear()
    for (const done of closers) done()
  }

  private add(bytes: Uint8Array): void {
    this.received += bytes.length
    this.size += bytes.length
    // Copies the bytes, because the next read reuses the slab.
    this.chunks.push(Uint8Array.from(bytes))
    this.wake()
  }

  private lose(ending: Ending): void {
    if (!this.ended) this.finish(ending)
    this.socket.destroy()
  }

  private finish(ending: Ending): void {
    this.ending ??= ending
    this.wake()
  }

  // Wakes all waiters, because the first may be interrupted before it takes the bytes.
  private wake(): void {
    const waiters = [...this.waiters]
    this.waiters.clear()
    for (const waiter of waiters) waiter()
  }

  private limit(millis: number): void {
    this.deadline?.cancel()
    const at = Math.min(this.destroyAt, this.deadlines.now() + millis)
    this.deadline = this.deadlines.schedule(at, () => this.socket.destroy())
  }
}
