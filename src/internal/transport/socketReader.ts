/** Reads sockets into slabs. Most slabs are reused for the next read. */
import type * as Net from "node:net"
import { atTurnEnd, type Turning } from "./endOfTurn.js"

/** Receives bytes, which are valid only during the call. Returning `false` pauses reading until `resume`. */
export type OnData = (slab: Buffer, start: number, end: number) => boolean

/** The reading side of a socket. */
export interface SocketReader {
  /** Passes all bytes to `onData`, including those received earlier. */
  readonly read: (onData: OnData) => void
  /** Resumes reading after `onData` returned `false`. */
  readonly resume: () => void
  /**
   * Whether the caller may keep the whole slab of the current call of `onData`. The first call returns `false`, and
   * makes later slabs keepable.
   */
  readonly keep: () => boolean
}

const slabSize = 128 * 1024

/**
 * Most bytes that are read from one socket per turn of the event loop. libuv reads up to 32 full slabs in a row, which
 * would all be processed before any timer.
 */
const turnSize = 1024 * 1024

/** Bytes that each chunk counts at the least, because a TLS peer may send single bytes in separate records. */
const chunkCost = 8 * 1024

/** Pauses a socket until the next turn when it has used its share of this one. */
abstract class TurnReader implements Turning {
  /** Bytes read since the last pause. */
  private bytesRead = 0
  private yielding = false
  /** Whether to resume after the pause. */
  private resumes = false

  protected abstract get socket(): Net.Socket | undefined

  resume(): void {
    if (this.yielding) this.resumes = true
    else this.resumeSocket()
  }

  endTurn(): void {
    this.yielding = false
    if (this.resumes) this.resumeSocket()
  }

  /** Counts bytes. `more` is true if the consumer accepts more. Returns whether reading continues now. */
  protected count(bytes: number, more: boolean): boolean {
    this.bytesRead += bytes
    if (this.bytesRead < turnSize) return more
    this.bytesRead = 0
    this.resumes = more
    if (!this.yielding) atTurnEnd(this)
    this.yielding = true
    return false
  }

  private resumeSocket(): void {
    const { socket } = this
    if (socket !== undefined && !socket.destroyed) socket.resume()
  }
}

/** A slab that all sockets share, because its content is consumed or copied before the callback returns. */
const sharedSlab = Buffer.allocUnsafeSlow(slabSize)

/** A slab that a consumer did not keep, for reuse. */
let spare: Buffer | undefined

const takeSlab = (): Buffer => {
  const slab = spare ?? Buffer.allocUnsafeSlow(slabSize)
  spare = undefined
  return slab
}

/** The `onread` option of net.connect. */
export interface OnRead {
  /** Returns the slab for the next read. */
  readonly buffer: () => Buffer
  readonly callback: (bytes: number) => boolean
}

/** Reads into the shared slab, or into separate slabs if the consumer keeps them. */
export class SlabReader extends TurnReader implements SocketReader {
  protected socket: Net.Socket | undefined = undefined
  private slab: Buffer = sharedSlab
  /** Whether the consumer called `keep` for the current slab. */
  private isSlabKept = false
  private onData: OnData | undefined = undefined
  /** Bytes that were received before `read` was called, which happens only with misbehaving servers. */
  private earlyChunks: Array<Buffer> = []

  readonly onread: OnRead = {
    buffer: () => this.next(),
    callback: (bytes) => this.onBytes(bytes)
  }

  /** Sets the socket that was created with `onread`. */
  attach(socket: Net.Socket): void {
    this.socket = socket
  }

  read(onData: OnData): void {
    this.onData = onData
    const chunks = this.earlyChunks
    this.earlyChunks = []
    for (const chunk of chunks) onData(chunk, 0, chunk.length)
  }

  keep(): boolean {
    this.isSlabKept = true
    return this.slab !== sharedSlab
  }

  private onBytes(bytes: number): boolean {
    if (this.onData !== undefined) return this.count(bytes, this.onData(this.slab, 0, bytes))
    this.earlyChunks.push(Buffer.from(this.slab.subarray(0, bytes)))
    return false
  }

  private next(): Buffer {
    if (this.isSlabKept) {
      this.isSlabKept = false
      this.slab = takeSlab()
    } else if (this.slab !== sharedSlab) {
      spare = this.slab
      this.slab = sharedSlab
    }
    return this.slab
  }
}

/** Reads a socket that emits "data". The socket is paused until `read`. */
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

  /** Always `true`, because the chunks that a socket emits are not shared. */
  keep(): boolean {
    return true
  }
}
