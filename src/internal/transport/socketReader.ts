/**
 * How bytes come out of a socket: into slabs, most of which are used again for the next read.
 */
import type * as Net from "node:net"

/** Bytes that came. They are valid during the call only; `false` stops reading until `resume`. */
export type OnData = (slab: Buffer, start: number, end: number) => boolean

/** The reading side of a socket. */
export interface SocketReader {
  /** Hands what comes to `onData`, also what had come before. */
  readonly read: (onData: OnData) => void
  /**
   * Asked by whoever wants to keep a whole slab that was handed to `onData`, during that call: whether it may. The
   * first slab of a large body may not be kept; those that follow may, as the question has been asked.
   */
  readonly keep: () => boolean
}

const slabSize = 128 * 1024

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
export class SlabReader implements SocketReader {
  private slab: Buffer = shared
  private asked = false
  private onData: OnData | undefined = undefined
  /** Bytes that a server sends before anybody reads, which only a faulty one does. */
  private early: Array<Buffer> = []

  readonly onread: OnRead = {
    buffer: () => this.next(),
    callback: (bytes) => this.came(bytes)
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
    if (this.onData !== undefined) return this.onData(this.slab, 0, bytes)
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
export class DataReader implements SocketReader {
  private readonly socket: Net.Socket
  private onData: OnData | undefined = undefined

  constructor(socket: Net.Socket) {
    this.socket = socket
  }

  read(onData: OnData): void {
    const first = this.onData === undefined
    this.onData = onData
    if (!first) return
    this.socket.on("data", (chunk: Buffer) => {
      if (this.onData?.(chunk, 0, chunk.length) === false) this.socket.pause()
    })
    this.socket.resume()
  }

  /** Nobody else has the chunks that a socket emits. */
  keep(): boolean {
    return true
  }
}
