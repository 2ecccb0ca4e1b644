/**
 * An open socket, ready for HTTP: what dialling ends with and a connection begins with.
 */
import type * as Net from "node:net"
import type { TlsInfo } from "../../Ssl.js"

/** Bytes that came. They are valid during the call only; `false` stops reading until `resume`. */
export type OnData = (slab: Buffer, start: number, end: number) => boolean

/** A socket with its facts. Whoever holds it sets `onData`; until then nothing is read. */
export interface Wire {
  readonly socket: Net.Socket
  readonly remoteAddress: string
  readonly localAddress: string | undefined
  /** The origin's TLS, never the proxy's. */
  readonly tls: TlsInfo | undefined
  /** Addresses that were tried before this one. */
  readonly failed: ReadonlyArray<{ readonly address: string; readonly port: number; readonly code: string }>
  /** Whether it leads to an http proxy that takes requests in absolute form. */
  readonly forward: boolean
  /** Hands what comes to `onData`, also what had come before. */
  readonly read: (onData: OnData) => void
}

/** The sockets of one attempt to connect, until one is adopted. */
export class Sockets {
  private readonly all = new Set<Net.Socket>()
  private readonly onSocket: ((socket: Net.Socket) => void) | undefined

  /** `onSocket` is told of each. */
  constructor(onSocket?: (socket: Net.Socket) => void) {
    this.onSocket = onSocket
  }

  /** Called in the step that makes the socket. */
  add(socket: Net.Socket): void {
    this.onSocket?.(socket)
    this.all.add(socket)
    socket.once("close", () => this.all.delete(socket))
  }

  destroy(): void {
    for (const socket of this.all) socket.destroy()
    this.all.clear()
  }
}

const slabSize = 64 * 1024

/** One slab serves all sockets: what it holds is used or copied before the callback returns. */
const slab = Buffer.allocUnsafeSlow(slabSize)

/** Options for net.connect that read into the shared slab, and the `read` that belongs to them. */
export const slabReader = (): {
  readonly onread: { readonly buffer: Buffer; readonly callback: (bytes: number, buffer: Uint8Array) => boolean }
  readonly read: (onData: OnData) => void
} => {
  let current: OnData | undefined
  // Bytes that a server sends before anybody reads, which only a faulty one does.
  let early: Array<Buffer> = []
  return {
    onread: {
      buffer: slab,
      callback: (bytes) => {
        if (current !== undefined) return current(slab, 0, bytes)
        early.push(Buffer.from(slab.subarray(0, bytes)))
        return false
      }
    },
    read: (onData) => {
      current = onData
      const chunks = early
      early = []
      for (const chunk of chunks) onData(chunk, 0, chunk.length)
    }
  }
}

/** The `read` of a socket that emits "data", which is paused until then. */
export const dataReader = (socket: Net.Socket): ((onData: OnData) => void) => {
  let current: OnData | undefined
  return (onData) => {
    const first = current === undefined
    current = onData
    if (!first) return
    socket.on("data", (chunk: Buffer) => {
      if (current?.(chunk, 0, chunk.length) === false) socket.pause()
    })
    socket.resume()
  }
}
