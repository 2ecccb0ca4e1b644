/**
 * An open socket, ready for HTTP: what dialling ends with and a connection begins with.
 */
import type * as Net from "node:net"
import type { TlsInfo } from "../../Ssl.js"
import type { SocketReader } from "./socketReader.js"

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
  readonly reader: SocketReader
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
