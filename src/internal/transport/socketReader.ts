/**
 * How bytes come out of a socket: into slabs, most of which are used again for the next read.
 */
import type * as Net from "node:net"
import { atTurnEnd, type Turning } from "./endOfTurn.js"

/** Bytes that came. They are valid during the call only; `false` stops reading until `resume`. */
export type OnData = (slab: Buffer, start: number, end: number) => boolean

/** The reading side of a socket. */
export interface SocketReader {
  /** Hands what comes to `onData`, also what had come before. */
  readonly read: (onData: OnData) => void
  /** Reads on after an `onData` that returned `false`. */
  readonly resume: () => void
  /**
   * Asked by whoever wants to keep a whole slab that was handed to `onData`, during that call: whether it may. The
   * first slab of a large body may not be kept; those that follow may, as the question has been asked.
   */
  readonly keep: () => boolean
}

const slabSize = 128 * 1024

/**
 * Bytes of one socket that are read in one turn of the event loop: libuv reads up to 32 full slabs, and what takes the
 * bytes does so before a timer runs.
 */
const turnSize = 1024 * 1024

/** What an emitted chunk counts as at least: a TLS peer may send a byte in each record. */
const chunkCost = 8 * 1024

/** Reads a socket, which rests until the next turn when it has had its share of this one. */
abstract class TurnReader implements Turning {
  private taken = 0
  private resting = false
  /** Whether it reads on after the rest. */
  private wanted = false

  protected abstract get socket(): Net.Socket | undefined

  resume(): void {
    if (this.resting) this.wanted = true
    else this.goOn()
  }

  endTurn(): void {
    this.resting = false
    if (this.wanted) this.goOn()
  }

  /** Counts what was read; `more`: whether it is read on. Gives whether to read on now. */
  protected count(bytes: number, more: boolean): boolean {
    this.taken += bytes
    if (this.taken < turnSize) return more
    this.taken = 0
    this.wanted = more
    if (!this.resting) atTurnEnd(this)
    this.resting = true
    return false
  }

  private goOn(): void {
    const { socket } = this
    if (socket !== undefined && !socket.destroyed) socket.resume()
  }
}

/** One slab serves all sockets: what it holds is used or copied before the callback returns. */
const shared = Buffer.allocUnsafeSlow(slabSize)

/** A slab that a socket had for itself and nobody kept. */
let spare: Buffer | undefined

const ownSlab = (): Buffer => {
  const slab = spare ?? Buffer.allocUnsafeSlow(slabSize)
  spare = undefined
  return slab
}

/** What net.connect is told of a reader. */
export interface OnRead {
  /** The slab of the next read. */
  readonly buffer: () => Buffer
  readonly callback: (bytes: number) => boolean
}

/** Reads into the shared slab; while slabs are being kept, into slabs of the socket's own. */
export class SlabReader extends TurnReader implements SocketReader {
  protected socket: Net.Socket | undefined = undefined
  private slab: Buffer = shared
  private asked = false
  private onData: OnData | undefined = undefined
  /** Bytes that a server sends before anybody reads, which only a faulty one does. */
  private early: Array<Buffer> = []

  readonly onread: OnRead = {
    buffer: () => this.next(),
    callback: (bytes) => this.came(bytes)
  }

  /** The socket that was made with `onread`. */
  own(socket: Net.Socket): void {
    this.socket = socket
  }

  read(onData: OnData): void {
    this.onData = onData
    const chunks = this.early
    this.early = []
    for (const chunk of chunks) onData(chunk, 0, chunk.length)
  }

  keep(): boolean {
    this.asked = true
    return this.slab !== shared
  }

  private came(bytes: number): boolean {
    if (this.onData !== undefined) return this.count(bytes, this.onData(this.slab, 0, bytes))
    this.early.push(Buffer.from(this.slab.subarray(0, bytes)))
    return false
  }

  private next(): Buffer {
    if (this.asked) {
      this.asked = false
      this.slab = ownSlab()
    } else if (this.slab !== shared) {
      spare = this.slab
      this.slab = shared
    }
    return this.slab
  }
}

/** The reader of a socket that emits "data", which is paused until then. */
export class DataReader extends TurnReader implements SocketReader {
  protected readonly socket: Net.Socket
  private onData: OnData | undefined = undefined

  constructor(socket: Net.Socket) {
    super()
    this.socket = socket
  }

  read(onData: OnData): void {
    const first = this.onData === undefined
    this.onData = onData
    if (!first) return
    this.socket.on("data", (chunk: Buffer) => {
      const more = this.onData?.(chunk, 0, chunk.length) !== false
      if (!this.count(Math.max(chunk.length, chunkCost), more)) this.socket.pause()
    })
    this.socket.resume()
  }

  /** Nobody else has the chunks that a socket emits. */
  keep(): boolean {
    return true
  }
}
